"""The overview: the last hour, the parts of the platform, and whether the books add up, with links on.

It must not act, and must not add up what the API has added up.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypeVar

import streamlit as st
from markupsafe import Markup
from payments_schema.wire.health import DetailedHealth
from payments_schema.wire.ledger import Integrity
from payments_schema.wire.operations import CurrencyFigures, Overview, Queues

from payments_ui import calls, state
from payments_ui.api_client import ApiClient
from payments_ui.components import grid, header, live, money, problems, queues, spark, status, times

SLOWER = 3
"""The overview asks for several answers at once, so it asks more seldom than a list."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Picture:
    """What is shown, read together; the books are read more seldom, since checking them costs more."""

    hour: Overview
    queues: Queues
    health: DetailedHealth


def show(api: ApiClient, *, refresh_s: int) -> None:
    """Show the page."""
    header.title("Overview", "The last hour, and whether everything works.")
    is_live = live.toggle("overview_live")
    live.follow(
        "overview",
        "overview",
        load=lambda: Picture(
            calls.operations.overview(api), calls.operations.queues(api), calls.operations.health(api)
        ),
        show=_show,
        every_s=refresh_s * SLOWER,
        live=is_live,
    )
    live.follow(
        "books",
        "books",
        load=lambda: calls.ledger.integrity(api),
        show=_books,
        every_s=60,
        live=is_live,
    )


def _show(picture: Picture) -> None:
    hour = picture.hour
    counted = sum(line.count for line in hour.currencies)
    completed, failed = _sum(hour, lambda line: line.completed), _sum(hour, lambda line: line.failed)
    ended = completed + failed
    first, second, third, fourth = st.columns(4)
    more = " and more" if hour.truncated else ""
    first.metric("Payments", f"{counted:,}{more}", border=True)
    second.metric("Succeeded", _share(completed, ended), border=True)
    third.metric("Discrepancies", _share(_sum(hour, lambda line: line.discrepancies), ended), border=True)
    fourth.metric("Until posted, 95 of 100", _span(hour.latency_p95_ms), border=True)
    if hour.minutes:
        st.html(str(spark.bars(hour.minutes, datetime.now(UTC))))
    st.markdown("##### By currency", anchors=False)
    if hour.currencies:
        st.html(str(_by_currency(hour)))
    else:
        problems.nothing_here("No payment in the last hour", "The list has the older ones.")
    left, right = st.columns(2, gap="medium")
    with left:
        st.markdown("##### Queues", anchors=False)
        st.html(str(queues.table(picture.queues)))
    with right:
        st.markdown("##### Parts", anchors=False)
        st.html(str(_parts(picture)))


def _sum(hour: Overview, of: Callable[[CurrencyFigures], int]) -> int:
    return sum(of(line) for line in hour.currencies)


def _share(part: int, whole: int) -> str:
    """Write a share in tenths of a percent; of nothing there is none."""
    if not whole:
        return "–"
    tenths = part * 1000 // whole
    return f"{tenths // 10}.{tenths % 10} %"


def _span(milliseconds: int | None) -> str:
    return "–" if milliseconds is None else f"{milliseconds:,} ms"


def _by_currency(hour: Overview) -> Markup:
    heads = ("Currency", "Payments", "Volume", "Completed", "Failed", "Waiting", "Discrepancies")
    rows = (
        (
            grid.link(state.payments_link(state.Filters(currency=line.currency)), line.currency),
            f"{line.count:,}",
            money.cell(line.volume, line.currency),
            f"{line.completed:,}",
            _counted(line.currency, "failed", line.failed),
            _counted(line.currency, "pending", line.pending),
            f"{line.discrepancies:,}",
        )
        for line in hour.currencies
    )
    right = "Payments,Volume,Completed,Failed,Waiting,Discrepancies"
    return grid.table("Payments of the last hour by currency", heads, rows, right)


def _counted(currency: str, chosen: str, count: int) -> Markup | str:
    filters = state.Filters(currency=currency, status=chosen)
    return grid.link(state.payments_link(filters), f"{count:,}") if count else "0"


def _parts(picture: Picture) -> Markup:
    now, zone = datetime.now(UTC), times.reader_zone()
    parts = [
        (name, status.badge(part.status), part.detail or "")
        for name, part in picture.health.components.items()
    ]
    workers = [
        (
            f"worker …{worker.name[-6:]}",
            status.badge("ok" if worker.alive else "unavailable"),
            Markup("heard of {}").format(times.moment(worker.seen_at, zone, now)),
        )
        for worker in picture.queues.workers[:8]
    ]
    return grid.table("Parts of the platform", ("Part", "State", "Detail"), [*parts, *workers])


def _books(integrity: Integrity) -> None:
    st.markdown("##### Books", anchors=False)
    if integrity.ok:
        text = "The books add up: all {} checks hold"
        st.html(str(_light("good", "disc", text.format(len(integrity.checks)))))
        return
    for check in integrity.checks:
        if not check.ok:
            name = check.name.replace("_", " ")
            st.html(str(_light("bad", "square", f"{name}: {len(check.offenders)} found")))
            st.json(check.offenders[:20], expanded=False)


def _light(tone: str, shape: str, text: str) -> Markup:
    return Markup('<p class="pay-sum pay-{}" role="status"><i class="pay-shape pay-{}"></i>{}</p>').format(
        tone, shape, text
    )
