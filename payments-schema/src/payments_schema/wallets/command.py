"""`payments-schema wallets route|risk --what-if …`: past decisions made again. Must not change anything."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

from psycopg import AsyncConnection
from pydantic import ValidationError

from payments_schema.wallets.replay import what_if_risk, what_if_routing
from payments_schema.wallets.risk import RULES, Rules
from payments_schema.wallets.routing import WEIGHTS, Weights

OK, WRONG_USE = 0, 2


def add_commands(commands: Any, add_common: Callable[[argparse.ArgumentParser], None]) -> None:
    """Hang `wallets` and its verbs under the program's commands."""
    wallets = commands.add_parser("wallets", help="Replay routing and risk decisions of the past: what if.")
    verbs = wallets.add_subparsers(required=True, metavar="VERB")
    texts = {
        "route": 'Choose providers again with other weights: {"worth_bps": 500}.',
        "risk": 'Check payments again with other rules: {"rules": […], "review_at": 50}.',
    }
    for name, text in texts.items():
        verb = verbs.add_parser(name, help=text, description=text)
        add_common(verb)
        verb.add_argument(
            "--what-if", required=True, metavar="JSON", help="the weights or rules, or a file with them"
        )
        verb.add_argument("--days", type=_days, default=7, help="how far back (default: 7)")
        verb.set_defaults(run=partial(_what_if, name))


def _days(text: str) -> int:
    days = int(text)
    if not 1 <= days <= 3650:
        raise argparse.ArgumentTypeError("from 1 to 3650")
    return days


def _what_if(what: str, url: str, arguments: argparse.Namespace) -> int:
    try:
        text: str = arguments.what_if
        given = json.loads(text if text.lstrip().startswith("{") else Path(text).read_text(encoding="utf-8"))
        wanted = WEIGHTS.validate_python(given) if what == "route" else RULES.validate_python(given)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        return _refused(f"{where}: {first['msg']}" if where else first["msg"])
    except (ValueError, OSError) as error:
        return _refused(str(error))
    sys.stdout.write(json.dumps(asyncio.run(_replayed(url, wanted, arguments.days)), indent=2) + "\n")
    return OK


def _refused(reason: str) -> int:
    sys.stderr.write(f"error: --what-if: {reason}\n")
    return WRONG_USE


async def _replayed(url: str, wanted: Weights | Rules, days: int) -> dict[str, Any]:
    since = datetime.now(UTC) - timedelta(days=days)
    options = "-c default_transaction_read_only=on"
    async with await AsyncConnection.connect(url, options=options) as conn:
        if isinstance(wanted, Weights):
            return await what_if_routing(conn, wanted, since)
        return await what_if_risk(conn, wanted, since)
