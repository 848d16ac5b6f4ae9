"""Carries out what clients ask of card payments: lock, decide, save, post, record, for a whole batch at once.

Must not speak HTTP, and must not decide what a payment allows.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import Any, NamedTuple

from payments_schema import ids
from payments_schema.approvals import rules as approvals
from payments_schema.cards import facts, lifecycle, movements, store
from payments_schema.cards.lifecycle import CardPayment, Change
from payments_schema.database.pool import Pool, make_pool
from payments_schema.errors import (
    IdempotencyKeyInFlight,
    IdempotencyKeyReused,
    PaymentNotFound,
    PaymentsError,
    PostingRejected,
)
from payments_schema.events import store as events
from payments_schema.idempotency.batch import KeptAnswer, claim_many, save_many
from payments_schema.idempotency.store import differing_fields
from payments_schema.ledger import store as ledger
from payments_schema.ledger.posting import Posting
from payments_schema.money import Money
from payments_schema.wire.cards import AuthorizeCard, CaptureCard, NothingAsked, RefundCard
from psycopg.errors import RaiseException
from psycopg.pq import TransactionStatus

from payments_api.batching import Connection, MicroBatcher
from payments_api.cards.render import payment_members
from payments_api.settings import Settings

AUTHORIZE = "POST /api/v1/payments/authorize"
CAPTURE = "POST /api/v1/payments/{id}/capture"
VOID = "POST /api/v1/payments/{id}/void"
SETTLE = "POST /api/v1/payments/{id}/settle"
REFUND = "POST /api/v1/payments/{id}/refund"
TOUCH = "GET /api/v1/payments/{id}"

Body = AuthorizeCard | CaptureCard | NothingAsked | RefundCard


@dataclass(frozen=True, slots=True)
class Terms:
    """What an authorization is given: its fee rate and how long it holds funds; and what time it is."""

    fee_bps: int
    hold_for: timedelta
    approval_limit: Decimal | None = None
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)

    @classmethod
    def of(cls, settings: Settings) -> Terms:
        """Return the terms in force."""
        return cls(settings.card_fee_bps, timedelta(seconds=settings.card_hold_s), settings.approval_limit)


class Asked(NamedTuple):
    """One request. key: None where nothing can be asked twice (a look at a payment).

    owner: the only client whose payments may be touched, None for all of them.
    is_approved: a second person agreed, or nothing is done at all.
    """

    client: str
    route: str
    body: Body
    payment_id: str | None = None
    key: str | None = None
    owner: str | None = None
    is_approved: bool = False

    def request(self) -> dict[str, Any]:
        """Return the parsed request, defaults filled in, for comparing it with another of the same key."""
        members = self.body.model_dump(mode="json")
        return members if self.payment_id is None else members | {"payment_id": self.payment_id}


class Answer(NamedTuple):
    """The payment as it was answered first, and whether this is that first time."""

    status: int
    payment: dict[str, Any]
    is_replay: bool


class Plan(NamedTuple):
    """What a request changes. A refusal may still leave a change: the hold whose time was over."""

    changes: list[Change]
    refusal: PaymentsError | None = None


CardBatcher = MicroBatcher[Asked, Answer]


def open_lanes(settings: Settings, terms: Terms) -> tuple[Pool, CardBatcher]:
    """Return the batcher of card payments and the pool of its own, which is not open yet."""
    pool = make_pool(
        settings.bounded_conninfo,
        min_size=settings.batch_lanes,
        max_size=settings.batch_lanes + 1,
        name="payments-api cards",
        timeout_s=settings.database_timeout_s,
    )
    batcher: CardBatcher = MicroBatcher(
        pool,
        partial(flush, terms=terms),
        same=lambda _asked: None,  # any two requests may share a commit
        key=lambda asked: asked.payment_id or (asked.client, asked.key),
        most_items=settings.batch_items,
        lanes=settings.batch_lanes,
        backlog=settings.batch_backlog,
        timeout_s=settings.database_timeout_s,
    )
    return pool, batcher


def plan(payment: CardPayment | None, asked: Asked, terms: Terms, now: datetime) -> Plan:
    """Decide what a request changes. What is previewed and what is posted both come from here."""
    if payment is None or (asked.owner is not None and payment.client != asked.owner):
        return Plan([], PaymentNotFound())
    changes: list[Change] = []
    lapsed = lifecycle.lapse(payment, now)
    if lapsed is not None:
        changes.append(lapsed)
        payment = lapsed.payment
    try:
        change = _decide(payment, asked, now)
        if isinstance(change, lifecycle.Refunded) and not asked.is_approved:
            total = Money(change.payment.refunded_minor, payment.currency)
            approvals.require_none(terms.approval_limit, total)
    except PaymentsError as refusal:
        return Plan(changes, refusal)
    return Plan(changes if change is None else [*changes, change])


def _decide(payment: CardPayment, asked: Asked, now: datetime) -> Change | None:
    match asked.body:
        case CaptureCard(amount=amount):
            return lifecycle.capture(payment, amount, now)
        case RefundCard(amount=amount, reason=reason):
            return lifecycle.refund(payment, amount, reason, now)
        case _ if asked.route == VOID:
            return lifecycle.void(payment, now)
        case _ if asked.route == SETTLE:
            return lifecycle.settle(payment, now)
        case _:
            return None


def open_payment(asked: Asked, body: AuthorizeCard, terms: Terms, now: datetime) -> Plan:
    """Plan the authorization of a new payment."""
    return Plan(
        [
            lifecycle.authorize(
                id=ids.new_id("pay"),
                client=asked.client,
                account_id=body.account_id,
                currency=body.currency,
                amount_minor=body.amount,
                fee_bps=terms.fee_bps,
                description=body.description,
                metadata=body.metadata,
                now=now,
                hold_for=terms.hold_for,
            )
        ]
    )


async def preview(conn: Connection, asked: Asked, terms: Terms) -> list[Posting]:
    """Return what the request would post now. Raises what the request would raise."""
    now = terms.clock()
    if isinstance(asked.body, AuthorizeCard):
        planned = open_payment(asked, asked.body, terms, now)
    else:
        asked = asked._replace(is_approved=True)  # looking at it takes no second person
        planned = plan(await store.get(conn, asked.payment_id or ""), asked, terms, now)
    if planned.refusal is not None:
        raise planned.refusal
    return [movements.of(change) for change in planned.changes]


async def look(conn: Connection, batcher: CardBatcher, asked: Asked, terms: Terms) -> dict[str, Any]:
    """Return a payment as it is; a hold whose time is over is released first. Raises PaymentNotFound."""
    payment = await store.get(conn, asked.payment_id or "", asked.owner)
    if lifecycle.is_overdue(payment, terms.clock()):
        return (await batcher.submit(asked)).payment
    return payment_members(payment)


@dataclass(slots=True)
class _Batch:
    """What a batch has found and decided so far; later requests see what earlier ones of it did."""

    terms: Terms
    now: datetime
    held: dict[str, CardPayment]
    stored: dict[tuple[str, str], tuple[str, dict[str, Any], int, dict[str, Any]]]
    in_flight: set[tuple[str, str]]
    changes: list[Change] = field(default_factory=list[Change])
    answered: list[tuple[Asked, dict[str, Any], int, dict[str, Any]]] = field(
        default_factory=list[tuple[Asked, dict[str, Any], int, dict[str, Any]]]
    )

    def take(self, asked: Asked) -> Answer | PaymentsError:
        """Answer one request, from its key or by deciding it."""
        request = asked.request()
        if asked.key is not None:
            name = (asked.client, asked.key)
            if name in self.in_flight:
                return IdempotencyKeyInFlight()
            if name in self.stored:
                return _replay(asked, request, *self.stored[name])
        if isinstance(asked.body, AuthorizeCard):
            planned = open_payment(asked, asked.body, self.terms, self.now)
        else:
            planned = plan(self.held.get(asked.payment_id or ""), asked, self.terms, self.now)
        for change in planned.changes:
            self.changes.append(change)
            self.held[change.payment.id] = change.payment
        if planned.refusal is not None:
            return planned.refusal
        payment = planned.changes[-1].payment if planned.changes else self.held[asked.payment_id or ""]
        return self._answer(asked, request, payment)

    def _answer(self, asked: Asked, request: dict[str, Any], payment: CardPayment) -> Answer:
        status = 201 if asked.route == AUTHORIZE else 200
        members = payment_members(payment)
        if asked.key is not None:
            self.answered.append((asked, request, status, members))
            self.stored[asked.client, asked.key] = (asked.route, request, status, members)
        return Answer(status, members, is_replay=False)


def _replay(
    asked: Asked,
    request: dict[str, Any],
    route: str,
    first: dict[str, Any],
    status: int,
    response: dict[str, Any],
) -> Answer | IdempotencyKeyReused:
    if route != asked.route:
        return IdempotencyKeyReused(["route"])
    differs = differing_fields(first, request)
    return IdempotencyKeyReused(differs) if differs else Answer(status, response, is_replay=True)


async def flush(conn: Connection, items: Sequence[Asked], terms: Terms) -> Sequence[Answer | PaymentsError]:
    """Carry out a batch in one transaction; a request that is refused harms no other. conn: autocommit."""
    try:
        return await _carry_out(conn, items, terms)
    except RaiseException as error:
        if len(items) == 1:
            return [PostingRejected(error.diag.message_primary or "the ledger refused")]
        return [(await flush(conn, [item], terms))[0] for item in items]


async def _carry_out(conn: Connection, items: Sequence[Asked], terms: Terms) -> list[Answer | PaymentsError]:
    """Two round trips: what is needed to decide; then everything that was decided, and its commit.

    BEGIN and COMMIT are written out: a transaction block of psycopg would wait for an answer to each.
    """
    try:
        async with conn.pipeline():
            await conn.execute("BEGIN")
            batch = await _begin(conn, items, terms)
            answers = [batch.take(asked) for asked in items]
            await store.save(conn, batch.changes)
            await ledger.post_all(conn, [movements.of(change) for change in batch.changes])
            await events.record_all(conn, [facts.of(change) for change in batch.changes])
            await _keep(conn, batch)
            await conn.execute("COMMIT")
    finally:
        if conn.info.transaction_status not in (TransactionStatus.IDLE, TransactionStatus.UNKNOWN):
            await conn.rollback()
    return answers


async def _begin(conn: Connection, items: Sequence[Asked], terms: Terms) -> _Batch:
    keys = sorted({(asked.client, asked.key) for asked in items if asked.key is not None})
    wanted = [asked.payment_id for asked in items if asked.payment_id is not None]
    await store.prefer_indexes(conn)
    # Sent in this order, and waited for together: keys are taken before payments.
    claimed, held = await asyncio.gather(claim_many(conn, keys), store.lock(conn, wanted))
    claims = dict(zip(keys, claimed, strict=True))
    stored = {
        name: (claim.route, claim.request or {}, claim.status or 200, claim.response)
        for name, claim in claims.items()
        if claim.route is not None
    }
    in_flight = {name for name, claim in claims.items() if not claim.is_ours}
    return _Batch(terms, terms.clock(), held, stored, in_flight)


async def _keep(conn: Connection, batch: _Batch) -> None:
    await save_many(
        conn,
        [
            KeptAnswer(asked.client, asked.key or "", asked.route, request, status, members, members["id"])
            for asked, request, status, members in batch.answered
        ],
    )
