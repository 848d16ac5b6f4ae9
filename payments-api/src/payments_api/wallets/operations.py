"""Carries out what clients, operators and callbacks ask of wallet payments: lock, decide, save, post, record.

Must not speak HTTP or call a provider: what is to be done there is left due for the worker.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from payments_schema import ids
from payments_schema.errors import InvalidRequest, PaymentNotFound, PostingRejected
from payments_schema.events import store as events
from payments_schema.jobs import store as jobs
from payments_schema.ledger import store as ledger
from payments_schema.phones import network_of
from payments_schema.wallets import facts, lifecycle, store
from payments_schema.wallets.lifecycle import Change, Limits, WalletPayment
from payments_schema.wire.wallets import InitiateWallet, WalletProvider
from psycopg import AsyncConnection

from payments_api.settings import Settings

QUEUE = "wallets"
PULL = "pull_wallets"
CURRENCIES = frozenset({"GHS"})


class CurrencyNotCarried(InvalidRequest):
    """No mobile-money provider of ours pays in it."""

    code = "currency_not_carried"


@dataclass(frozen=True, slots=True)
class Terms:
    """The limits in force, and what time it is."""

    limits: Limits
    approval_limit: Decimal | None = None
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)

    @classmethod
    def of(cls, settings: Settings) -> Terms:
        limits = Limits(
            least_minor=settings.wallet_least_minor,
            most_minor=settings.wallet_most_minor,
            timeout_s=settings.wallet_timeout_s,
        )
        return cls(limits, settings.approval_limit)


Decide = Callable[[WalletPayment, datetime], Change]


async def initiate(
    conn: AsyncConnection, terms: Terms, client: str, wanted: InitiateWallet, traceparent: str | None
) -> WalletPayment:
    """Start a payment, and have a worker look at it. Raises InvalidAmount, CurrencyNotCarried."""
    if wanted.currency not in CURRENCIES:
        raise CurrencyNotCarried("currency must be GHS")
    change = lifecycle.initiate(
        ids.new_id("pay"),
        client,
        wanted,
        network_of(wanted.recipient_phone),
        terms.limits,
        terms.clock(),
        traceparent,
    )
    await _write(conn, change)
    await wake(conn, change.payment.id, traceparent)
    return change.payment


async def change(
    conn: AsyncConnection, terms: Terms, payment_id: str, decide: Decide, owner: str | None = None
) -> WalletPayment:
    """Lock a payment, decide, write, and wake a worker where there is work. Raises PaymentNotFound."""
    payment = await _locked(conn, payment_id, owner)
    made = decide(payment, terms.clock())
    await _write(conn, made)
    if made.payment.due_at is not None and made.payment.due_at <= terms.clock():
        await wake(conn, payment_id, made.payment.traceparent)
    return made.payment


async def _locked(conn: AsyncConnection, payment_id: str, owner: str | None) -> WalletPayment:
    if not ids.is_id("pay", payment_id):
        raise PaymentNotFound
    payment = (await store.lock(conn, [payment_id])).get(payment_id)
    if payment is None or (owner is not None and payment.client != owner):
        raise PaymentNotFound
    return payment


async def read(conn: AsyncConnection, payment_id: str, owner: str | None) -> WalletPayment:
    """Raises PaymentNotFound."""
    if not ids.is_id("pay", payment_id):
        raise PaymentNotFound
    return await store.get(conn, payment_id, owner)


async def hint(conn: AsyncConnection, terms: Terms, provider: WalletProvider, reference: str) -> bool:
    """A provider says that something happened: have it asked now. Whether we know the reference.

    A hint changes nothing by itself, so that a forged or repeated one costs a question and no more.
    """
    parsed = ids.parse_uuid(reference)
    if parsed is None:
        return False
    payment_id = await store.payment_of_reference(conn, provider, UUID(int=parsed.int))
    if payment_id is None:
        return False
    if await store.hasten(conn, payment_id, terms.clock()):
        await wake(conn, payment_id, None)
    return True


async def wake(conn: AsyncConnection, payment_id: str, traceparent: str | None) -> None:
    """Tell the workers, when this transaction commits; the trace goes with the message."""
    options: dict[str, Any] = {"traceparent": traceparent} if traceparent else {}
    await jobs.enqueue(conn, QUEUE, PULL, [payment_id], options=options)


async def _write(conn: AsyncConnection, made: Change) -> None:
    await store.save(conn, [made])
    for posted in await ledger.post_many(conn, made.postings):
        if posted.outcome != "posted":
            raise PostingRejected(f"the ledger refused: {posted.reason or posted.outcome}")
    await events.record_many(conn, facts.of(made))
