"""The HTTP of subscriptions to outgoing events and of their deliveries. Must not send anything."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Query
from payments_schema.errors import InvalidCursor
from payments_schema.webhooks import store
from payments_schema.wire.webhooks import (
    CreateSubscription,
    DeliveryPage,
    DeliveryStatus,
    Replay,
    Replayed,
    Subscription,
)
from pydantic import BaseModel, ConfigDict, Field

from payments_api.http.auth import OPERATORS, STAFF
from payments_api.http.door import Door, roles
from payments_api.http.text import AbsentWhenEmpty, SearchText
from payments_api.http.unit_of_work import UnitOfWork

router = APIRouter(prefix="/api/v1/webhooks/subscriptions", route_class=Door, tags=["webhooks"])
OLD_SECRET_SIGNS_S = 24 * 3600
LONGEST_CURSOR = 18


class DeliveryFilter(BaseModel):
    """Empty parameters are as good as absent ones; unknown ones are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    limit: int = Field(20, ge=1, le=100)
    cursor: Annotated[SearchText | None, AbsentWhenEmpty] = None
    status: Annotated[DeliveryStatus | None, AbsentWhenEmpty] = None


@router.post("", status_code=201, openapi_extra=roles(OPERATORS))
async def subscribe(conn: UnitOfWork, body: CreateSubscription) -> Subscription:
    """Subscribe to what happens from now on; the secret is shown this once."""
    return await store.create(conn, body)


@router.get("", openapi_extra=roles(STAFF))
async def list_subscriptions(conn: UnitOfWork) -> list[Subscription]:
    """List the subscriptions."""
    return await store.list_all(conn)


@router.get("/{subscription_id}", openapi_extra=roles(STAFF))
async def show(conn: UnitOfWork, subscription_id: str) -> Subscription:
    """Show a subscription."""
    return await store.get(conn, _known(subscription_id))


@router.delete("/{subscription_id}", status_code=204, openapi_extra=roles(OPERATORS))
async def unsubscribe(conn: UnitOfWork, subscription_id: str) -> None:
    """Forget a subscription with its deliveries."""
    await store.delete(conn, _known(subscription_id))


@router.post("/{subscription_id}/rotate", openapi_extra=roles(OPERATORS))
async def rotate(conn: UnitOfWork, subscription_id: str) -> Subscription:
    """Make a new secret, shown this once; for a day the old one signs as well."""
    return await store.rotate(conn, _known(subscription_id), OLD_SECRET_SIGNS_S)


@router.post("/{subscription_id}/{action}", openapi_extra=roles(OPERATORS))
async def switch(
    conn: UnitOfWork, subscription_id: str, action: Literal["enable", "disable"]
) -> Subscription:
    """Enable a subscription again, or have it pause; events wait meanwhile."""
    reason = "by an operator" if action == "disable" else None
    await store.set_status(conn, _known(subscription_id), f"{action}d", reason)
    return await store.get(conn, subscription_id)


@router.get("/{subscription_id}/deliveries", openapi_extra=roles(STAFF))
async def list_deliveries(
    conn: UnitOfWork, subscription_id: str, wanted: Annotated[DeliveryFilter, Query()]
) -> DeliveryPage:
    """List deliveries with every attempt, newest first."""
    before = wanted.cursor
    if before is not None and not (before.isascii() and before.isdecimal() and len(before) <= LONGEST_CURSOR):
        raise InvalidCursor("cursor is not one of ours")
    return await store.list_deliveries(
        conn,
        (await store.get(conn, _known(subscription_id))).id,
        limit=wanted.limit,
        before=None if before is None else int(before),
        status=wanted.status,
    )


@router.post("/{subscription_id}/deliveries/replay", openapi_extra=roles(OPERATORS))
async def replay(conn: UnitOfWork, subscription_id: str, body: Replay | None = None) -> Replayed:
    """Deliver again: the deliveries named, or all that failed."""
    found = await store.get(conn, _known(subscription_id))
    return Replayed(count=await store.replay(conn, found.id, (body or Replay()).deliveries))


def _known(subscription_id: str) -> str:
    if not subscription_id.isprintable() or len(subscription_id) > 64:
        raise store.SubscriptionNotFound
    return subscription_id
