"""The HTTP of what is risky and how it is routed: rules in force, dry runs over history, lists.

Must not judge a payment that is under way: the worker does, by the version in force when it looks.
"""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query
from payments_schema.phones import masked
from payments_schema.wallets import replay, rulebook
from payments_schema.wallets.risk import DEFAULT, RULES, Rules
from payments_schema.wallets.routing import Weights
from payments_schema.wallets.rulebook import Listed, RuleSet
from payments_schema.wire.model import WireModel
from payments_schema.wire.wallet_desk import (
    DryRun,
    ListedView,
    PutOnList,
    RuleSetView,
    RulesView,
    TakeOffList,
    Verdict,
)
from psycopg import AsyncConnection
from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from payments_api.http.auth import OPERATORS, STAFF, Principal
from payments_api.http.door import Door, principal, roles
from payments_api.http.problems import Problem
from payments_api.http.text import AbsentWhenEmpty, SearchText
from payments_api.http.unit_of_work import UnitOfWork

router = APIRouter(prefix="/api/v1/wallets", route_class=Door, tags=["wallet rules"])
Caller = Annotated[Principal, Depends(principal)]
HISTORY = 20
PATIENCE = "SET LOCAL statement_timeout = '10s'"


class NewRules(WireModel):
    """Rules of risk, weights of routing, or both; what is not given stays as it is."""

    risk: Rules | None = None
    routing: Weights | None = None

    @model_validator(mode="after")
    def _says_something(self) -> NewRules:
        if self.risk is None and self.routing is None:
            raise PydanticCustomError("nothing_given", "give risk, routing or both")
        return self


class TryRules(NewRules):
    """Rules or weights to try on the payments of the last days."""

    days: int = Field(7, ge=1, le=31)

    @model_validator(mode="after")
    def _one_at_a_time(self) -> TryRules:
        if self.risk is not None and self.routing is not None:
            raise PydanticCustomError("one_at_a_time", "give either risk or routing")
        return self


@router.get("/rules", openapi_extra=roles(STAFF))
async def show_rules(conn: UnitOfWork) -> RulesView:
    """Show the rules of risk and the weights of routing in force, written out, and their history."""
    return await _rules(conn)


@router.post("/rules", openapi_extra=roles(OPERATORS))
async def put_rules(conn: UnitOfWork, caller: Caller, body: NewRules) -> RulesView:
    """Put rules in force for payments that are not yet checked; the versions before stay on record."""
    await rulebook.put(conn, body.risk, body.routing, caller.client)
    return await _rules(conn)


@router.post("/rules/dry-run", openapi_extra=roles(OPERATORS))
async def try_rules(conn: UnitOfWork, body: TryRules) -> DryRun:
    """Judge the payments of the last days again by other rules, or route them by other weights."""
    await conn.execute("SET TRANSACTION READ ONLY")
    await conn.execute(PATIENCE)
    since = datetime.now(UTC) - timedelta(days=body.days)
    if body.risk is not None:
        found = await replay.what_if_risk(conn, body.risk, since)
        judged, outcomes = found["payments"], found["outcomes"]
    else:
        found = await replay.what_if_routing(conn, body.routing or Weights(), since)
        judged, outcomes = found["decisions"], found["after"]
    return DryRun(
        days=body.days,
        judged=judged,
        outcomes=outcomes,
        reasons=found.get("reasons", {}),
        changed=found["changed"],
        examples=found["examples"],
        is_partial=judged >= replay.MOST_PAYMENTS,
    )


class ListFilter(BaseModel):
    """Empty parameters are as good as absent ones; unknown ones are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    limit: int = Field(100, ge=1, le=1000)
    verdict: Annotated[Verdict | None, AbsentWhenEmpty] = None
    after: Annotated[SearchText | None, AbsentWhenEmpty] = None


@router.get("/risk-list", openapi_extra=roles(OPERATORS))
async def show_list(conn: UnitOfWork, wanted: Annotated[ListFilter, Query()]) -> list[ListedView]:
    """List who is always blocked, reviewed or let through, in the order of the subjects."""
    found = await rulebook.listed(conn, limit=wanted.limit, after=wanted.after, verdict=wanted.verdict)
    return [_view(entry) for entry in found]


@router.post("/risk-list", openapi_extra=roles(OPERATORS))
async def put_on_list(conn: UnitOfWork, caller: Caller, body: PutOnList) -> ListedView:
    """Put a number or a payer on the list, or change the entry; it counts from the next payment on."""
    return _view(await rulebook.enlist(conn, body.subject, body.verdict, body.reason, caller.client))


@router.post("/risk-list/remove", status_code=204, openapi_extra=roles(OPERATORS))
async def take_off_list(conn: UnitOfWork, caller: Caller, body: TakeOffList) -> None:
    """Take a number or a payer off the list; the change stays on record."""
    if not await rulebook.delist(conn, body.subject, body.reason, caller.client):
        raise Problem(404, "not_listed", "Nobody of that number or name is on the list.")


async def _rules(conn: AsyncConnection[Any]) -> RulesView:
    found = await rulebook.versions(conn, HISTORY)
    now = found[0] if found else RuleSet(0, None, None, None, None)
    risk = now.risk or RULES.validate_python(DEFAULT)
    return RulesView(
        version=now.version,
        risk=risk.model_dump(mode="json"),
        routing=asdict(now.routing or Weights()),
        unreadable=dict(now.unreadable),
        history=[
            RuleSetView(
                version=one.version,
                risk=None if one.risk is None else one.risk.model_dump(mode="json"),
                routing=None if one.routing is None else asdict(one.routing),
                set_by=one.set_by,
                set_at=one.set_at,
                unreadable=dict(one.unreadable),
            )
            for one in found
        ],
    )


def _view(entry: Listed) -> ListedView:
    subject = masked(entry.subject) if entry.subject.startswith("+") else entry.subject
    return ListedView(
        subject=subject,
        verdict=entry.verdict,
        reason=entry.reason,
        added_by=entry.added_by,
        added_at=entry.added_at,
    )
