"""`devtools timeline`: where start-up time went, its critical path, and a budget that CI can hold.

It must answer also where nothing runs any more: the last start's times are kept.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from devtools import console, statefile
from devtools.errors import FAILED, DevtoolsError, WrongUse
from devtools.session import Session, open_session
from devtools.timeline import Bar, Timeline, from_json, read, to_json

if TYPE_CHECKING:
    from typing import Any

WIDTH = 40


def command(
    as_json: Annotated[bool, typer.Option("--json", help="JSON on stdout.")] = False,
    budget: Annotated[
        float | None,
        typer.Option("--budget", metavar="SECONDS", help="Exit 1 where the start took longer (for CI)."),
    ] = None,
) -> int:
    """Show where the time of the last start went, and the chain that made it as long as it was."""
    if budget is not None and budget <= 0:
        raise WrongUse("--budget: seconds, more than 0")
    timeline = _last_start(open_session())
    if not timeline.bars and not timeline.not_ready:
        raise DevtoolsError("no start is known here", hint="`devtools up` starts the workspace")
    if as_json:
        console.out_json(_shape(timeline, budget))
    else:
        _show(timeline)
    if budget is None or _within(timeline, budget):
        return 0
    if timeline.not_ready:
        console.error(f"not ready: {', '.join(timeline.not_ready)}", f"devtools why {timeline.not_ready[0]}")
    else:
        chain = " → ".join(timeline.critical)
        console.error(
            f"the start took {timeline.total_s:.2f} s, its budget is {budget:g} s", f"longest: {chain}"
        )
    return FAILED


def _last_start(session: Session) -> Timeline:
    """As the supervisor took it when that start was over; else what the nodes' times say."""
    told = session.client.get("/v1/timeline")
    if told is not None and (told["nodes"] or told["not_ready"]):
        return from_json(told)
    kept = statefile.read_json(session.workspace.state_dir / "state.json")
    return from_json(kept["start_up"]) if kept.get("start_up") else read(kept.get("nodes") or {})


def _within(timeline: Timeline, budget: float) -> bool:
    return not timeline.not_ready and timeline.total_s <= budget


def _shape(timeline: Timeline, budget: float | None) -> dict[str, Any]:
    within = None if budget is None else _within(timeline, budget)
    return {**to_json(timeline), "budget_s": budget, "within_budget": within}


def _show(timeline: Timeline) -> None:
    rows = [
        [
            bar.id,
            f"{bar.waited_s:.2f}s",
            f"{bar.starting_s:.2f}s",
            f"{bar.ready_s:.2f}s",
            drawn(bar, timeline.total_s),
        ]
        for bar in timeline.bars
    ]
    console.table(["NODE", "WAITED", "ITSELF", "READY AT", "· waits  ━ starts  █ on the critical path"], rows)
    console.out()
    console.out(f"total {timeline.total_s:.2f} s; critical path: {' → '.join(timeline.critical) or '-'}")
    if timeline.not_ready:
        console.out(f"not ready: {', '.join(timeline.not_ready)}")


def drawn(bar: Bar, total_s: float) -> str:
    """A bar of the chart: spaces until it was asked for, dots while it waited, a stroke while it started."""
    scale = WIDTH / total_s if total_s else 0.0
    asked, begun, ready = (round(x * scale) for x in (bar.requested_s, bar.started_s, bar.ready_s))
    stroke = "█" if bar.is_critical else "━"
    return " " * asked + "·" * (begun - asked) + stroke * max(1, ready - begun)
