"""What if: past routing and risk decisions made again with other weights or rules, from what was stored.

Must not change anything: it reads in a read-only transaction.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from psycopg import AsyncConnection

from payments_schema.wallets import store
from payments_schema.wallets.histories import histories
from payments_schema.wallets.risk import Rules, assess
from payments_schema.wallets.routing import ELIMINATED, PPM, Weights, worth

MOST_PAYMENTS = 20_000
PAGE = 500


def choose_again(decision: Mapping[str, Any], amount_minor: int, weights: Weights) -> str | None:
    """Which provider the same figures lead to under other weights; exploration is left out."""
    gain = worth(amount_minor, weights)
    scored: list[tuple[int, int, int, str]] = []
    for one in decision["candidates"]:
        is_weak = (
            one["samples"] >= weights.eliminate_from and one["success_ppm"] < weights.eliminate_below_ppm
        )
        if is_weak or one["excluded"] not in (None, ELIMINATED):
            continue
        waiting = one["latency_ms"] * weights.second_costs_minor // 1000
        score = one["success_ppm"] * gain // PPM - one["fee_minor"] - waiting
        scored.append((-score, one["fee_minor"], -one["success_ppm"], one["provider"]))
    return min(scored)[3] if scored else None


async def what_if_routing(conn: AsyncConnection[Any], weights: Weights, since: datetime) -> dict[str, Any]:
    """Every routing decision since a moment, made again, of the newest twenty thousand payments."""
    found = await conn.execute(
        "SELECT id, amount_minor, routing FROM core.wallet_payment WHERE created_at >= %s "
        "ORDER BY created_at DESC LIMIT %s",
        [since, MOST_PAYMENTS],
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
    """Every payment since a moment, the newest twenty thousand, checked again with other rules: a dry run."""
    outcomes: Counter[str] = Counter()
    reasons: Counter[str] = Counter()
    changed: list[dict[str, Any]] = []
    cursor: str | None = None
    while page := await store.list_before(conn, limit=PAGE, before=cursor):
        cursor = page[-1].id
        fresh = [payment for payment in page if payment.created_at >= since]
        asked = await histories(conn, fresh, rules)
        for payment in fresh:
            found = assess(asked[payment.id], rules)
            outcomes[found.outcome] += 1
            reasons.update(found.reasons)
            was = None if payment.risk is None else payment.risk.get("outcome")
            if was is not None and was != found.outcome:
                changed.append({"payment": payment.id, "was": was, "would_be": found.outcome})
        if len(fresh) < len(page) or outcomes.total() >= MOST_PAYMENTS:
            break
    return {
        "payments": outcomes.total(),
        "outcomes": dict(outcomes),
        "reasons": dict(reasons),
        "changed": len(changed),
        "examples": changed[:20],
    }
