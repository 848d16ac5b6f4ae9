"""Counts of minutes as a row of bars that is one picture with one sentence.

It must not leave a number to be seen only: whoever cannot see the bars is told what they say.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from markupsafe import Markup
from payments_schema.wire.operations import MinuteFigure

MINUTES = 60
MINUTE = timedelta(minutes=1)


def bars(figures: Sequence[MinuteFigure], now: datetime) -> Markup:
    """Markup of the last hour, one bar a minute; a minute of which nothing is told had no payment."""
    counted = {_minute(figure.at): figure.count for figure in figures}
    last = _minute(now)
    counts = [counted.get(last - MINUTE * back, 0) for back in range(MINUTES - 1, -1, -1)]
    most = max(counts)
    drawn = Markup("").join(
        Markup('<i style="height:{}%"></i>').format(-(-count * 100 // most) if most else 0)
        for count in counts
    )
    return Markup('<div class="pay-spark" role="img" aria-label="{}" title="{}">{}</div>').format(
        told(counts), told(counts), drawn
    )


def told(counts: Sequence[int]) -> str:
    """Say in a sentence what the bars show."""
    total, busy = sum(counts), sum(1 for count in counts if count)
    if not total:
        return "No payment in the last hour"
    return (
        f"Payments by minute over the last hour: {total:,} in {busy} of {len(counts)} minutes, "
        f"at most {max(counts):,} in one, {counts[-1]:,} in the present one"
    )


def _minute(moment: datetime) -> datetime:
    return moment.replace(second=0, microsecond=0)
