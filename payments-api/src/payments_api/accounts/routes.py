"""The HTTP of balances. Must not add anything up."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from payments_schema.errors import NotFound
from payments_schema.ledger import store as ledger
from payments_schema.ledger.posting import customer
from payments_schema.money import exponent
from payments_schema.wire.payments import AccountBalance

from payments_api.http.auth import STAFF
from payments_api.http.door import Door, roles
from payments_api.http.unit_of_work import UnitOfWork

router = APIRouter(route_class=Door, tags=["accounts"])
LONGEST_ACCOUNT = 255


@router.get("/accounts/{account_id:path}/balance", openapi_extra=roles(STAFF))
async def show_balance(
    conn: UnitOfWork, account_id: str, currency: Annotated[str, Query(pattern="^[A-Z]{3}$")] = "USD"
) -> AccountBalance:
    """Show the posted balance of a customer's account; one never seen has zero."""
    if not 1 <= len(account_id) <= LONGEST_ACCOUNT or not account_id.isprintable():
        raise NotFound("This is no account id.")
    exponent(currency)
    balance = await ledger.balance(conn, customer(account_id), currency)
    return AccountBalance(
        account_id=account_id,
        balance=balance.posted.major(),
        currency=currency,
        available=balance.available.major(),
        pending=balance.pending.major(),
        version=balance.version,
    )
