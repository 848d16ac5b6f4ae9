"""`payments-schema events listen`: print what happens as it happens, and forward it, signed, to a local URL.

Must not forward beyond this machine, and must not need a subscription: nothing is written.
"""

from __future__ import annotations

import argparse
import asyncio
import http.client
import json
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from urllib.parse import SplitResult, urlsplit

from psycopg import AsyncConnection

from payments_schema.events import store
from payments_schema.webhooks import signing
from payments_schema.wire.events import Event

OK, WRONG_USE = 0, 2
LOOK_S = 0.2
FORWARD_S = 30
HERE = ("localhost", "127.0.0.1", "::1")


def add_verbs(verbs: Any, add_common: Callable[[argparse.ArgumentParser], None]) -> None:
    """Hang `listen` under `events`."""
    text = "Print events as they happen, one JSON object a line with --json, until Ctrl-C."
    listen = verbs.add_parser("listen", help=text, description=text)
    add_common(listen)
    listen.add_argument("--type", metavar="TOPIC", help="only these: invoice.paid, or invoice.*")
    listen.add_argument("--subject", metavar="ID", help="only what happens to this")
    listen.add_argument("--since", type=_moment, metavar="TIME", help="begin with what was recorded then")
    listen.add_argument("--forward-to", type=_local, metavar="URL", help="POST each, signed, to a local URL")
    listen.add_argument("--secret", help="whsec_… to sign with (default: a new one, which is shown)")
    listen.add_argument("--count", type=int, metavar="N", help="end after so many")
    listen.set_defaults(run=_listen)


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise argparse.ArgumentTypeError("needs a time zone, as in 2026-03-01T00:00:00Z")
    return moment


def _local(text: str) -> SplitResult:
    parts = urlsplit(text)
    if parts.scheme != "http" or parts.hostname not in HERE:
        raise argparse.ArgumentTypeError("must be http:// on localhost, 127.0.0.1 or [::1]")
    return parts


def _listen(url: str, arguments: argparse.Namespace) -> int:
    secret = arguments.secret or signing.new_secret()
    try:
        key = signing.key_of(secret)
    except ValueError as error:
        sys.stderr.write(f"error: --secret: {error}\n")
        return WRONG_USE
    if arguments.forward_to is not None and arguments.secret is None:
        sys.stderr.write(f"signed with {secret}\n")
    try:
        asyncio.run(_follow(url, arguments, key))
    except KeyboardInterrupt:
        return 130
    return OK


async def _follow(url: str, arguments: argparse.Namespace, key: bytes) -> None:
    left: int | None = arguments.count
    async with await AsyncConnection[Any].connect(
        url, autocommit=True, application_name="payments-schema events listen"
    ) as conn:
        since = arguments.since or await _now(conn)
        cursor: str | None = None
        sys.stderr.write("listening\n")
        sys.stderr.flush()
        while left is None or left > 0:
            page = await store.list_page(
                conn,
                limit=100 if left is None else min(100, left),
                cursor=cursor,
                subject=arguments.subject,
                type=arguments.type,
                since=since,
            )
            for event in page.data:
                cursor = event.id
                _show(event, as_json=arguments.json)
                if arguments.forward_to is not None:
                    answer = await asyncio.to_thread(_forward, arguments.forward_to, key, event)
                    sys.stderr.write(f"  → {answer}\n")
            left = None if left is None else left - len(page.data)
            if not page.has_more and left != 0:
                await asyncio.sleep(LOOK_S)


async def _now(conn: AsyncConnection[Any]) -> datetime:
    row = await (await conn.execute("SELECT clock_timestamp()")).fetchone()
    return datetime.now(UTC) if row is None else row[0]


def _show(event: Event, *, as_json: bool) -> None:
    if as_json:
        line = event.model_dump_json()
    else:
        data = json.dumps(event.data, ensure_ascii=True)
        line = f"{event.recorded_at:%H:%M:%S} {event.type:<26} {ascii(event.subject)[1:-1]}  {data}"
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def _forward(to: SplitResult, key: bytes, event: Event) -> str:
    """POST it as a subscriber would get it; follows no redirect. Returns what was answered."""
    shown = event.model_dump(mode="json")
    shown["timestamp"] = shown.pop("recorded_at")
    body = json.dumps(shown, ensure_ascii=False)
    headers = signing.sign([key], event.id, datetime.now(UTC), body) | {"content-type": "application/json"}
    client = http.client.HTTPConnection(to.hostname or "", to.port or 80, timeout=FORWARD_S)
    try:
        client.request(
            "POST", (to.path or "/") + (f"?{to.query}" if to.query else ""), body.encode(), headers
        )
        return str(client.getresponse().status)
    except (OSError, http.client.HTTPException) as error:
        return f"not answered: {error}"
    finally:
        client.close()
