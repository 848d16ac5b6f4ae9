"""A validation step by step: how each went, how long it took, and by what it is known.

It must not cut evidence short, and must not call passed what was not run to its end.
"""

import json
from collections.abc import Mapping
from datetime import datetime, tzinfo

from markupsafe import Markup

from payments_ui.components import facts, grid, status, times
from payments_ui.components.status import Look
from payments_ui.workspace.wire import Step, Verdict

LOOKS = {
    "passed": Look("passed", "disc", "good", "It saw what it must."),
    "failed": Look("failed", "square", "bad", "It saw something else."),
    "running": Look("at work", "diamond", "wait", "Being tried now."),
    "pending": Look("to come", "ring", "wait", "Not tried yet."),
    "skipped": Look("not run", "bars", "wait", "An earlier step failed."),
    "broken": Look("broke off", "triangle", "warn", "It ended before its last step."),
}
_TOLD = Markup('<span class="pay-told">{} <span>{}</span></span>')


def head(verdict: Verdict, zone: tzinfo, now: datetime) -> Markup:
    """Markup of how it went on the whole, when, and what was tried."""
    words = Markup("{} of {} steps passed, begun {}, of {}").format(
        sum(step.phase == "passed" for step in verdict.steps),
        len(verdict.steps),
        times.moment(verdict.started_at, zone, now),
        verdict.target,
    )
    return Markup('<p class="pay-sum" role="status">{} <span>{}</span></p>').format(
        status.drawn(LOOKS[_whole(verdict)]), words
    )


def table(verdict: Verdict) -> Markup:
    """Markup of the steps in their order."""
    is_broken = _whole(verdict) == "broken"
    rows = ((step.name, _badge(step, is_broken), _took(step), _known_by(step)) for step in verdict.steps)
    return grid.table("Steps of the validation", ("Step", "Outcome", "Took", "Known by"), rows, "Took")


def blamed(verdict: Verdict) -> Markup | None:
    """Markup of the log of the service to blame, where a step failed and there is one."""
    lines = [line for step in verdict.steps if step.phase == "failed" for line in step.log_tail]
    return facts.raw("\n".join(lines)) if lines else None


def _whole(verdict: Verdict) -> str:
    if verdict.ended_at is not None:
        return "passed" if verdict.passed else "failed"
    return "running" if verdict.at_work else "broken"


def _badge(step: Step, is_broken: bool) -> Markup:
    phase = "broken" if is_broken and step.phase == "running" else step.phase
    return status.drawn(LOOKS.get(phase) or Look(phase, "diamond", "wait", ""))


def _took(step: Step) -> str:
    return f"{step.seconds:.3f}\N{NO-BREAK SPACE}s" if step.phase in {"passed", "failed"} else ""


def _known_by(step: Step) -> Markup | str:
    if step.error is not None:
        return step.error
    evidence: Mapping[str, object] = step.evidence
    return Markup('<span class="pay-known">{}</span>').format(
        Markup("").join(_TOLD.format(name, _plain(value)) for name, value in evidence.items())
    )


def _plain(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
