"""Sealing by schedule: what was posted is in the chain soon after, whoever posted it."""

from __future__ import annotations

import asyncio

from payments_schema.database.pool import Pool, unit_of_work
from payments_schema.ledger import seals, store
from payments_schema.ledger.posting import CREDIT, DEBIT, Entry, Posting, customer, platform
from payments_schema.money import Money

from recon_worker.database import Line
from recon_worker.ledger.operations import Sealer


async def test_the_sealer_seals_what_is_settled(pool: Pool, database_url: str) -> None:
    money = Money(100, "USD")
    entries = (Entry(customer("A"), CREDIT, money), Entry(platform("settlement_clearing"), DEBIT, money))
    async with unit_of_work(pool) as conn:
        await store.post_many(conn, [Posting("payment", f"p-{i}", "posted", entries) for i in range(40)])
    sealer = Sealer(Line(database_url, name="test"))
    try:
        assert await sealer.run() == 0  # marks; other databases' open transactions may delay the rest
        sealed = 0
        async with asyncio.timeout(120):
            while not sealed:
                sealed = await sealer.run()
        assert sealed == 40
    finally:
        await sealer.close()
    async with unit_of_work(pool) as conn:
        assert [(c.blocks, c.of, c.broken) async for c in seals.check(conn)] == [(1, 1, ())]
