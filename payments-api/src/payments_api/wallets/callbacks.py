"""Where mobile-money providers call back. A callback is a hint: it changes nothing but when we ask.

Must not tell a stranger whether a reference exists, and must not believe a word of the body.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import Any, cast

from fastapi import APIRouter, Request
from payments_schema.wire.model import WireModel
from payments_schema.wire.wallets import WalletProvider

from payments_api.http import strict_json
from payments_api.http.door import Door
from payments_api.http.problems import Problem
from payments_api.http.unit_of_work import UnitOfWork
from payments_api.wallets import operations

router = APIRouter(prefix="/api/v1/webhooks/wallets", route_class=Door, tags=["wallets"])


class CallbackTaken(WireModel):
    """Said to every well-formed callback, known reference or not."""

    accepted: bool = True


@router.post("/{provider}", status_code=202)
async def take(request: Request, conn: UnitOfWork, provider: WalletProvider) -> CallbackTaken:
    """Take a provider's callback; the payment is then asked about at the provider itself."""
    raw = await request.body()
    if provider is WalletProvider.AIRTELTIGO:
        _check_signature(request, raw)
    body = strict_json.parse(raw)
    if not isinstance(body, dict):
        raise Problem(422, "malformed_callback", "A callback is a JSON object.")
    reference = reference_in(provider, cast("dict[str, Any]", body))
    if reference is not None:
        await operations.hint(conn, request.app.state.wallet_terms, provider, reference)
    return CallbackTaken()


def reference_in(provider: WalletProvider, body: dict[str, Any]) -> str | None:
    """Our reference, where the provider's shape has it."""
    match provider:
        case WalletProvider.MTN:
            found = body.get("referenceId")
        case WalletProvider.TELECEL:
            data = body.get("data")
            found = cast("dict[str, Any]", data).get("reference") if isinstance(data, dict) else None
        case WalletProvider.AIRTELTIGO:
            found = body.get("trans_ref")
    return found if isinstance(found, str) else None


def _check_signature(request: Request, raw: bytes) -> None:
    secret: str = request.app.state.airteltigo_shared_key
    expected = hmac.new(secret.encode(), raw, hashlib.sha256).hexdigest()
    given = request.headers.get("authorization", "").rpartition(":")[2]
    if not hmac.compare_digest(given.encode(), expected.encode()):
        raise Problem(401, "invalid_signature", "The callback is not signed by its provider.")
