"""The HTTP of the ledger: reading the books, and correcting them. Must not hold a route of its own."""

from __future__ import annotations

from fastapi import APIRouter

from payments_api.ledger import correcting, reading

router = APIRouter()
router.include_router(reading.router)
router.include_router(correcting.router)
