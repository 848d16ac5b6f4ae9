"""A part of a page that reads again by itself, can be paused, and says how old it is.

It must not be nested (two timers in one another leave a white page) and must not hold a dialog.
"""

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from typing import Generic, TypeVar, cast

import streamlit as st
from markupsafe import Markup

from payments_ui.api_client import ApiError, ApiNotFound
from payments_ui.components import problems, times

STALE_AFTER_S = 10
_HELD = "live:held"

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Snapshot(Generic[T]):
    """What was read last, and when. `question` tells whether it still answers what is asked."""

    question: Hashable
    value: T
    at: datetime


def toggle(key: str, label: str = "Live") -> bool:
    """Show the switch between live and paused; it belongs outside of the part that it governs."""
    return st.toggle(
        label, value=True, key=key, help="Read again every few seconds. Switch off to keep the page still."
    )


def follow(
    name: str,
    question: Hashable,
    load: Callable[[], T],
    show: Callable[[T], None],
    *,
    every_s: int,
    live: bool,
    is_final: Callable[[T], bool] = lambda _: False,
) -> None:
    """Show what `load` gives, and again every `every_s` seconds while `live` and not final.

    A failed read leaves what was seen before on the page, marked by its age: numbers do not vanish
    because a service restarts. `name` must be the only one on its page.
    """
    st.session_state.pop(_HELD, None)  # a full run closes every dialog; one of this run opens after this
    opening = _read(name, question, load)
    settled = isinstance(opening.error, ApiNotFound) or (
        opening.snapshot is not None and is_final(opening.snapshot.value)
    )
    first = [opening]

    def part() -> None:
        # The full run has read already; only the timer's own runs read again.
        reading = first.pop() if first else _read(name, question, load)
        _show(reading, show, live=live, settled=settled)
        is_over = reading.snapshot is not None and is_final(reading.snapshot.value)
        if live and not settled and is_over and not st.session_state.get(_HELD):
            st.rerun()  # a full run, which sets no timer any more

    st.fragment(part, run_every=every_s if live and not settled else None, key=name)()


def hold() -> None:
    """Keep live parts from starting a full run until the next one: it would take an open dialog away.

    Call it where a dialog opens, after `follow`. Without it, whoever has done what makes a payment final
    never sees that it was done.
    """
    st.session_state[_HELD] = True


def last(name: str, shape: type[T]) -> T | None:
    """Return what was last read under a name, for what must stand outside of the live part."""
    kept = cast("Snapshot[object] | None", st.session_state.get(f"snapshot:{name}"))
    return kept.value if kept is not None and isinstance(kept.value, shape) else None


@dataclass(frozen=True, slots=True)
class _Reading(Generic[T]):
    snapshot: Snapshot[T] | None
    error: ApiError | None


def _read(name: str, question: Hashable, load: Callable[[], T]) -> _Reading[T]:
    slot = f"snapshot:{name}"
    try:
        snapshot = Snapshot(question, load(), datetime.now(UTC))
    except ApiError as error:
        # The slot of this name only ever holds what this `load` gives.
        kept = cast("Snapshot[T] | None", st.session_state.get(slot))
        return _Reading(kept if kept is not None and kept.question == question else None, error)
    st.session_state[slot] = snapshot
    return _Reading(snapshot, None)


def _show(reading: _Reading[T], show: Callable[[T], None], *, live: bool, settled: bool) -> None:
    if reading.error is not None:
        problems.show(reading.error, retrying=live)
    if reading.snapshot is None:
        return
    if not settled:
        st.html(str(freshness(reading.snapshot.at, datetime.now(UTC), times.reader_zone(), live=live)))
    show(reading.snapshot.value)


def freshness(read_at: datetime, now: datetime, zone: tzinfo, *, live: bool, word: str = "") -> Markup:
    """Markup that says when the page was read, and turns to a warning once that is 10 s ago.

    The browser turns it by a delayed animation, so that it also happens when nothing arrives any
    more: a dead connection cannot announce itself. word: in place of Live or Paused.
    """
    left_s = max(0.0, STALE_AFTER_S - (now - read_at).total_seconds())
    clock = times.short(read_at, zone, now)
    return Markup(
        '<p class="pay-fresh"><span class="pay-now">'
        '<i class="pay-shape pay-{shape}"></i>{word} · read {clock}</span>'
        '<span class="pay-stale" role="status" style="animation-delay:{left}s">'
        '<i class="pay-shape pay-triangle"></i>May be out of date: read {clock}</span></p>'
    ).format(
        shape="disc" if live else "bars",
        word=word or ("Live" if live else "Paused"),
        clock=clock,
        left=f"{left_s:.1f}",
    )
