"""What happened to a payment, on one time axis: how long after its beginning, what, and the facts of it.

It must not leave a step out or reorder what the API told.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, tzinfo

from markupsafe import Markup
from payments_schema.wire.operations import Step

from payments_ui.components import times

_STEP = Markup(
    '<li><span class="pay-after">{after}</span><span class="pay-what">{kind}</span>'
    '<span><strong>{title}</strong> · {moment}<br><span class="pay-told">{told}</span></span></li>'
)


def drawn(steps: Sequence[Step], zone: tzinfo, now: datetime) -> Markup:
    """Markup of the axis; the first step is its zero."""
    begins = steps[0].at if steps else now
    items = Markup("").join(
        _STEP.format(
            after=f"+{times.elapsed(begins, step.at)}",
            kind=step.kind.value,
            title=step.title,
            moment=times.moment(step.at, zone, now),
            told=told(step.facts),
        )
        for step in steps
    )
    return Markup('<ol class="pay-story">{}</ol>').format(items)


def told(facts: Mapping[str, object]) -> str:
    """Write facts in a line: `attempts 1 · worker w-1`; what lies deeper stays in the raw answer."""
    flat = ((name, value) for name, value in facts.items() if not isinstance(value, dict | list))
    return " · ".join(f"{name.replace('_', ' ')} {value}" for name, value in flat if value not in (None, ""))
