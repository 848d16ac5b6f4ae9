"""The wallets' slow work: balances, statements, reports. Each provider fails for itself.

Must not hold a transaction while a provider is asked.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime, timedelta

import structlog
from payments_schema.wallets import reports, statements
from payments_schema.wallets.matching import Match
from payments_schema.wire.wallets import WalletProvider

from recon_worker.database import Line
from recon_worker.wallets.aside import Aside
from recon_worker.wallets.providers.protocol import Provider, ProviderUnavailable, StatementLine

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)

CURRENCY = "GHS"
STATEMENT_REACH = timedelta(days=2)
SETTLES_WITHIN = timedelta(minutes=1)


class Clerk:
    """Keeps what routing and bookkeeping need from providers besides payments."""

    def __init__(
        self,
        line: Line,
        providers: Mapping[WalletProvider, Provider],
        now: Callable[[], datetime],
        aside: Aside,
    ) -> None:
        self._line = line
        self._providers = providers
        self._now = now
        self._aside = aside

    async def read_balances(self) -> None:
        """Ask every provider for our float."""
        found = await asyncio.gather(*(self._balance(provider) for provider in self._providers.values()))
        await self._aside.run(self._note(found))

    async def _note(self, found: Sequence[statements.NewBalance]) -> None:
        async with self._line.connection() as conn:
            await statements.note_balances(conn, CURRENCY, found, self._now())

    async def _balance(self, provider: Provider) -> statements.NewBalance:
        try:
            money = await provider.balance(CURRENCY)
        except ProviderUnavailable as error:
            return statements.NewBalance(provider.name, None, str(error))
        return statements.NewBalance(provider.name, money.minor, None)

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
            new, pending = await self._aside.run(self._take(provider.name, _rows(lines)))
            fresh += new
            # A long statement takes seconds to fit: on a thread of its own, and with nothing locked.
            found = await asyncio.to_thread(pending.matches, self._now())
            await self._aside.run(self._put(provider.name, found))
        return fresh

    async def _take(
        self, provider: WalletProvider, rows: list[statements.NewLine]
    ) -> tuple[int, statements.Pending]:
        async with self._line.connection() as conn:
            fresh = await statements.import_lines(conn, provider, rows)
            return fresh, await statements.read_pending(conn, provider, CURRENCY)

    async def _put(self, provider: WalletProvider, found: Sequence[Match]) -> None:
        async with self._line.unit_of_work() as conn:
            await statements.put_matches(conn, provider, CURRENCY, found)

    async def report(self, day: date) -> None:
        """Write the report of a day, or write it again."""
        await self._aside.run(self._make_report(day))

    async def _make_report(self, day: date) -> None:
        async with self._line.unit_of_work() as conn:
            await reports.make(conn, day)

    async def report_lately(self) -> None:
        """Yesterday's report, and today's so far."""
        today = self._now().date()
        await self.report(today - timedelta(days=1))
        await self.report(today)

    async def close(self) -> None:
        await self._aside.run(self._line.close())


def _rows(lines: list[StatementLine]) -> list[statements.NewLine]:
    return [
        statements.NewLine(
            line.provider_id, line.reference, line.effect_minor, line.fee_minor, line.currency, line.at
        )
        for line in lines
    ]
