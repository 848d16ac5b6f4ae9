"""Moments in the reader's zone, the exact one on hover."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from payments_ui.components import times

BERLIN = ZoneInfo("Europe/Berlin")
NOW = datetime(2026, 11, 21, 4, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("when", "written"),
    [
        (datetime(2026, 11, 21, 4, 5, 9, tzinfo=UTC), "05:05:09"),
        (datetime(2026, 11, 20, 23, 30, tzinfo=UTC), "00:30:00"),
        (datetime(2026, 11, 20, 4, 5, tzinfo=UTC), "20 Nov 05:05"),
        (datetime(2025, 12, 31, 23, 5, tzinfo=UTC), "1 Jan 00:05"),
        (datetime(2025, 12, 31, 22, 5, tzinfo=UTC), "2025-12-31 23:05"),
    ],
)
def test_a_moment_is_as_short_as_its_day_allows(when: datetime, written: str) -> None:
    assert times.short(when, BERLIN, NOW) == written


def test_hovering_tells_the_exact_moment_in_both_zones() -> None:
    markup = times.moment(datetime(2026, 11, 21, 4, 5, 9, 123456, tzinfo=UTC), BERLIN, NOW)
    assert 'title="2026-11-21 05:05:09.123456 CET, 04:05:09 UTC"' in markup
    assert ">05:05:09</time>" in markup


@pytest.mark.parametrize(
    ("span", "written"),
    [
        (timedelta(milliseconds=-5), "0 ms"),
        (timedelta(milliseconds=8), "8 ms"),
        (timedelta(seconds=1.24), "1.2 s"),
        (timedelta(minutes=3, seconds=20), "3 min"),
    ],
)
def test_spans_are_written_for_people(span: timedelta, written: str) -> None:
    assert times.elapsed(NOW, NOW + span) == written
