"""The queues as a table whose figures lead to the jobs behind them. It must not ask for them itself."""

from markupsafe import Markup
from payments_schema.wire.operations import Queues

from payments_ui import state
from payments_ui.components import grid


def table(queues: Queues) -> Markup:
    """Markup of the queues, with links to their dead letters."""
    heads = ("Queue", "Waiting", "Oldest", "Later", "Running", "Dead")
    rows = (
        (
            grid.link(state.page_link(state.JOBS_PATH, queue=line.name), line.name),
            f"{line.ready:,}",
            f"{line.oldest_s:,} s",
            f"{line.scheduled:,}",
            f"{line.running:,}",
            grid.link(state.page_link(state.JOBS_PATH, queue=line.name, status="dead"), f"{line.dead:,}"),
        )
        for line in queues.queues
    )
    return grid.table("Queues", heads, rows, "Waiting,Oldest,Later,Running,Dead")
