"""Asks, decides and carries out. Must not speak HTTP, and must not know what a deed does.

A decision commits before the deed begins: whoever was agreed with twice, or broke off between, finds the
deed done once all the same, because its key is the approval's.
"""

from __future__ import annotations

from decimal import Decimal

from payments_schema.approvals import rules, store
from payments_schema.database.pool import unit_of_work
from payments_schema.errors import IdempotencyKeyInFlight, Overloaded, PaymentsError
from payments_schema.events import store as events
from payments_schema.events.store import NewEvent
from payments_schema.wire.approvals import (
    ApprovalState,
    ApprovalView,
    AskApproval,
    DecideApproval,
)
from psycopg import AsyncConnection
from starlette.datastructures import State

from payments_api.approvals.deeds import Deeds

_FOR_LATER = (IdempotencyKeyInFlight, Overloaded)


async def ask(conn: AsyncConnection, deeds: Deeds, wanted: AskApproval, asked_by: str) -> ApprovalView:
    """Write down what is wanted, measured as it is now. Raises what the deed would raise."""
    amount: Decimal | None = wanted.amount
    money = await deeds[wanted.kind].size(conn, wanted.subject, amount)
    made = await store.ask(conn, wanted.kind, wanted.subject, money, reason=wanted.reason, asked_by=asked_by)
    await _record(conn, "approval.asked", made)
    return made


async def withdraw(conn: AsyncConnection, number: int, caller: str) -> ApprovalView:
    """Take one's own request back while it waits. Raises ApprovalNotFound, InvalidTransition."""
    held = await store.lock(conn, number)
    if held.asked_by != caller:
        raise store.ApprovalNotFound
    rules.require_waiting(held.state)
    await store.decide(conn, number, ApprovalState.WITHDRAWN, decided_by=None, reason=None)
    return await _told(conn, number)


async def decide(state: State, deeds: Deeds, number: int, word: DecideApproval, decider: str) -> ApprovalView:
    """Reject, or agree and carry out. Raises SecondPersonNeeded, InvalidTransition.

    Agreeing again to what was approved and not finished goes on with it.
    """
    async with unit_of_work(state.pool) as conn:
        held = await _decided(conn, number, word, decider)
    if held.state is not ApprovalState.APPROVED:
        return held
    try:
        await deeds[held.kind].carry_out(state, held)
        ended, outcome = ApprovalState.DONE, "carried out"
    except _FOR_LATER:
        raise
    except PaymentsError as refusal:
        ended, outcome = ApprovalState.FAILED, refusal.detail
    async with unit_of_work(state.pool) as conn:
        await store.finish(conn, number, ended, outcome)
        return await store.get(conn, number)


async def _decided(conn: AsyncConnection, number: int, word: DecideApproval, decider: str) -> ApprovalView:
    held = await store.lock(conn, number)
    rules.require_second(held.asked_by, decider)
    goes_on = held.state is ApprovalState.APPROVED and word.decision == "approve"
    if goes_on:
        return held
    rules.require_waiting(held.state)
    became = ApprovalState.APPROVED if word.decision == "approve" else ApprovalState.REJECTED
    await store.decide(conn, number, became, decided_by=decider, reason=word.reason)
    return await _told(conn, number)


async def _told(conn: AsyncConnection, number: int) -> ApprovalView:
    now = await store.get(conn, number)
    await _record(conn, f"approval.{now.state.value}", now)
    return now


async def _record(conn: AsyncConnection, what: str, approval: ApprovalView) -> None:
    facts = approval.model_dump(mode="json", include={"id", "kind", "amount", "currency", "reason"})
    people = {"asked_by": approval.asked_by, "decided_by": approval.decided_by}
    await events.record(conn, NewEvent(what, approval.subject, {**facts, **people}))
