"""The Telecel shape, as its aggregator offers it: bearer key, collections with a voucher step, payouts.

Must not decide outcomes; the world does. Replies carry a `code`: 000 done, 100 open, 201 voucher.
"""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from devtools.simulators.books import Direction, Transfer
from devtools.simulators.faults import Draw
from devtools.simulators.world import Asked, json_body, major_of, transfer_of, world_of

API_KEY = "sandbox-telecel-key"
VOUCHER = "123456"
CODES = {"PENDING": "100", "SUCCESSFUL": "000", "FAILED": "500", "VOUCHER": "201"}


def _refused(request: Request) -> Response | None:
    if request.headers.get("authorization") != f"Bearer {API_KEY}":
        return JSONResponse({"code": "401", "message": "invalid api key"}, 401)
    return None


def shown(transfer: Transfer, draw: Draw | None = None) -> dict[str, object]:
    wrong = draw is not None and draw.strikes("wrong_currency")
    unknown = draw is not None and draw.strikes("unknown_status")
    return {
        "code": "777" if unknown else CODES[transfer.state],
        "message": transfer.reason or transfer.state.lower(),
        "data": {
            "reference": transfer.reference,
            "transaction_id": transfer.financial_id,
            "msisdn": transfer.msisdn,
            "amount": major_of(transfer.amount_minor),
            "fee": major_of(transfer.fee_minor),
            "currency": "XOF" if wrong else transfer.currency,
            "state": "LIMBO" if unknown else transfer.state,
            "reason": transfer.reason,
        },
    }


async def _submit(request: Request, direction: Direction) -> Response:
    world = world_of(request)
    if (refused := _refused(request)) is not None:
        return refused
    body = await json_body(request)
    reference = str(body.get("reference", ""))
    asked = Asked(
        reference,
        body.get("amount"),
        body.get("currency"),
        body.get("msisdn"),
        str(body.get("client_reference", "")),
        str(body.get("narration", "")),
        str(body.get("callback_url", "")),
    )
    wanted = transfer_of("telecel", direction, asked, world.clock.now())
    if isinstance(wanted, str) or not reference:
        return JSONResponse(
            {"code": "400", "message": f"{wanted if isinstance(wanted, str) else 'reference'}"}, 400
        )
    voucher = str(body.get("voucher") or "")

    def effect(draw: Draw) -> Response:
        transfer = world.books.find("telecel", reference)
        if transfer is not None:
            return JSONResponse({**shown(transfer), "duplicate": True}, 409)
        if direction == "collect" and voucher != VOUCHER:
            transfer = world.books.open(wanted, world.outcome_for(wanted), 0)
            world.books.await_voucher(transfer)
        else:
            transfer, _ = world.submit(wanted)
        return JSONResponse(shown(transfer) if transfer.state == "VOUCHER" else _taken(transfer))

    return await world.converse("telecel", "submit", reference, wanted.msisdn, effect)


def _taken(transfer: Transfer) -> dict[str, object]:
    """The first reply never says more than that the transfer was taken."""
    return {
        "code": "100",
        "message": "accepted",
        "data": {"reference": transfer.reference, "state": "PENDING"},
    }


async def collect(request: Request) -> Response:
    return await _submit(request, "collect")


async def payout(request: Request) -> Response:
    return await _submit(request, "disburse")


async def voucher(request: Request) -> Response:
    """POST the payer's voucher or one-time code: the right one lets it go on, a wrong one is 422."""
    world = world_of(request)
    if (refused := _refused(request)) is not None:
        return refused
    reference = request.path_params["reference"]
    given = str((await json_body(request)).get("voucher", ""))

    def effect(draw: Draw) -> Response:
        transfer = world.books.find("telecel", reference)
        if transfer is None:
            return JSONResponse({"code": "404", "message": "unknown reference"}, 404)
        if transfer.state == "VOUCHER":
            if given != VOUCHER:
                return JSONResponse({"code": "422", "message": "wrong voucher"}, 422)
            world.books.accept_voucher(transfer, world.clock.now())
            world.catch_up()
        return JSONResponse(_taken(transfer))

    return await world.converse("telecel", "voucher", reference, "", effect)


async def status(request: Request) -> Response:
    world = world_of(request)
    if (refused := _refused(request)) is not None:
        return refused
    reference = request.path_params["reference"]
    known = world.books.find("telecel", reference)

    def effect(draw: Draw) -> Response:
        transfer = world.books.find("telecel", reference)
        if transfer is None:
            return JSONResponse({"code": "404", "message": "unknown reference"}, 404)
        return JSONResponse(shown(transfer, draw))

    return await world.converse("telecel", "inquire", reference, known.msisdn if known else "", effect)


async def balance(request: Request) -> Response:
    world = world_of(request)
    if (refused := _refused(request)) is not None:
        return refused
    currency = request.query_params.get("currency", "GHS")

    def effect(draw: Draw) -> Response:
        minor = world.books.balance("telecel", currency)
        return JSONResponse({"code": "000", "data": {"balance": major_of(minor), "currency": currency}})

    return await world.converse("telecel", "balance", currency, "", effect)


async def statement(request: Request) -> Response:
    """GET /v2/statement?since=&until= (epoch seconds): JSON."""
    world = world_of(request)
    if (refused := _refused(request)) is not None:
        return refused
    since, until = (float(request.query_params.get(name, "0")) for name in ("since", "until"))

    def effect(draw: Draw) -> Response:
        rows = [
            {
                "transaction_id": row.financial_id,
                "reference": row.reference,
                "at": row.settled_at,
                "type": "payout" if row.direction == "disburse" else "collection",
                "amount": major_of(row.amount_minor),
                "fee": major_of(row.fee_minor),
                "currency": row.currency,
            }
            for row in world.books.statement("telecel", since, until)
        ]
        return JSONResponse({"code": "000", "data": rows})

    return await world.converse("telecel", "statement", "statement", "", effect)


ROUTES = [
    Route("/v2/collections", collect, methods=["POST"]),
    Route("/v2/payouts", payout, methods=["POST"]),
    Route("/v2/collections/{reference}/voucher", voucher, methods=["POST"]),
    Route("/v2/transactions/{reference}", status, methods=["GET"]),
    Route("/v2/balance", balance, methods=["GET"]),
    Route("/v2/statement", statement, methods=["GET"]),
]
