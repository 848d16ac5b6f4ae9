"""The screen: services and tasks on the left; log, start-up and reasons of the chosen one beside them.

It must not touch the workspace but through its `Source`.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, ClassVar

from rich.text import Text
from textual import work
from textual.app import App, ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.widgets import DataTable, Footer, RichLog, Static, TabbedContent, TabPane

from devtools.cli.shapes import age
from devtools.cli.timeline import drawn
from devtools.timeline import read

if TYPE_CHECKING:
    from collections.abc import Callable

    from devtools.view.source import Source

STYLES = {
    "running": "green",
    "succeeded": "green",
    "failed": "bold red",
    "starting": "yellow",
    "stopping": "yellow",
    "pending": "dim",
    "stopped": "dim",
}
COLUMNS = ("NODE", "PHASE", "SINCE", "PORTS", "CPU", "MEMORY")


class View(App[None]):
    """The workspace on one screen; leaving it stops nothing."""

    CSS = """
    #summary { height: 1; background: $primary; color: $text; padding: 0 1; }
    #nodes { width: 58; height: 1fr; border-right: solid $primary; }
    #reason { height: auto; max-height: 4; padding: 0 1; color: $text-muted; }
    #beside { width: 1fr; }
    RichLog, VerticalScroll { padding: 0 1; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        ("s", "act('start')", "Start"),
        ("x", "act('stop')", "Stop"),
        ("r", "act('restart')", "Restart"),
        ("l", "show('log')", "Log"),
        ("t", "show('startup')", "Start-up"),
        ("w", "show('why')", "Why"),
        ("q", "quit", "Leave"),
    ]
    ENABLE_COMMAND_PALETTE = False

    def __init__(self, source: Source) -> None:
        super().__init__()
        self.source = source
        self.nodes: dict[str, dict[str, Any]] = {}
        self.chosen = ""
        self.has_ended = False
        self._offset: int | None = None

    def compose(self) -> ComposeResult:
        """The summary, the table, the three panes, the keys."""
        yield Static(id="summary")
        with Horizontal():
            yield DataTable[Text](id="nodes", cursor_type="row", zebra_stripes=True)
            with Vertical(id="beside"):
                yield Static(id="reason")
                with TabbedContent(initial="log"):
                    yield TabPane("Log", RichLog(id="lines", max_lines=5000, wrap=True), id="log")
                    yield TabPane("Start-up", VerticalScroll(Static(id="chart")), id="startup")
                    yield TabPane("Why", VerticalScroll(Static(id="reasons")), id="why")
        yield Footer()

    def on_mount(self) -> None:
        """Listen to the supervisor, and look at clocks, figures and logs now and then."""
        table = self._table
        for name in COLUMNS:
            table.add_column(name, key=name)
        table.focus()
        threading.Thread(target=self._listen, daemon=True).start()
        self.set_interval(1.0, self._redraw)
        self.set_interval(2.0, self._look)
        self.set_interval(0.25, self._more_log)
        self._redraw()

    @property
    def _table(self) -> DataTable[Text]:
        return self.query_one("#nodes", DataTable)  # pyright: ignore[reportUnknownVariableType]

    # What comes in

    def _listen(self) -> None:
        """In a thread of its own: it blocks on the supervisor, and ends with it or with the program."""
        for node in self.source.events():
            if not self._hand(self.take, node):
                return
        self._hand(self.end)

    def _hand(self, call: Callable[..., None], *arguments: object) -> bool:
        """Give work from a thread to the screen; False where the view was left meanwhile."""
        try:
            return self.call_later(call, *arguments)
        except RuntimeError:  # its loop is closed
            return False

    def take(self, node: dict[str, Any]) -> None:
        """One node as it is now."""
        name = node["id"]
        is_new = name not in self.nodes
        self.nodes[name] = {**self.nodes.get(name, {}), **node}
        if is_new:
            self._table.add_row(*self._cells(self.nodes[name]), key=name)
            self.chosen = self.chosen or name
        self._redraw()

    def end(self) -> None:
        """The supervisor has gone; what was seen stays on the screen."""
        self.has_ended = True
        self._redraw()

    @work(thread=True, exclusive=True, group="figures")
    def _look(self) -> None:
        figures = self.source.figures()
        self._hand(self._take_figures, figures)

    def _take_figures(self, figures: dict[str, dict[str, Any]]) -> None:
        for name in figures.keys() & self.nodes.keys():
            for key in ("cpu", "memory_bytes"):
                self.nodes[name][key] = figures[name].get(key)
        self._redraw()

    # What is shown

    def _redraw(self) -> None:
        table = self._table
        for name, node in self.nodes.items():
            for column, cell in zip(COLUMNS, self._cells(node), strict=True):
                table.update_cell(name, column, cell, update_width=True)
        self.query_one("#summary", Static).update(self._summary())
        node = self.nodes.get(self.chosen)
        self.query_one("#reason", Static).update(Text(node["reason"] or "ready" if node else ""))
        self._chart()

    def _cells(self, node: dict[str, Any]) -> list[Text]:
        memory, cpu = node.get("memory_bytes"), node.get("cpu")
        return [
            Text(node["id"]),
            Text(node["phase"], STYLES.get(node["phase"], "")),
            Text(age(self.source.now() - node["since"]) if node.get("since") else "-", justify="right"),
            Text(",".join(map(str, node.get("ports") or ())) or "-"),
            Text("-" if cpu is None else f"{cpu:.1f}%", justify="right"),
            Text("-" if memory is None else f"{memory / 1048576:.0f} MB", justify="right"),
        ]

    def _summary(self) -> Text:
        services = [node for node in self.nodes.values() if node["kind"] == "service"]
        ready = sum(1 for node in services if node["phase"] == "running" and node["ready"])
        failed = [node["id"] for node in self.nodes.values() if node["phase"] == "failed"]
        parts = [self.source.name, f"{ready} of {len(services)} services ready"]
        if failed:
            parts.append(f"failed: {', '.join(failed)}")
        if self.has_ended:
            parts.append("nothing runs any more")
        return Text("  ·  ".join(parts), "bold")

    def _chart(self) -> None:
        found = read(self.nodes)
        width = max((len(bar.id) for bar in found.bars), default=0)
        chart = Text()
        for bar in found.bars:
            line = f"{bar.id.ljust(width)} {bar.ready_s:6.2f}s {drawn(bar, found.total_s)}\n"
            chart.append(line, "bold" if bar.is_critical else "")
        chain = " → ".join(found.critical) or "-"
        chart.append(f"\ntotal {found.total_s:.2f} s; critical path: {chain}")
        self.query_one("#chart", Static).update(chart)

    def _more_log(self) -> None:
        if not self.chosen:
            return
        lines, self._offset = self.source.log(self.chosen, self._offset)
        pane = self.query_one("#lines", RichLog)
        for line in lines:
            pane.write(Text.from_ansi(line))

    def on_data_table_row_highlighted(self, event: DataTable.RowHighlighted) -> None:
        """Another node is chosen: its log from the end, its reasons."""
        name = event.row_key.value
        if name is None or (name == self.chosen and self._offset is not None):
            return
        self.chosen, self._offset = name, None
        self.query_one("#lines", RichLog).clear()
        self._more_log()
        self._redraw()
        self._explain()

    # What keys do

    def action_show(self, pane: str) -> None:
        """One of the three panes."""
        self.query_one(TabbedContent).active = pane
        if pane == "why":
            self._explain()

    def action_act(self, verb: str) -> None:
        """Start, stop or restart the chosen node."""
        node = self.nodes.get(self.chosen)
        if node is None or (node["kind"] == "task" and verb == "restart"):
            return
        self._act(verb, node)

    @work(thread=True, group="acts")
    def _act(self, verb: str, node: dict[str, Any]) -> None:
        said = self.source.act(verb, node)
        self._hand(self._tell, said)

    def _tell(self, said: str) -> None:
        self.notify(said, severity="error" if "error:" in said else "information")

    @work(thread=True, exclusive=True, group="why")
    def _explain(self) -> None:
        lines = self.source.why(self.chosen) if self.chosen else []
        self._hand(self._show_reasons, lines)

    def _show_reasons(self, lines: list[str]) -> None:
        self.query_one("#reasons", Static).update(Text.from_ansi("\n".join(lines)))
