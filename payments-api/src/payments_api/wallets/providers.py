"""The HTTP of how the providers are. Must not ask one: the worker does, and notes what it saw."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Literal

from fastapi import APIRouter
from payments_schema.money import major
from payments_schema.wallets import figures, health
from payments_schema.wallets.health import ProviderFacts
from payments_schema.wallets.routing import PPM, Weights, Window
from payments_schema.wire.wallet_desk import ProviderView
from payments_schema.wire.wallets import WalletProvider

from payments_api.http.auth import STAFF
from payments_api.http.door import Door, roles
from payments_api.http.unit_of_work import UnitOfWork

router = APIRouter(prefix="/api/v1/wallets", route_class=Door, tags=["wallets"])
CURRENCY = "GHS"
Health = Literal["up", "degraded", "down", "unknown"]
BALANCE_IS_OLD = timedelta(minutes=5)


@router.get("/providers", openapi_extra=roles(STAFF))
async def show_providers(conn: UnitOfWork) -> list[ProviderView]:
    """Show each provider's health with its reasons: breaker, balance, success rate, what is under way."""
    now = datetime.now(UTC)
    seen = await figures.windows(conn, list(WalletProvider), now)
    known = await health.facts(conn, [provider.value for provider in WalletProvider], CURRENCY)
    return [_view(one, seen.get(WalletProvider(one.provider), Window()), now) for one in known]


def _view(known: ProviderFacts, seen: Window, now: datetime) -> ProviderView:
    grade, reasons = judge(known, seen, now)
    samples = seen.successes + seen.failures
    rate = None if samples == 0 else f"{seen.successes * 10_000 // samples / 10_000:.4f}"
    return ProviderView(
        provider=WalletProvider(known.provider),
        health=grade,
        reasons=reasons,
        breaker=known.breaker,
        breaker_noted_at=known.breaker_noted_at,
        balance=None if known.balance_minor is None else major(known.balance_minor, CURRENCY),
        currency=CURRENCY,
        balance_checked_at=known.balance_checked_at,
        balance_error=known.balance_error,
        success_rate=rate,
        successes=seen.successes,
        failures=seen.failures,
        latency_ms=seen.latency_ms,
        window_s=int(figures.WINDOW.total_seconds()),
        open_attempts=known.open_attempts,
        unknown_attempts=known.unknown_attempts,
    )


def judge(known: ProviderFacts, seen: Window, now: datetime) -> tuple[Health, list[str]]:
    """Name a provider's health and why: down where nothing passes, degraded where something is wrong."""
    if known.breaker is None and known.balance_checked_at is None:
        return "unknown", ["no worker has spoken to it yet"]
    if known.breaker == "open":
        return "down", ["its circuit breaker is open: it does not answer"]
    reasons: list[str] = []
    if known.breaker == "half_open":
        reasons.append("its circuit breaker is half open: single trials pass")
    if known.balance_error is not None:
        reasons.append("it did not say its balance when asked last")
    elif known.balance_checked_at is None or now - known.balance_checked_at > BALANCE_IS_OLD:
        reasons.append("its balance was not read for five minutes")
    if known.balance_minor is not None and known.balance_minor <= 0:
        reasons.append("our float with it is used up")
    samples, weights = seen.successes + seen.failures, Weights()
    if samples >= weights.eliminate_from and seen.successes * PPM < samples * weights.eliminate_below_ppm:
        reasons.append("its success rate is below the threshold of routing")
    return ("degraded" if reasons else "up"), reasons
