"""How moments are written for a reader: in the reader's own zone, the exact moment on hover.

It must not read the clock: whoever calls says what now is.
"""

from datetime import UTC, datetime, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import streamlit as st
from markupsafe import Markup


def reader_zone() -> tzinfo:
    """Return the zone of the reader's browser. Only inside of a page."""
    return zone_of(st.context.timezone)


def zone_of(name: str | None) -> tzinfo:
    """Return the zone of a name that a browser gave, or UTC where we do not know it."""
    if not name:
        return UTC
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        return UTC


def moment(when: datetime, zone: tzinfo, now: datetime) -> Markup:
    """Markup of a moment: the time of today, else day and time; hovering tells it exactly."""
    local = when.astimezone(zone)
    exact = f"{local:%Y-%m-%d %H:%M:%S.%f} {local:%Z}, {when.astimezone(UTC):%H:%M:%S} UTC"
    return Markup('<time datetime="{}" title="{}">{}</time>').format(
        when.isoformat(), exact, short(when, zone, now)
    )


def short(when: datetime, zone: tzinfo, now: datetime) -> str:
    """Write `14:03:09` for today, `20 Nov 14:03` for this year, `2025-11-20 14:03` before."""
    local, today = when.astimezone(zone), now.astimezone(zone)
    if local.date() == today.date():
        return f"{local:%H:%M:%S}"
    if local.year == today.year:
        return f"{local.day} {local:%b %H:%M}"
    return f"{local:%Y-%m-%d %H:%M}"


def elapsed(since: datetime, until: datetime) -> str:
    """Write a span as `8 ms`, `1.2 s` or `3 min`; a negative one as `0 ms`."""
    milliseconds = max(0, round((until - since).total_seconds() * 1000))
    if milliseconds < 1000:
        return f"{milliseconds} ms"
    if milliseconds < 60_000:
        return f"{milliseconds / 1000:.1f} s"
    return f"{milliseconds // 60_000} min"
