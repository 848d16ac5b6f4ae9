"""A start as bars on one axis: who waited, who started, and the chain that made it as long as it was.

It must not leave a figure to be seen only: each bar's seconds stand beside it, the chain is named in words.
"""

from markupsafe import Markup

from payments_ui.components import grid
from payments_ui.workspace.wire import Bar, Timeline

_LANE = Markup(
    '<div class="pay-lane" aria-hidden="true"><i class="pay-queued" style="left:{}%;width:{}%"></i>'
    '<i class="pay-begins{}" style="left:{}%;width:{}%"></i></div>'
)
_AXIS = Markup('<span class="pay-axis"><span>0 s</span><span>{}</span><span>{}</span></span>')


def drawn(timeline: Timeline) -> Markup:
    """Markup of the start, one line for each node by the time when it began."""
    total = timeline.total_s
    heads = ("Name", "Waited", "Itself", "Ready at", _AXIS.format(_seconds(total / 2), _seconds(total)))
    rows = (
        (
            Markup("{}{}").format(bar.id, Markup(" <b>longest chain</b>") if bar.is_critical else ""),
            _seconds(bar.waited_s),
            _seconds(bar.starting_s),
            _seconds(bar.ready_s),
            _lane(bar, total),
        )
        for bar in timeline.nodes
    )
    return grid.table("The last start", heads, rows, "Waited,Itself,Ready at")


def told(timeline: Timeline) -> str:
    """Say in a sentence how long the start took, and because of whom."""
    if not timeline.nodes:
        return "Nothing is ready yet."
    chain = " → ".join(timeline.critical_path)
    late = f" Not ready: {', '.join(timeline.not_ready)}." if timeline.not_ready else ""
    return f"{_seconds(timeline.total_s)} in all, as long as its longest chain: {chain}.{late}"


def _lane(bar: Bar, total_s: float) -> Markup:
    return _LANE.format(
        _share(bar.requested_s, total_s),
        _share(bar.started_s - bar.requested_s, total_s),
        " pay-longest" if bar.is_critical else "",
        _share(bar.started_s, total_s),
        _share(bar.ready_s - bar.started_s, total_s),
    )


def _share(seconds: float, total_s: float) -> str:
    return f"{min(max(seconds / total_s, 0.0), 1.0) * 100:.2f}" if total_s > 0 else "0"


def _seconds(seconds: float) -> str:
    return f"{seconds:.2f}\N{NO-BREAK SPACE}s"
