"""`payments-schema events dead|repair|retry|discard`: what an operator does with events that were given up.

Must not hold a rule of what may be done: repairing and the queue do.
"""

from __future__ import annotations

import argparse
import asyncio
import getpass
import json
import os
import sys
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any
from uuid import UUID

from psycopg import AsyncConnection
from pydantic import ValidationError

from payments_schema.errors import PaymentsError
from payments_schema.invoices import inbox
from payments_schema.invoices.repairing import locked_dead, repair
from payments_schema.jobs import store as jobs
from payments_schema.wire.invoices import EventStatus, PaymentEventView, RepairEvent

OK, FAILED, WRONG_USE = 0, 1, 2
Verb = Callable[[AsyncConnection[Any], argparse.Namespace], Awaitable[list[PaymentEventView]]]


def add_verbs(verbs: Any, add_common: Callable[[argparse.ArgumentParser], None]) -> None:
    """Hang the verbs of dead events under `events`."""

    def add(name: str, run: Verb, text: str) -> argparse.ArgumentParser:
        verb = verbs.add_parser(name, help=text, description=text)
        add_common(verb)
        verb.set_defaults(run=partial(_blocking, run))
        return verb

    listing = add("dead", _dead, "List incoming payment events that were given up, newest first.")
    listing.add_argument("--limit", type=int, choices=range(1, 101), default=20, metavar="1-100")
    mending = add("repair", _repair, "Have an edited copy of a dead event applied; the original is kept.")
    mending.add_argument("event_id", type=UUID)
    mending.add_argument("--reason", required=True, help="why; it is told with the change")
    mending.add_argument("--invoice-id", help="the invoice that was meant")
    mending.add_argument("--amount-cents", type=int, help="the amount that was meant")
    for name, run, text in (
        ("retry", _retry, "Have a dead event wait and be applied as it came."),
        ("discard", _discard, "Give up a dead event for good; it stays on record, not applied."),
    ):
        add(name, run, text).add_argument("event_id", type=UUID)


def _blocking(run: Verb, url: str, arguments: argparse.Namespace) -> int:
    try:
        found = asyncio.run(_in_one_transaction(run, url, arguments))
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        sys.stderr.write(f"error: {'.'.join(str(part) for part in first['loc'])}: {first['msg']}\n")
        return WRONG_USE
    except PaymentsError as error:
        sys.stderr.write(f"error: {error.detail}\n")
        return FAILED
    if arguments.json:
        sys.stdout.write(json.dumps([one.model_dump(mode="json") for one in found]) + "\n")
        return OK
    for one in found:
        line = f"{one.event_id}  {one.status.value:<8} {one.amount_cents:>12,}  invoice {one.invoice_id}"
        sys.stdout.write(f"{line}  {one.error or ''}".rstrip() + "\n")
    return OK


async def _in_one_transaction(run: Verb, url: str, arguments: argparse.Namespace) -> list[PaymentEventView]:
    async with await AsyncConnection[Any].connect(url, application_name="payments-schema events") as conn:
        return await run(conn, arguments)


async def _dead(conn: AsyncConnection[Any], arguments: argparse.Namespace) -> list[PaymentEventView]:
    page = await inbox.list_page(
        conn, limit=arguments.limit, cursor=None, status=EventStatus.DEAD, invoice_id=None
    )
    return page.data


async def _repair(conn: AsyncConnection[Any], arguments: argparse.Namespace) -> list[PaymentEventView]:
    asked = {"invoice_id": arguments.invoice_id, "amount_cents": arguments.amount_cents}
    body = RepairEvent.model_validate({"reason": arguments.reason, **asked})
    return [await repair(conn, arguments.event_id, body, f"{_who()} at the command line")]


def _who() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's number without a name
        return f"user {os.getuid()}"


async def _retry(conn: AsyncConnection[Any], arguments: argparse.Namespace) -> list[PaymentEventView]:
    dead = await locked_dead(conn, arguments.event_id, "retried")
    if dead.job_id is not None:
        await jobs.retry(conn, dead.job_id)
    return [dead]


async def _discard(conn: AsyncConnection[Any], arguments: argparse.Namespace) -> list[PaymentEventView]:
    dead = await locked_dead(conn, arguments.event_id, "discarded")
    if dead.job_id is not None:
        await jobs.discard(conn, dead.job_id)
    return [dead]
