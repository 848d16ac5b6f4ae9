"""What routing and risk need to know, read in sets: figures of the providers, rules in force, histories.

Must not decide anything.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, LiteralString, cast

from payments_schema.database.arrays import texts
from payments_schema.wallets.lifecycle import Limits, WalletPayment
from payments_schema.wire.wallets import WalletDirection, WalletProvider
from psycopg import AsyncConnection

from recon_worker.wallets.retries import ABOUT_THE_PROVIDER, Policy
from recon_worker.wallets.risk import DEFAULT, RULES, Asked, Outcome, Past, Rules
from recon_worker.wallets.routing import Candidate, Terms, Tier, Weights, Window

Connection = AsyncConnection[Any]
WINDOW = timedelta(minutes=15)
MOST_SAMPLES = 500
MOST_HISTORY = 250
BALANCE_IS_OLD = timedelta(minutes=5)

_EVERYWHERE = frozenset({"mtn", "telecel", "airteltigo"})
_ON_NET_TO_COLLECT: dict[WalletProvider, frozenset[str]] = {
    WalletProvider.MTN: frozenset({"mtn"}),
    WalletProvider.TELECEL: _EVERYWHERE,
    WalletProvider.AIRTELTIGO: _EVERYWHERE,
}
_TIERS: dict[WalletProvider, tuple[Tier, ...]] = {
    WalletProvider.MTN: (Tier(bps=75, most_minor=1_000),),
    WalletProvider.TELECEL: (Tier(fixed_minor=10, bps=90, most_minor=1_500),),
    WalletProvider.AIRTELTIGO: (Tier(bps=100, least_minor=5, most_minor=1_200),),
}
DEFAULT_TERMS: dict[WalletProvider, Terms] = {
    provider: Terms(
        tiers,
        {
            WalletDirection.DISBURSE: _EVERYWHERE,
            WalletDirection.COLLECT: _ON_NET_TO_COLLECT[provider],
        },
    )
    for provider, tiers in _TIERS.items()
}


@dataclass(frozen=True, slots=True)
class Desk:
    """Everything a decision is made from, as it was read at `read_at`."""

    terms: Mapping[WalletProvider, Terms] = field(default_factory=lambda: DEFAULT_TERMS)
    limits: Limits = field(default_factory=Limits)
    policy: Policy = field(default_factory=Policy)
    weights: Weights = field(default_factory=Weights)
    rules: Rules = field(default_factory=lambda: RULES.validate_python(DEFAULT))
    windows: Mapping[WalletProvider, Window] = field(default_factory=dict[WalletProvider, Window])
    balances: Mapping[tuple[WalletProvider, str], int] = field(
        default_factory=dict[tuple[WalletProvider, str], int]
    )
    health: Callable[[WalletProvider], str] = lambda _: "closed"
    is_full: Callable[[WalletProvider], bool] = lambda _: False
    read_at: datetime | None = None

    def candidates(self, currency: str) -> list[Candidate]:
        return [
            Candidate(
                provider,
                terms,
                self.windows.get(provider, Window()),
                self.balances.get((provider, currency)),
                self.health(provider),
                self.is_full(provider),
            )
            for provider, terms in self.terms.items()
        ]


_WINDOWS: LiteralString = """
SELECT p.provider, count(*) FILTER (WHERE a.state = 'succeeded'),
    count(*) FILTER (WHERE a.state = 'failed' AND a.code = ANY (%(theirs)s)),
    coalesce(avg(extract(epoch FROM a.resolved_at - a.created_at) * 1000), 0)::bigint
FROM unnest(%(providers)s::text[]) AS p (provider)
CROSS JOIN LATERAL (
    SELECT state, code, resolved_at, created_at FROM core.wallet_attempt
    WHERE provider = p.provider AND resolved_at > %(since)s
    ORDER BY resolved_at DESC LIMIT %(most)s
) AS a
GROUP BY p.provider
"""


async def read(conn: Connection, desk: Desk, now: datetime) -> Desk:
    """The desk with fresh figures and the rules in force."""
    values = {
        "theirs": list(ABOUT_THE_PROVIDER),
        "providers": [provider.value for provider in desk.terms],
        "since": now - WINDOW,
        "most": MOST_SAMPLES,
    }
    found = await (await conn.execute(_WINDOWS, values)).fetchall()
    windows = {WalletProvider(name): Window(ok, failed, ms) for name, ok, failed, ms in found}
    balances = await conn.execute(
        "SELECT provider, currency, balance_minor FROM core.wallet_provider "
        "WHERE balance_minor IS NOT NULL AND checked_at > %s",
        [now - BALANCE_IS_OLD],
    )
    known = {(WalletProvider(name), currency): minor for name, currency, minor in await balances.fetchall()}
    stored = await conn.execute("SELECT risk, routing FROM core.wallet_rules ORDER BY version DESC LIMIT 1")
    row = await stored.fetchone()
    rules = desk.rules if row is None or row[0] is None else RULES.validate_python(row[0])
    weights = desk.weights if row is None or row[1] is None else Weights(**row[1])
    return replace(desk, windows=windows, balances=known, rules=rules, weights=weights, read_at=now)


_HISTORY: LiteralString = """
SELECT w.id, h.at, h.payer, h.phone, h.amount_minor
FROM unnest(%(ids)s::text[], %(phones)s::text[], %(clients)s::text[], %(users)s::text[])
    AS w (id, phone, client, user_id)
CROSS JOIN LATERAL (
    (SELECT p.id, p.created_at AS at, p.client || '/' || p.user_id AS payer, p.phone, p.amount_minor
    FROM core.wallet_payment AS p
    WHERE p.phone = w.phone AND p.created_at > %(since)s AND p.id < w.id
    ORDER BY p.created_at DESC LIMIT %(most)s)
    UNION
    (SELECT p.id, p.created_at, p.client || '/' || p.user_id, p.phone, p.amount_minor
    FROM core.wallet_payment AS p
    WHERE p.client = w.client AND p.user_id = w.user_id AND p.created_at > %(since)s AND p.id < w.id
    ORDER BY p.created_at DESC LIMIT %(most)s)
) AS h
"""

_KNOWN: LiteralString = """
SELECT w.id FROM unnest(%s::text[], %s::text[]) AS w (id, phone)
WHERE EXISTS (
    SELECT FROM core.wallet_payment AS p
    WHERE p.phone = w.phone AND p.id < w.id AND p.status IN ('CONFIRMED', 'REFUNDED'))
"""


async def histories(conn: Connection, payments: Sequence[WalletPayment], rules: Rules) -> dict[str, Asked]:
    """What the risk rules ask about, by payment; one query for all of them."""
    if not payments:
        return {}
    ids, phones = texts([p.id for p in payments]), texts([p.phone for p in payments])
    since = min(p.created_at for p in payments) - timedelta(seconds=rules.longest_window_s)
    past: dict[str, list[Past]] = {}
    found = await conn.execute(
        _HISTORY,
        {
            "ids": ids,
            "phones": phones,
            "clients": texts([p.client for p in payments]),
            "users": texts([p.user_id for p in payments]),
            "since": since,
            "most": MOST_HISTORY,
        },
    )
    for payment_id, at, payer, phone, minor in await found.fetchall():
        past.setdefault(payment_id, []).append(Past(at, payer, phone, minor))
    known = {row[0] for row in await (await conn.execute(_KNOWN, [ids, phones])).fetchall()}
    listed = await _listed(conn, payments)
    return {
        p.id: Asked(
            at=p.created_at,
            payer=None if p.user_id is None else p.owner,
            payee=p.phone,
            amount_minor=p.amount.minor,
            history=past.get(p.id, ()),
            is_known_payee=p.id in known,
            listed={
                reason: verdict
                for subject in (p.phone, p.owner)
                for reason, verdict in listed.get(subject, {}).items()
            },
        )
        for p in payments
    }


async def _listed(conn: Connection, payments: Sequence[WalletPayment]) -> dict[str, dict[str, Outcome]]:
    subjects = sorted({subject for p in payments for subject in (p.phone, p.owner)})
    found = await conn.execute(
        "SELECT subject, reason, verdict FROM core.wallet_risk_list WHERE subject = ANY (%s)", [subjects]
    )
    return {subject: {reason: cast(Outcome, verdict)} for subject, reason, verdict in await found.fetchall()}
