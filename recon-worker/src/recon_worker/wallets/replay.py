"""What if: past routing and risk decisions made again with other weights or rules, from what was stored.

Must not change anything: it reads in a read-only transaction.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from payments_schema.wallets import store
from psycopg import AsyncConnection
from pydantic import ValidationError

from recon_worker.settings import InvalidSettings
from recon_worker.settings import load as load_settings
from recon_worker.wallets import desk as desks
from recon_worker.wallets.risk import RULES, Rules, assess
from recon_worker.wallets.routing import PPM, Weights

PAGE = 500
ELIMINATED = "success rate below the threshold"


def choose_again(decision: Mapping[str, Any], amount_minor: int, weights: Weights) -> str | None:
    """Which provider the same figures lead to under other weights; exploration is left out."""
    worth = max(amount_minor * weights.worth_bps // 10_000, weights.least_worth_minor)
    scored: list[tuple[int, int, int, str]] = []
    for one in decision["candidates"]:
        is_weak = (
            one["samples"] >= weights.eliminate_from and one["success_ppm"] < weights.eliminate_below_ppm
        )
        if is_weak or one["excluded"] not in (None, ELIMINATED):
            continue
        waiting = one["latency_ms"] * weights.second_costs_minor // 1000
        score = one["success_ppm"] * worth // PPM - one["fee_minor"] - waiting
        scored.append((-score, one["fee_minor"], -one["success_ppm"], one["provider"]))
    return min(scored)[3] if scored else None


async def what_if_routing(conn: AsyncConnection[Any], weights: Weights, since: datetime) -> dict[str, Any]:
    """Every routing decision since a moment, made again."""
    found = await conn.execute(
        "SELECT id, amount_minor, routing FROM core.wallet_payment WHERE created_at >= %s ORDER BY id",
        [since],
    )
    before: Counter[str] = Counter()
    after: Counter[str] = Counter()
    fees = {"before": 0, "after": 0}
    changed: list[dict[str, Any]] = []
    for payment_id, amount_minor, decisions in await found.fetchall():
        for decision in decisions:
            was, now = decision["provider"], choose_again(decision, amount_minor, weights)
            fee_of = {one["provider"]: one["fee_minor"] for one in decision["candidates"]}
            before[str(was)] += 1
            after[str(now)] += 1
            fees["before"] += fee_of.get(was, 0)
            fees["after"] += fee_of.get(now, 0)
            if was != now:
                changed.append({"payment": payment_id, "was": was, "would_be": now})
    return {
        "decisions": before.total(),
        "changed": len(changed),
        "before": dict(before),
        "after": dict(after),
        "fees_minor": fees,
        "examples": changed[:20],
    }


async def what_if_risk(conn: AsyncConnection[Any], rules: Rules, since: datetime) -> dict[str, Any]:
    """Every payment since a moment, checked again with other rules: a dry run."""
    outcomes: Counter[str] = Counter()
    reasons: Counter[str] = Counter()
    changed: list[dict[str, Any]] = []
    cursor: str | None = None
    while page := await store.list_before(conn, limit=PAGE, before=cursor):
        cursor = page[-1].id
        fresh = [payment for payment in page if payment.created_at >= since]
        asked = await desks.histories(conn, fresh, rules)
        for payment in fresh:
            found = assess(asked[payment.id], rules)
            outcomes[found.outcome] += 1
            reasons.update(found.reasons)
            was = None if payment.risk is None else payment.risk.get("outcome")
            if was is not None and was != found.outcome:
                changed.append({"payment": payment.id, "was": was, "would_be": found.outcome})
        if len(fresh) < len(page):
            break
    return {
        "payments": outcomes.total(),
        "outcomes": dict(outcomes),
        "reasons": dict(reasons),
        "changed": len(changed),
        "examples": changed[:20],
    }


async def _run(options: argparse.Namespace, wanted: Weights | Rules) -> dict[str, Any]:
    settings = load_settings()
    since = datetime.now(UTC) - timedelta(days=options.days)
    async with await AsyncConnection.connect(
        settings.database_url, options="-c default_transaction_read_only=on"
    ) as conn:
        if isinstance(wanted, Weights):
            return await what_if_routing(conn, wanted, since)
        return await what_if_risk(conn, wanted, since)


def main(argv: Sequence[str] | None = None) -> int:
    """Print one JSON object; 2 for wrong use, unreadable weights or rules."""
    parser = argparse.ArgumentParser(
        prog="devtools wallets", description="Replays routing and risk decisions of the past."
    )
    parser.add_argument("what", choices=["route", "risk"])
    parser.add_argument(
        "--what-if",
        required=True,
        metavar="JSON",
        help='other weights ({"worth_bps": 500}) or rules ({"rules": […]}), or the name of a file with them',
    )
    parser.add_argument("--days", type=int, default=7, help="how far back (default: 7)")
    options = parser.parse_args(argv)
    try:
        text = options.what_if
        given = json.loads(Path(text).read_text() if Path(text).is_file() else text)
        wanted: Weights | Rules = (
            Weights(**given) if options.what == "route" else RULES.validate_python(given)
        )
        result = asyncio.run(_run(options, wanted))
    except (ValueError, TypeError, ValidationError, InvalidSettings) as error:
        print(f"error: {str(error).splitlines()[0]}", file=sys.stderr)  # noqa: T201
        return 2
    print(json.dumps(result, indent=2))  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(main())
