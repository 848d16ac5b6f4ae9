"""The wallets' slow work: balances, statements, reports. Each provider fails for itself.

Must not hold a transaction while a provider is asked.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from datetime import date, datetime, timedelta

import structlog
from payments_schema.money import Money
from payments_schema.wallets import reports, statements
from payments_schema.wire.wallets import WalletProvider

from recon_worker.database import Line
from recon_worker.wallets.providers.protocol import Provider, ProviderUnavailable, StatementLine

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)

CURRENCY = "GHS"
STATEMENT_REACH = timedelta(days=2)
SETTLES_WITHIN = timedelta(minutes=1)


class Clerk:
    """Keeps what routing and bookkeeping need from providers besides payments."""

    def __init__(
        self, line: Line, providers: Mapping[WalletProvider, Provider], now: Callable[[], datetime]
    ) -> None:
        self._line = line
        self._providers = providers
        self._now = now

    async def read_balances(self) -> None:
        """Ask every provider for our float."""
        found = await asyncio.gather(*(self._balance(provider) for provider in self._providers.values()))
        now = self._now()
        async with self._line.unit_of_work() as conn:
            for provider, money, error in found:
                minor = None if money is None else money.minor
                await statements.note_balance(conn, provider, CURRENCY, minor, error, now)

    async def _balance(self, provider: Provider) -> tuple[WalletProvider, Money | None, str | None]:
        try:
            return provider.name, await provider.balance(CURRENCY), None
        except ProviderUnavailable as error:
            return provider.name, None, str(error)

    async def read_statements(self) -> int:
        """Fetch what moved lately, import it once, and match it; returns how many lines were new."""
        until = self._now() - SETTLES_WITHIN
        since = until - STATEMENT_REACH
        fresh = 0
        for provider in self._providers.values():
            try:
                lines = await provider.statement(since, until)
            except ProviderUnavailable as error:
                log.warning("no statement", provider=provider.name, error=str(error))
                continue
            async with self._line.unit_of_work() as conn:
                fresh += await statements.import_lines(conn, provider.name, _rows(lines))
                await statements.match(conn, provider.name, CURRENCY, self._now())
        return fresh

    async def report(self, day: date) -> None:
        """Write the report of a day, or write it again."""
        async with self._line.unit_of_work() as conn:
            await reports.make(conn, day)

    async def report_lately(self) -> None:
        """Yesterday's report, and today's so far."""
        today = self._now().date()
        await self.report(today - timedelta(days=1))
        await self.report(today)

    async def close(self) -> None:
        await self._line.close()


def _rows(lines: list[StatementLine]) -> list[statements.NewLine]:
    return [
        statements.NewLine(
            line.provider_id, line.reference, line.effect_minor, line.fee_minor, line.currency, line.at
        )
        for line in lines
    ]
