"""The simulator's control API: seed, knobs, scripts, clock, balances, and the books to compare with.

Must not be reachable from outside the machine; the server listens on loopback only.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, cast

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from devtools.simulators.books import PROVIDERS
from devtools.simulators.callbacks import request_of
from devtools.simulators.faults import Knobs
from devtools.simulators.journal import Journal
from devtools.simulators.outcomes import Outcome
from devtools.simulators.world import json_body, world_of


def _wrong(message: str) -> Response:
    return JSONResponse({"error": message}, 422)


async def health(request: Request) -> Response:
    return JSONResponse({"status": "ok"})


async def reset(request: Request) -> Response:
    """POST {seed}: empty books, default knobs, wall clock as it is."""
    world = world_of(request)
    seed = (await json_body(request)).get("seed", 1)
    if not isinstance(seed, int):
        return _wrong("seed must be an integer")
    journal: Journal | None = request.app.state.journal
    if journal is not None:
        journal.restart()
    world.reset(seed)
    return JSONResponse({"seed": world.seed})


async def knobs(request: Request) -> Response:
    """GET all knobs; PUT {provider or "all": {knob: value}} changes the named ones, {"reset": true} all."""
    world = world_of(request)
    if request.method == "PUT":
        wanted = await json_body(request)
        try:
            world.knobs = _changed(world.knobs, wanted)
        except ValueError as error:
            return _wrong(str(error))
    return JSONResponse({name: asdict(value) for name, value in world.knobs.items()})


def _changed(current: dict[str, Knobs], wanted: dict[str, Any]) -> dict[str, Knobs]:
    """The new knobs, or none of them changed: a wrong name anywhere is refused."""
    result = dict(current)
    if wanted.pop("reset", False):
        result = {name: Knobs() for name in PROVIDERS}
    for name, values in wanted.items():
        if name not in (*PROVIDERS, "all") or not isinstance(values, dict):
            raise ValueError(f"there is no provider named {name!r}")
        for provider in PROVIDERS if name == "all" else (name,):
            result[provider] = result[provider].changed(values)  # pyright: ignore[reportUnknownArgumentType]
    return result


async def scripts(request: Request) -> Response:
    """PUT {key: {settles_after_s, reason}} by reference, `provider:msisdn` or msisdn; null removes."""
    world = world_of(request)
    for key, value in (await json_body(request)).items():
        if value is None:
            world.scripts.pop(key, None)
        elif isinstance(value, dict) and set(value) <= {"settles_after_s", "reason"}:  # pyright: ignore[reportUnknownArgumentType]
            world.scripts[key] = Outcome(**cast("dict[str, Any]", value))
        else:
            return _wrong("a script is {settles_after_s, reason}")
    return JSONResponse({key: asdict(value) for key, value in world.scripts.items()})


async def clock(request: Request) -> Response:
    """GET the time; POST {advance_s} moves it; POST {manual: epoch seconds or null} takes it by hand."""
    world = world_of(request)
    if request.method == "POST":
        body = await json_body(request)
        if "manual" in body:
            world.clock.manual = body["manual"]
        world.clock.advance(body.get("advance_s", 0))
        world.catch_up()
    return JSONResponse({"now": world.clock.now(), "manual": world.clock.manual is not None})


async def settle(request: Request) -> Response:
    """POST {provider, reference, reason?}: end an open transfer now, in success unless a reason is given."""
    world = world_of(request)
    body = await json_body(request)
    transfer = world.books.find(str(body.get("provider")), str(body.get("reference")))
    if transfer is None:
        return JSONResponse({"error": "unknown reference"}, 404)
    if not transfer.is_final:
        world.books.settle(transfer, body.get("reason"), world.clock.now())
        world.announce(transfer)
        world.changed.set()
    return JSONResponse(asdict(transfer))


async def balances(request: Request) -> Response:
    """PUT {provider: {currency: minor}}: the float as it is from now on."""
    world = world_of(request)
    for provider, wanted in (await json_body(request)).items():
        if provider not in PROVIDERS or not isinstance(wanted, dict):
            return _wrong(f"there is no provider named {provider!r}")
        for currency, minor in wanted.items():  # pyright: ignore[reportUnknownVariableType]
            world.books.set_balance(provider, str(currency), int(minor))  # pyright: ignore[reportUnknownArgumentType]
    return JSONResponse({"ok": True})


async def books(request: Request) -> Response:
    world = world_of(request)
    world.catch_up()
    return JSONResponse(world.books.summary())


async def calls(request: Request) -> Response:
    """How often each operation was called, and the last thousand calls in order."""
    world = world_of(request)
    return JSONResponse({"counts": dict(world.calls), "recent": list(world.recent)})


async def callbacks(request: Request) -> Response:
    """GET the callbacks that would be due now, for a test that delivers by hand; they count as sent."""
    world = world_of(request)
    world.catch_up()
    due = [(delivery.transfer, *request_of(delivery.transfer)) for delivery in world.take_deliveries()]
    return JSONResponse(
        [
            {
                "provider": transfer.provider,
                "url": transfer.callback_url,
                "body": body.decode(),
                "headers": headers,
            }
            for transfer, body, headers in due
        ]
    )


ROUTES = [
    Route("/health", health, methods=["GET"]),
    Route("/_control/reset", reset, methods=["POST"]),
    Route("/_control/knobs", knobs, methods=["GET", "PUT"]),
    Route("/_control/scripts", scripts, methods=["PUT"]),
    Route("/_control/clock", clock, methods=["GET", "POST"]),
    Route("/_control/settle", settle, methods=["POST"]),
    Route("/_control/balances", balances, methods=["PUT"]),
    Route("/_control/books", books, methods=["GET"]),
    Route("/_control/calls", calls, methods=["GET"]),
    Route("/_control/callbacks", callbacks, methods=["POST"]),
]
