"""Applies payment events: lock, decide, save, post, record, for many invoices in one commit.

Must not know messages. Exactly-once comes from the invoice's row lock, held to the commit, under which an
event is applied and marked.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg
import structlog
from payments_schema.events import store as events
from payments_schema.events.store import NewEvent
from payments_schema.invoices import facts, inbox, lifecycle, movements, store
from payments_schema.invoices.inbox import Waiting
from payments_schema.invoices.lifecycle import Invoice, Paid
from payments_schema.ledger import store as ledger
from payments_schema.ledger.posting import Posting
from psycopg import AsyncConnection

from recon_worker.database import Line

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)

MOST_EVENTS = 500
UNKNOWN = "no such invoice"


@dataclass(frozen=True, slots=True)
class Patience:
    """How long an event of an unknown invoice waits, and how often it is looked at meanwhile."""

    unknown_s: float = 900.0
    first_s: float = 1.0
    most_s: float = 60.0


@dataclass(frozen=True, slots=True)
class Report:
    """What one commit did; has_more: events are left that the limit kept out."""

    applied: int
    waiting: int
    dead: int
    has_more: bool


def _now() -> datetime:
    return datetime.now(UTC)


async def apply(
    conn: AsyncConnection[Any],
    invoice_ids: Sequence[UUID],
    now: datetime,
    patience: Patience,
    limit: int = MOST_EVENTS,
) -> Report:
    """Apply the oldest waiting events of the invoices in the caller's transaction."""
    invoices = await store.lock_many(conn, invoice_ids)
    waiting = await inbox.waiting_of(conn, invoice_ids, limit)
    known = [event for event in waiting if event.invoice_id in invoices]
    strangers = [event for event in waiting if event.invoice_id not in invoices]
    if known:
        await _pay(conn, invoices, known, now)
    dead = await _keep_waiting(conn, strangers, now, patience) if strangers else 0
    return Report(len(known), len(strangers) - dead, dead, has_more=len(waiting) == limit and bool(known))


async def _pay(
    conn: AsyncConnection[Any], invoices: dict[UUID, Invoice], waiting: Sequence[Waiting], now: datetime
) -> None:
    current = dict(invoices)
    postings: list[Posting] = []
    told: list[NewEvent] = []
    applied: list[tuple[int, Paid]] = []
    credit: Counter[tuple[str, str]] = Counter()
    for event in waiting:
        before = current[event.invoice_id]
        paid = lifecycle.pay(before, event.event_id, event.amount_minor, now)
        if not before.is_booked:
            postings.append(movements.issue(replace(before, updated_at=now)))
        postings.append(movements.of(paid))
        told += facts.of(paid)
        applied.append((event.number, paid))
        credit[(before.debtor, before.currency)] += paid.credit_minor
        current[event.invoice_id] = paid.invoice
    changed = {event.invoice_id for event in waiting}
    async with conn.pipeline():
        await store.save(conn, [current[id_] for id_ in sorted(changed)])
        await inbox.mark_applied(conn, applied)
        await store.add_credit(conn, credit)
        await ledger.post_all(conn, postings)
        await events.record_all(conn, told)


async def _keep_waiting(
    conn: AsyncConnection[Any], strangers: Sequence[Waiting], now: datetime, patience: Patience
) -> int:
    oldest = now - timedelta(seconds=patience.unknown_s)
    given_up = [event for event in strangers if event.waits_since <= oldest]
    for event in given_up:
        reason = f"{UNKNOWN} {event.invoice_id} after {patience.unknown_s:.0f} s of waiting"
        await inbox.bury(conn, event, reason)
        data = {"event_id": str(event.event_id), "invoice_id": str(event.invoice_id), "reason": reason}
        await events.record(conn, NewEvent("payment_event.dead", str(event.event_id), data))
    dead = {event.number for event in given_up}
    later = [event.number for event in strangers if event.number not in dead]
    if later:
        await inbox.postpone(conn, later, UNKNOWN, patience.first_s, patience.most_s)
    return len(given_up)


class Applier:
    """Runs batches of invoices on a line of its own, outlasts a short outage, isolates one that fails."""

    def __init__(
        self,
        line: Line,
        patience: Patience | None = None,
        *,
        now: Callable[[], datetime] = _now,
        outage_s: float = 15.0,
    ) -> None:
        self._line = line
        self._patience = patience or Patience()
        self._now = now
        self._outage_s = outage_s

    async def run(self, invoice_ids: Sequence[UUID]) -> Mapping[UUID, Exception]:
        """Apply all that waits for the invoices; returns those that failed with their errors.

        Raises psycopg.OperationalError where the database stays away.
        """
        try:
            await self._until_none_waits(invoice_ids)
            return {}
        except psycopg.OperationalError:
            raise
        # An edge: one invoice's fault, of whatever kind, must not become the fault of all in its batch.
        except Exception as error:  # whatever it is, it belongs to one of them: alone, it is returned
            if len(invoice_ids) == 1:
                return {invoice_ids[0]: error}
        failures: dict[UUID, Exception] = {}
        for invoice_id in invoice_ids:
            failures.update(await self.run([invoice_id]))
        return failures

    async def due(self) -> list[UUID]:
        """The invoices that have events whose wait is over, known or not."""
        async with self._line.unit_of_work() as conn:
            return await inbox.due_invoices(conn)

    async def revive(self, event_id: UUID) -> UUID | None:
        """Take an event out of the dead ones; returns its invoice."""
        async with self._line.unit_of_work() as conn:
            return await inbox.revive(conn, event_id)

    async def close(self) -> None:
        """Close the line."""
        await self._line.close()

    async def _until_none_waits(self, invoice_ids: Sequence[UUID]) -> None:
        deadline = time.monotonic() + self._outage_s
        while True:
            try:
                async with self._line.unit_of_work() as conn:
                    report = await apply(conn, invoice_ids, self._now(), self._patience)
            except psycopg.OperationalError as error:
                # Deadlocks and lost connections alike: nothing is done, or all of it and nothing waits.
                if time.monotonic() >= deadline:
                    raise
                log.warning("applying interrupted, trying again", error=str(error).partition("\n")[0])
                await asyncio.sleep(0.2)
                continue
            if report.dead:
                log.warning("payment events given up", count=report.dead)
            if not report.has_more:
                return
