"""The AirtelTigo shape, as its aggregator offers it: one signed endpoint, `exttrid`, codes.

Must not decide outcomes; the world does. Every body is signed:
`Authorization: client:hex(HMAC-SHA256(secret, body))`.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
from typing import Any, cast

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from devtools.simulators.books import Direction, Transfer
from devtools.simulators.faults import Draw
from devtools.simulators.world import Asked, World, major_of, transfer_of, world_of

CLIENT = "sandbox-client"
SHARED = os.environ.get("AIRTELTIGO_SHARED_KEY") or "sandbox-airteltigo-secret"
KINDS: dict[str, Direction] = {"CTM": "collect", "MTC": "disburse"}
CODES = {"PENDING": "003", "SUCCESSFUL": "000", "FAILED": "001", "VOUCHER": "003"}
REASONS = {
    "NOT_ENOUGH_FUNDS": "061",
    "APPROVAL_REJECTED": "062",
    "EXPIRED": "063",
    "PAYEE_NOT_FOUND": "064",
    "PAYER_NOT_FOUND": "064",
    "SERVICE_UNAVAILABLE": "091",
}


def signature(body: bytes) -> str:
    return hmac.new(SHARED.encode(), body, hashlib.sha256).hexdigest()


def shown(transfer: Transfer, draw: Draw | None = None) -> dict[str, object]:
    unknown = draw is not None and draw.strikes("unknown_status")
    wrong = draw is not None and draw.strikes("wrong_currency")
    code = CODES[transfer.state]
    if transfer.state == "FAILED":
        code = REASONS.get(transfer.reason or "", "001")
    return {
        "trans_ref": transfer.reference,
        "trans_id": transfer.financial_id,
        "trans_status": "998" if unknown else code,
        "message": transfer.reason or transfer.state,
        "amount": major_of(transfer.amount_minor),
        "charge": major_of(transfer.fee_minor),
        "currency": "XOF" if wrong else transfer.currency,
    }


def _refusal(request: Request, body: bytes) -> Response | None:
    expected = f"{CLIENT}:{signature(body)}"
    if not hmac.compare_digest(request.headers.get("authorization", "").encode(), expected.encode()):
        return JSONResponse({"resp_code": "010", "resp_desc": "signature mismatch"}, 401)
    return None


async def send_request(request: Request) -> Response:
    """POST /sendRequest: CTM and MTC move money, TSC asks, BLC is the balance, STM the statement."""
    world = world_of(request)
    raw = await request.body()
    if (refused := _refusal(request, raw)) is not None:
        return refused
    try:
        parsed = json.loads(raw)
    except ValueError:
        parsed = None
    if not isinstance(parsed, dict):
        return JSONResponse({"resp_code": "020", "resp_desc": "body is not an object"}, 400)
    body = cast("dict[str, Any]", parsed)
    kind = body.get("trans_type")
    if kind in KINDS:
        return await _submit(world, body, KINDS[kind])
    if kind == "TSC":
        return await _status(world, str(body.get("exttrid", "")))
    if kind == "BLC":
        return await _balance(world, str(body.get("currency", "GHS")))
    if kind == "STM":
        return await _statement(world, float(body.get("since", 0)), float(body.get("until", 0)))
    return JSONResponse({"resp_code": "021", "resp_desc": "unknown trans_type"}, 400)


async def _submit(world: World, body: dict[str, Any], direction: Direction) -> Response:
    reference = str(body.get("exttrid", ""))
    asked = Asked(
        reference,
        body.get("amount"),
        body.get("currency", "GHS"),
        body.get("customer_number"),
        str(body.get("service_id", "")),
        str(body.get("reference", "")),
        str(body.get("callback_url", "")),
    )
    wanted = transfer_of("airteltigo", direction, asked, world.clock.now())
    if isinstance(wanted, str) or not reference:
        field = wanted if isinstance(wanted, str) else "exttrid"
        return JSONResponse({"resp_code": "022", "resp_desc": f"wrong {field}"})

    def effect(draw: Draw) -> Response:
        _, created = world.submit(wanted)
        if not created:
            return JSONResponse({"resp_code": "027", "resp_desc": "duplicate exttrid"})
        return JSONResponse({"resp_code": "015", "resp_desc": "Request successfully received for processing"})

    return await world.converse("airteltigo", "submit", reference, wanted.msisdn, effect)


async def _status(world: World, reference: str) -> Response:
    known = world.books.find("airteltigo", reference)

    def effect(draw: Draw) -> Response:
        transfer = world.books.find("airteltigo", reference)
        if transfer is None:
            return JSONResponse({"resp_code": "028", "resp_desc": "transaction not found"})
        return JSONResponse(shown(transfer, draw))

    return await world.converse("airteltigo", "inquire", reference, known.msisdn if known else "", effect)


async def _balance(world: World, currency: str) -> Response:
    def effect(draw: Draw) -> Response:
        minor = world.books.balance("airteltigo", currency)
        return JSONResponse({"resp_code": "000", "wallet_bal": major_of(minor), "currency": currency})

    return await world.converse("airteltigo", "balance", currency, "", effect)


async def _statement(world: World, since: float, until: float) -> Response:
    def effect(draw: Draw) -> Response:
        rows = [
            {
                "id": row.financial_id,
                "exttrid": row.reference,
                "ts": row.settled_at,
                "trans_type": "MTC" if row.direction == "disburse" else "CTM",
                "amount": major_of(row.amount_minor),
                "charge": major_of(row.fee_minor),
                "currency": row.currency,
            }
            for row in world.books.statement("airteltigo", since, until)
        ]
        return JSONResponse({"resp_code": "000", "transactions": rows})

    return await world.converse("airteltigo", "statement", "statement", "", effect)


ROUTES = [Route("/sendRequest", send_request, methods=["POST"])]
