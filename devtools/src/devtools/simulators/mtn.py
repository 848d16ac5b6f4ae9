"""The MTN MoMo shape: token, requesttopay and transfer under X-Reference-Id, status, balance, statement.

Must not decide outcomes; the world does. Source: momodeveloper.mtn.com, Collections and Disbursements v1_0.
"""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import uuid

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from devtools.simulators.books import Direction, Transfer
from devtools.simulators.faults import Draw
from devtools.simulators.world import Asked, World, json_body, major_of, transfer_of, world_of

API_USER = "sandbox-user"
API_KEY = "sandbox-key"
SUBSCRIPTION_KEY = "sandbox-subscription"
PRODUCTS: dict[str, tuple[Direction, str]] = {
    "collection": ("collect", "requesttopay"),
    "disbursement": ("disburse", "transfer"),
}


def _problem(status: int, code: str, message: str) -> Response:
    return JSONResponse({"code": code, "message": message}, status)


async def token(request: Request) -> Response:
    """POST /{product}/token/ with Basic apiUser:apiKey and the subscription key."""
    world = world_of(request)
    product = request.path_params["product"]
    basic = base64.b64encode(f"{API_USER}:{API_KEY}".encode()).decode()
    if request.headers.get("ocp-apim-subscription-key") != SUBSCRIPTION_KEY:
        return _problem(401, "ACCESS_DENIED", "missing subscription key")
    if product not in PRODUCTS or request.headers.get("authorization") != f"Basic {basic}":
        return JSONResponse({"error": "login_failed"}, 401)

    def effect(draw: Draw) -> Response:
        serial = len(world.tokens)
        value = hashlib.blake2b(f"{world.seed}:{product}:{serial}".encode(), digest_size=24).hexdigest()
        ttl_s = world.knobs["mtn"].token_ttl_s
        world.tokens[value] = world.clock.now() + ttl_s
        return JSONResponse({"access_token": value, "token_type": "access_token", "expires_in": ttl_s})

    return await world.converse("mtn", "token", product, "", effect)


def _refused(request: Request, world: World) -> Response | None:
    scheme, _, value = request.headers.get("authorization", "").partition(" ")
    if scheme != "Bearer" or world.tokens.get(value, 0) <= world.clock.now():
        return _problem(401, "ACCESS_DENIED", "the token is unknown or expired")
    if request.headers.get("ocp-apim-subscription-key") != SUBSCRIPTION_KEY:
        return _problem(401, "ACCESS_DENIED", "missing subscription key")
    if not request.headers.get("x-target-environment"):
        return _problem(400, "NOT_ALLOWED_TARGET_ENVIRONMENT", "X-Target-Environment is missing")
    return None


def _is_uuid(text: str) -> bool:
    try:
        uuid.UUID(text)
    except ValueError:
        return False
    return True


async def submit(request: Request) -> Response:
    """POST requesttopay or transfer: 202 with an empty body; the same reference again is 409."""
    world = world_of(request)
    direction, party = _product(request)
    if (refused := _refused(request, world)) is not None:
        return refused
    reference = request.headers.get("x-reference-id", "")
    body = await json_body(request)
    payer = body.get(party)
    msisdn = payer.get("partyId") if isinstance(payer, dict) else None  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
    if not _is_uuid(reference):
        return _problem(400, "INVALID_REFERENCE_ID", "X-Reference-Id must be a UUID")
    asked = Asked(
        reference,
        body.get("amount"),
        body.get("currency"),
        msisdn,  # pyright: ignore[reportUnknownArgumentType]
        str(body.get("externalId", "")),
        str(body.get("payerMessage", "")),
        request.headers.get("x-callback-url", ""),
    )
    wanted = transfer_of("mtn", direction, asked, world.clock.now())
    if isinstance(wanted, str):
        return _problem(
            400, "INVALID_CURRENCY" if wanted == "currency" else "BAD_REQUEST", f"{wanted} is wrong"
        )

    def effect(draw: Draw) -> Response:
        _, created = world.submit(wanted)
        if not created:
            return _problem(409, "RESOURCE_ALREADY_EXIST", "Duplicated reference id.")
        return Response(status_code=202)

    return await world.converse("mtn", "submit", reference, wanted.msisdn, effect)


def _product(request: Request) -> tuple[Direction, str]:
    direction, kind = PRODUCTS.get(request.path_params["product"], ("collect", ""))
    if request.path_params["kind"] != kind:
        raise HTTPException(404)
    return direction, "payer" if direction == "collect" else "payee"


def shown(transfer: Transfer, draw: Draw | None = None) -> dict[str, object]:
    """The status body: 200 also for a failed transfer, its reason as a string."""
    party = "payer" if transfer.direction == "collect" else "payee"
    currency = "XOF" if draw is not None and draw.strikes("wrong_currency") else transfer.currency
    status: str = transfer.state
    if draw is not None and draw.strikes("unknown_status"):
        status = "LIMBO"
    body: dict[str, object] = {
        "amount": major_of(transfer.amount_minor),
        "currency": currency,
        "externalId": transfer.external_id,
        party: {"partyIdType": "MSISDN", "partyId": transfer.msisdn},
        "status": status,
    }
    if transfer.state == "SUCCESSFUL":
        body["financialTransactionId"] = transfer.financial_id
    if transfer.reason:
        body["reason"] = transfer.reason
    return body


async def status(request: Request) -> Response:
    """GET requesttopay/{reference} or transfer/{reference}."""
    world = world_of(request)
    if (refused := _refused(request, world)) is not None:
        return refused
    reference = request.path_params["reference"]
    known = world.books.find("mtn", reference)

    def effect(draw: Draw) -> Response:
        transfer = world.books.find("mtn", reference)
        if transfer is None:
            return _problem(404, "RESOURCE_NOT_FOUND", "Requested resource was not found.")
        return JSONResponse(shown(transfer, draw))

    return await world.converse("mtn", "inquire", reference, known.msisdn if known else "", effect)


async def balance(request: Request) -> Response:
    world = world_of(request)
    if (refused := _refused(request, world)) is not None:
        return refused
    currency = request.query_params.get("currency", "GHS")

    def effect(draw: Draw) -> Response:
        minor = world.books.balance("mtn", currency)
        return JSONResponse({"availableBalance": major_of(minor), "currency": currency})

    return await world.converse("mtn", "balance", currency, "", effect)


async def account_holder(request: Request) -> Response:
    world = world_of(request)
    if (refused := _refused(request, world)) is not None:
        return refused
    return JSONResponse({"result": not request.path_params["msisdn"].endswith("3123459")})


async def statement(request: Request) -> Response:
    """GET /{product}/v1_0/statement?since=&until= (epoch seconds): the merchant portal's CSV export."""
    world = world_of(request)
    if (refused := _refused(request, world)) is not None:
        return refused
    since, until = (float(request.query_params.get(name, "0")) for name in ("since", "until"))

    def effect(draw: Draw) -> Response:
        sheet = io.StringIO()
        writer = csv.writer(sheet)
        writer.writerow(["Id", "External Reference", "Date", "Type", "Amount", "Fee", "Currency", "Status"])
        for row in world.books.statement("mtn", since, until):
            kind = "Debit" if row.direction == "disburse" else "Payment"
            amounts = [major_of(row.amount_minor), major_of(row.fee_minor)]
            writer.writerow(
                [row.financial_id, row.reference, row.settled_at, kind, *amounts, row.currency, "Successful"]
            )
        return Response(sheet.getvalue(), media_type="text/csv")

    return await world.converse("mtn", "statement", "statement", "", effect)


ROUTES = [
    Route("/{product}/token/", token, methods=["POST"]),
    Route("/{product}/v1_0/{kind}", submit, methods=["POST"]),
    Route("/{product}/v1_0/statement", statement, methods=["GET"]),
    Route("/{product}/v1_0/account/balance", balance, methods=["GET"]),
    Route("/{product}/v1_0/accountholder/msisdn/{msisdn}/active", account_holder, methods=["GET"]),
    Route("/{product}/v1_0/{kind}/{reference}", status, methods=["GET"]),
]
