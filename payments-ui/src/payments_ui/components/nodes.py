"""The services and tasks of a workspace as a table: how each is, why, since when, and what it costs.

It must not hide one that is not well, whatever is filtered: that is the page's choice.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime, tzinfo

from markupsafe import Markup

from payments_ui import state
from payments_ui.components import grid, status, times
from payments_ui.components.status import Look
from payments_ui.workspace.wire import Node

READY = "ready"
LOOKS = {
    READY: Look("ready", "disc", "good", "Runs, and has shown that it may be used."),
    "running": Look("running", "diamond", "wait", "At work."),
    "starting": Look("starting", "ring", "wait", "Not ready yet."),
    "stopping": Look("stopping", "bars", "wait", "Being ended."),
    "stopped": Look("stopped", "bars", "wait", "Nothing of it runs."),
    "failed": Look(
        "failed", "square", "bad", "It ended, or was not ready in time; the reason stands beside."
    ),
    "succeeded": Look("succeeded", "disc", "good", "Done; a task runs once."),
    "pending": Look("not run", "ring", "wait", "A task that was not asked for, or waits."),
}
MEBIBYTE = 1_048_576


def phase_of(node: Node) -> str:
    """Return the phase, a key of LOOKS; of a service, running and ready are two things."""
    return READY if node.phase == "running" and node.ready and not node.is_task else node.phase


def badge(node: Node) -> Markup:
    """Markup of how it is; a phase that this version does not know keeps its own word."""
    phase = phase_of(node)
    return status.drawn(LOOKS.get(phase) or Look(phase, "diamond", "wait", ""))


def table(nodes: Iterable[Node], urls: Mapping[str, str], zone: tzinfo, now: datetime) -> Markup:
    """Markup of the table; each name leads to its log, each port to where it answers."""
    heads = ("Name", "State", "Since", "Ports", "Process", "CPU", "Memory", "Restarts", "Reason")
    rows = (
        (
            Markup('<a href="{}" title="{}">{}</a>{}').format(
                state.page_link(state.WORKSPACE_PATH, log=node.id),
                f"{node.name}: its log",
                node.id,
                Markup(' <span class="pay-currency">task</span>') if node.is_task else "",
            ),
            badge(node),
            times.moment(node.since, zone, now),
            _ports(node, urls.get(node.id, "")),
            str(node.pid or ""),
            "" if node.cpu is None else f"{node.cpu:.1f} %",
            "" if node.memory_bytes is None else f"{node.memory_bytes // MEBIBYTE:,} MB",
            "" if node.is_task else str(node.restarts),
            node.reason + ("; its definition has changed since it started" if node.stale else ""),
        )
        for node in nodes
    )
    return grid.table("Services and tasks", heads, rows, "Process,CPU,Memory,Restarts")


def _ports(node: Node, url: str) -> Markup:
    shown = (
        Markup('<a href="{}" target="_blank" rel="noopener">{}</a>').format(url, port)
        if url.startswith("http://") and url.endswith(f":{port}")
        else Markup("{}").format(port)
        for port in node.ports
    )
    return Markup(", ").join(shown)
