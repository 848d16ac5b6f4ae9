"""Files in and out against a real database; the plain-text journal is checked by beancount itself."""

from __future__ import annotations

import json
import random
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from beancount import loader

from payments_schema.database.pool import Pool, unit_of_work
from payments_schema.ledger import history, store
from payments_schema.ledger.exchange import exporting, importing
from payments_schema.ledger.exchange.reading import GoodTransaction, read
from payments_schema.ledger.posting import CREDIT, DEBIT, Account, Entry, Posting, customer, platform
from payments_schema.money import Money


def history_lines(count: int) -> list[str]:
    """JSON lines of `count` transactions, two per hour."""
    start = datetime(2019, 1, 1, tzinfo=UTC)
    return [
        json.dumps(
            {
                "id": str(number),
                "effective_at": (start + timedelta(minutes=30 * number)).isoformat(),
                "entries": [
                    {"account": "customer:OLD", "direction": "credit", "amount": "1.00", "currency": "EUR"},
                    {
                        "account": "opening_balances",
                        "direction": "debit",
                        "amount": "1.00",
                        "currency": "EUR",
                    },
                ],
            }
        )
        for number in range(count)
    ]


async def run(pool: Pool, transactions: tuple[GoodTransaction, ...]) -> importing.Progress:
    last = None
    async for progress in importing.execute(pool, transactions):
        last = progress
    assert last is not None
    return last


async def test_an_interrupted_import_goes_on_where_it_stopped(pool: Pool) -> None:
    found = importing.plan(read(history_lines(1_200), "jsonl", "old"))
    assert await importing.unknown_accounts(pool, found.transactions) == []
    async for progress in importing.execute(pool, found.transactions):
        assert (progress.done, progress.of) == (500, 1_200)
        break  # killed after the first batch
    assert await run(pool, found.transactions) == importing.Progress(1_200, 1_200, posted=700, known=500)
    assert await run(pool, found.transactions) == importing.Progress(1_200, 1_200, posted=0, known=1_200)
    async with unit_of_work(pool) as conn:
        half = datetime(2019, 1, 1, tzinfo=UTC) + timedelta(minutes=30 * 599)
        assert (await history.balance_at(conn, customer("OLD"), "EUR", half)).minor == 600 * 100


async def test_an_account_outside_the_chart_is_named_before_anything_is_posted(pool: Pool) -> None:
    lines = [history_lines(1)[0], history_lines(2)[1].replace("opening_balances", "slush_fund")]
    found = importing.plan(read(lines, "jsonl", "old"))
    assert [bad.line for bad in await importing.unknown_accounts(pool, found.transactions)] == [2]


def a_random_run(seed: int) -> list[Posting]:
    """Postings in several currencies over accounts with difficult names."""
    chance = random.Random(seed)
    accounts: list[Account] = [
        customer("ACC-1"),
        customer("acc 1"),
        customer("=HYPERLINK()"),
        customer("Größe"),
        platform("suspense"),
    ]
    postings: list[Posting] = []
    for step in range(120):
        currency = chance.choice(["USD", "JPY", "BHD"])
        first, second = (
            Money(chance.randrange(1, 10**6), currency),
            Money(chance.randrange(1, 10**6), currency),
        )
        entries = (
            Entry(chance.choice(accounts), CREDIT, first),
            Entry(chance.choice(accounts), CREDIT, second),
            Entry(platform("settlement_clearing"), DEBIT, first + second),
        )
        postings.append(Posting("payment", f"random-{step}", "posted", entries))
    return postings


async def exported(pool: Pool, form: str) -> str:
    async with unit_of_work(pool) as conn:
        return "".join([piece async for piece in exporting.write(exporting.legs(conn), form)])


async def test_the_journal_balances_in_beancount(pool: Pool, tmp_path: Path) -> None:
    async with unit_of_work(pool) as conn:
        await store.post_many(conn, a_random_run(seed=3))
        lines = await history.trial_balance(conn)
    journal = tmp_path / "journal.beancount"
    journal.write_text(await exported(pool, "beancount"), encoding="utf-8")
    entries, errors, _options = loader.load_file(str(journal))
    assert errors == []
    sums: dict[tuple[str, str], Any] = {}
    for entry in entries:
        for posting in getattr(entry, "postings", ()):
            place = (posting.account.split(":")[1].lower().replace("-", "_"), posting.units.currency)
            sums[place] = sums.get(place, 0) + posting.units.number
    for line in lines:
        ours = Money(line.debits - line.credits, line.currency).major()
        assert str(sums[line.account, line.currency]) == ours


async def test_what_is_exported_as_json_lines_can_be_imported_elsewhere(pool: Pool) -> None:
    async with unit_of_work(pool) as conn:
        await store.post_many(conn, a_random_run(seed=4))
    records = [json.loads(line) for line in (await exported(pool, "jsonl")).splitlines()]
    again = [json.dumps({k: record[k] for k in ("id", "effective_at", "entries")}) for record in records]
    found = importing.plan(read(again, "jsonl", "copy"))
    assert found.bad == ()
    assert len(found.transactions) == 120


async def test_no_cell_of_the_csv_is_a_formula(pool: Pool) -> None:
    async with unit_of_work(pool) as conn:
        await store.post(conn, a_random_run(seed=5)[0])
        money = Money(5, "USD")
        entries = (Entry(customer("=1+1"), CREDIT, money), Entry(platform("suspense"), DEBIT, money))
        await store.post(conn, Posting("payment", "=cmd()", "posted", entries))
    text = await exported(pool, "csv")
    assert "'=cmd()" in text
    assert ",=" not in text


@pytest.mark.parametrize("form", ["csv", "jsonl", "beancount"])
async def test_an_empty_ledger_exports(pool: Pool, form: str) -> None:
    assert len((await exported(pool, form)).splitlines()) == (1 if form == "csv" else 0)
