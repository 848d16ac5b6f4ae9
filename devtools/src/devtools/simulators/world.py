"""The simulator's one state: books, knobs, scripts, clock, and what every provider call goes through.

Must not know the shape of any provider's messages: those turn requests into effects, effects into replies.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, cast

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

from devtools.simulators.books import PROVIDERS, Books, Direction, Transfer
from devtools.simulators.faults import Draw, Knobs, dice
from devtools.simulators.outcomes import Outcome, outcome_of

HUGE_BYTES = 4 * 1024 * 1024


class TornReply(Response):
    """A reply whose connection ends before its body: the caller cannot know what happened."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"512")]})
        # The server notices the missing bytes, closes the connection, and raises what nobody needs to read.
        with contextlib.suppress(RuntimeError):
            await send({"type": "http.response.body", "body": b"{", "more_body": False})


@dataclass(slots=True)
class Clock:
    """Wall time plus an offset, or a hand-moved time when `manual` is set."""

    manual: float | None = None
    offset_s: float = 0.0

    def now(self) -> float:
        return self.manual if self.manual is not None else time.time() + self.offset_s

    def advance(self, seconds: float) -> None:
        if self.manual is not None:
            self.manual += seconds
        else:
            self.offset_s += seconds


@dataclass(slots=True, frozen=True)
class Delivery:
    """A callback that is due: which transfer, and when."""

    at: float
    transfer: Transfer
    copy: int


@dataclass(slots=True)
class World:
    """Everything that one running simulator knows."""

    seed: int = 1
    clock: Clock = field(default_factory=Clock)
    books: Books = field(default_factory=Books)
    knobs: dict[str, Knobs] = field(default_factory=lambda: {name: Knobs() for name in PROVIDERS})
    scripts: dict[str, Outcome] = field(default_factory=dict[str, Outcome])
    deliveries: list[Delivery] = field(default_factory=list[Delivery])
    calls: Counter[str] = field(default_factory=Counter[str])
    recent: deque[dict[str, Any]] = field(default_factory=lambda: deque[dict[str, Any]](maxlen=1000))
    tokens: dict[str, float] = field(default_factory=dict[str, float])
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    _times: Counter[tuple[str, str, str]] = field(default_factory=Counter[tuple[str, str, str]])

    def reset(self, seed: int) -> None:
        """As new: no transfers, no knobs, no scripts."""
        self.seed = seed
        self.books = Books(seed=seed, tell=self.books.tell)
        self.knobs = {name: Knobs() for name in PROVIDERS}
        self.scripts.clear()
        self.deliveries.clear()
        self.calls.clear()
        self.recent.clear()
        self._times.clear()

    def catch_up(self) -> None:
        """Settle what is due by now and note the callbacks that follow."""
        for transfer in self.books.advance(self.clock.now()):
            self.announce(transfer)
        self.changed.set()

    def announce(self, transfer: Transfer) -> None:
        """Note the callbacks for a settled transfer: none, one or several, as the knobs and the dice say."""
        knobs = self.knobs[transfer.provider]
        drawn = dice(self.seed, "callback", transfer.provider, transfer.reference)
        if transfer.callback_url and drawn < knobs.callback:
            at = (transfer.settled_at or self.clock.now()) + knobs.callback_delay_s
            for copy in range(1 + knobs.callback_duplicates):
                self.deliveries.append(Delivery(at + copy, transfer, copy))

    def take_deliveries(self) -> list[Delivery]:
        """The callbacks that are due by now, removed from the list."""
        now = self.clock.now()
        due = [delivery for delivery in self.deliveries if delivery.at <= now]
        self.deliveries = [delivery for delivery in self.deliveries if delivery.at > now]
        return due

    def submit(self, wanted: Transfer) -> tuple[Transfer, bool]:
        """Take a transfer; the same reference again gives the first one and False."""
        known = self.books.find(wanted.provider, wanted.reference)
        if known is not None:
            return known, False
        knobs = self.knobs[wanted.provider]
        outcome = self.outcome_for(wanted)
        taken = self.books.open(wanted, outcome, knobs.settle_after_s)
        self.catch_up()
        return taken, True

    def outcome_for(self, wanted: Transfer) -> Outcome:
        """How it will end: a script first, then the sandbox's number, then the dice about declines."""
        knobs = self.knobs[wanted.provider]
        for key in (wanted.reference, f"{wanted.provider}:{wanted.msisdn}", wanted.msisdn):
            if key in self.scripts:
                return self.scripts[key]
        outcome = outcome_of(wanted.provider, wanted.msisdn)
        drawn = dice(self.seed, "decline", wanted.provider, wanted.reference)
        if outcome.succeeds and knobs.decline and drawn < knobs.decline:
            return Outcome(reason=knobs.decline_reason)
        return outcome

    async def converse(
        self, provider: str, operation: str, reference: str, msisdn: str, effect: Callable[[Draw], Response]
    ) -> Response:
        """One provider call: perhaps refused or slow, its effect, then perhaps a reply that tells nothing."""
        self.catch_up()
        key = (provider, operation, reference)
        draw = Draw(self.knobs[provider], self.seed, provider, operation, reference, self._times[key], msisdn)
        self._times[key] += 1
        self.calls[f"{provider}.{operation}"] += 1
        if draw.knobs.outage or draw.strikes("refuse"):
            return self._noted(draw, JSONResponse({"message": "service unavailable"}, 503))
        reply = effect(draw)
        if draw.strikes("hang"):
            await asyncio.sleep(draw.knobs.hang_s)
        if wait_s := draw.latency_s():
            await asyncio.sleep(wait_s)
        return self._noted(draw, _spoiled(draw, reply))

    def _noted(self, draw: Draw, reply: Response) -> Response:
        self.recent.append(
            {
                "provider": draw.provider,
                "operation": draw.operation,
                "reference": draw.reference,
                "times": draw.times,
                "status": reply.status_code,
                "whole": not isinstance(reply, TornReply),
            }
        )
        return reply


def _spoiled(draw: Draw, reply: Response) -> Response:
    if draw.strikes("lose_reply"):
        return TornReply()
    if draw.strikes("error_after"):
        return JSONResponse({"message": "internal error"}, 500)
    if draw.strikes("garbage"):
        return Response(b"<html>\x00\xff it works </html>", 200, media_type="text/html")
    if draw.strikes("huge"):
        return Response(b'{"status":"' + b"A" * HUGE_BYTES + b'"}', 200, media_type="application/json")
    return reply


def minor_of(text: object) -> int | None:
    """'12.50' as 1250; None where it is not an amount with at most two decimals."""
    whole, _, cents = str(text).partition(".")
    if not (whole.isascii() and whole.isdigit()) or len(cents) > 2 or not (cents + "0").isdigit():
        return None
    return int(whole) * 100 + int((cents + "00")[:2])


def major_of(minor: int) -> str:
    sign = "-" if minor < 0 else ""
    return f"{sign}{abs(minor) // 100}.{abs(minor) % 100:02d}"


@dataclass(frozen=True, slots=True)
class Asked:
    """The parts of a transfer request that every provider has in some shape."""

    reference: str
    amount: object
    currency: object
    msisdn: object
    external_id: str = ""
    note: str = ""
    callback_url: str = ""


def transfer_of(provider: str, direction: Direction, asked: Asked, now: float) -> Transfer | str:
    """A transfer ready to be taken, or the name of the field that is wrong."""
    amount = minor_of(asked.amount)
    if amount is None or amount <= 0:
        return "amount"
    digits = str(asked.msisdn).lstrip("+")
    if not (digits.isascii() and digits.isdigit() and 9 <= len(digits) <= 15):
        return "msisdn"
    if asked.currency not in ("GHS", "EUR"):
        return "currency"
    return Transfer(
        provider=provider,
        reference=asked.reference,
        direction=direction,
        amount_minor=amount,
        currency=str(asked.currency),
        msisdn=digits,
        external_id=asked.external_id,
        note=asked.note,
        created_at=now,
        callback_url=asked.callback_url,
    )


def world_of(request: Request) -> World:
    return request.app.state.world


async def json_body(request: Request) -> dict[str, Any]:
    """The body as an object; anything else is an empty one (the fields are then missing)."""
    try:
        body = await request.json()
    except ValueError:
        return {}
    return cast("dict[str, Any]", body) if isinstance(body, dict) else {}
