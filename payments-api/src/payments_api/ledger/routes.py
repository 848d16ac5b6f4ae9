"""The HTTP of the ledger's checks. Must not repair what they find."""

from __future__ import annotations

from fastapi import APIRouter
from payments_schema.ledger import audit
from payments_schema.wire.ledger import Integrity

from payments_api.http.auth import STAFF
from payments_api.http.door import Door, roles
from payments_api.http.unit_of_work import UnitOfWork

router = APIRouter(prefix="/api/v1/ledger", route_class=Door, tags=["ledger"])


@router.get("/integrity", openapi_extra=roles(STAFF))
async def show_integrity(conn: UnitOfWork) -> Integrity:
    """Check the books as they stand now; offenders are named."""
    return await audit.integrity(conn)
