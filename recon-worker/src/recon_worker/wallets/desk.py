"""What a decision is made from: figures of the providers, their balances and terms, the rules in force.

Must not decide anything.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import structlog
from payments_schema.wallets import figures, rulebook
from payments_schema.wallets.lifecycle import Limits
from payments_schema.wallets.risk import DEFAULT, RULES, Asked, Assessment, Rules, assess, hold_back
from payments_schema.wallets.routing import Candidate, Terms, Weights, Window
from payments_schema.wallets.rulebook import RuleSet
from payments_schema.wallets.tariffs import DEFAULT_TERMS
from payments_schema.wire.wallets import WalletProvider
from psycopg import AsyncConnection

from recon_worker.wallets.retries import Policy

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)

Connection = AsyncConnection[Any]
BALANCE_IS_OLD = timedelta(minutes=5)


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
    held: str | None = None
    """Why no payment passes unseen: the rules in force cannot be read."""
    rules_version: int = 0
    read_at: datetime | None = None

    def check(self, asked: Asked) -> Assessment:
        """Judge a fresh payment by the rules in force."""
        return assess(asked, self.rules) if self.held is None else hold_back(asked, self.held)

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


async def read(conn: Connection, desk: Desk, now: datetime) -> Desk:
    """The desk with fresh figures and the rules in force."""
    windows = await figures.windows(conn, list(desk.terms), now)
    balances = await conn.execute(
        "SELECT provider, currency, balance_minor FROM core.wallet_provider "
        "WHERE balance_minor IS NOT NULL AND checked_at > %s",
        [now - BALANCE_IS_OLD],
    )
    known = {(WalletProvider(name), currency): minor for name, currency, minor in await balances.fetchall()}
    stored = await rulebook.in_force(conn)
    held = f"{_name(stored)} cannot be read" if "risk" in stored.unreadable else None
    if stored.unreadable and (stored.version, held) != (desk.rules_version, desk.held):
        _tell(stored)
    return replace(
        desk,
        windows=windows,
        balances=known,
        rules=desk.rules if stored.risk is None else stored.risk,
        weights=desk.weights if stored.routing is None else stored.routing,
        held=held,
        rules_version=stored.version,
        read_at=now,
    )


def _name(stored: RuleSet) -> str:
    return f"rule set {stored.version} of {stored.set_by}"


def _tell(stored: RuleSet) -> None:
    # Once a version and process: what follows from it is seen on each payment that waits.
    for part, why in stored.unreadable.items():
        follows = "payments wait in review" if part == "risk" else "routing goes on by the weights before"
        hint = (
            f"POST /api/v1/wallets/rules with a new {part} puts a version in force that can be read; "
            "or run the release that wrote this one"
        )
        log.error(
            "rules cannot be read", rule_set=_name(stored), part=part, why=why, follows=follows, hint=hint
        )
