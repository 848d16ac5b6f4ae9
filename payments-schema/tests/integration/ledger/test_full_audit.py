"""`payments-schema ledger audit`: clean books end with 0; a row altered in any table is named, with 1."""

from __future__ import annotations

import asyncio
import json

import psycopg
import pytest

from payments_schema import cli, ids
from payments_schema.database.pool import Pool, unit_of_work
from payments_schema.ledger import seals, store
from payments_schema.ledger.posting import CREDIT, DEBIT, Entry, Posting, customer, platform
from payments_schema.money import Money

THIRD = ids.sequence_id("txn", 3)
ALTERED = {
    "ledger.entry": (
        "UPDATE ledger.entry SET amount_minor = amount_minor + 1 WHERE transaction_id = 3 AND leg = 1",
        {"every balance is the sum of its entries", "every transaction has entries and balances"},
    ),
    "ledger.entry: balance_after": (
        "UPDATE ledger.entry SET balance_after = balance_after + 1 WHERE transaction_id = 3 AND leg = 1",
        {"every entry continues the balance before it"},
    ),
    "ledger.entry: both legs alike": (
        "UPDATE ledger.entry SET amount_minor = amount_minor + 1 WHERE transaction_id = 3",
        {"every balance is the sum of its entries", "every entry continues the balance before it"},
    ),
    "ledger.transaction": (
        "UPDATE ledger.transaction SET kind = 'gift' WHERE id = 3",
        {"the chain of digests holds"},
    ),
    "ledger.transaction: phase": (
        "UPDATE ledger.transaction SET phase = 'pending' WHERE id = 3",
        {"every entry belongs to a transaction of its phase"},
    ),
    "ledger.transaction: one too many": (
        "INSERT INTO ledger.transaction (reference, key, kind, phase, effective_at)"
        " VALUES ('r', 'k', 'gift', 'posted', now())",
        {"every transaction has entries and balances"},
    ),
    "ledger.balance": (
        "UPDATE ledger.balance SET posted_cr = posted_cr + 1 WHERE account_id ="
        " (SELECT account_id FROM ledger.entry WHERE transaction_id = 3 AND leg = 1)",
        {"trial balance is zero in every currency", "every balance is the sum of its entries"},
    ),
    "ledger.account": (
        "UPDATE ledger.account SET currency = 'EUR' WHERE id ="
        " (SELECT account_id FROM ledger.entry WHERE transaction_id = 3 AND leg = 1)",
        {"trial balance is zero in every currency", "every transaction has entries and balances"},
    ),
    "ledger.seal": (
        "UPDATE ledger.seal SET digest = sha256('x') WHERE number = 1",
        {"the chain of digests holds"},
    ),
}


async def _books(pool: Pool, least: int = 100) -> None:
    """Five transactions, each sealed."""
    for step in range(5):
        money = Money(least + step, "USD")
        entries = (
            Entry(customer("ACC-1"), CREDIT, money),
            Entry(platform("settlement_clearing"), DEBIT, money),
        )
        async with unit_of_work(pool) as conn:
            await store.post(conn, Posting("payment", f"ref-{step}", "posted", entries))
    sealed = 0
    async with asyncio.timeout(60):  # what others on the server have open keeps the newest unsettled
        while sealed < 5:
            async with unit_of_work(pool) as conn:
                sealed += await seals.seal(conn)


async def test_clean_books_end_with_0(
    pool: Pool, database_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    await _books(pool)
    assert await asyncio.to_thread(cli.main, ["ledger", "audit", "--url", database_url]) == 0
    assert "BROKEN" not in capsys.readouterr().out


@pytest.mark.parametrize("what", ALTERED)
async def test_one_altered_row_ends_with_1_and_is_named(
    pool: Pool, database_url: str, superuser_url: str, what: str, capsys: pytest.CaptureFixture[str]
) -> None:
    await _books(pool)
    statement, checks = ALTERED[what]
    with psycopg.connect(superuser_url) as mighty:
        mighty.execute("SET session_replication_role = replica")  # triggers sleep
        mighty.execute(statement.encode())
    assert await asyncio.to_thread(cli.main, ["ledger", "audit", "--json", "--url", database_url]) == 1
    found = json.loads(capsys.readouterr().out)
    broken = {check["name"]: check["offenders"] for check in found["checks"] if not check["ok"]}
    assert checks <= set(broken)
    assert all(broken[name] for name in checks)
    if what.startswith(("ledger.entry", "ledger.transaction: phase")) or what == "ledger.transaction":
        assert [block["transactions"] for block in broken["the chain of digests holds"]] == [[THIRD]]


HUGE = 2**62


async def test_amounts_too_large_for_a_quick_look_are_checked_one_by_one(
    pool: Pool, database_url: str, superuser_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    await _books(pool, HUGE)  # five of them are beyond 64 bits
    assert await asyncio.to_thread(cli.main, ["ledger", "audit", "--url", database_url]) == 0
    with psycopg.connect(superuser_url) as mighty:
        mighty.execute("SET session_replication_role = replica")
        mighty.execute("UPDATE ledger.entry SET balance_after = balance_after + 1 WHERE transaction_id = 3")
    capsys.readouterr()
    assert await asyncio.to_thread(cli.main, ["ledger", "audit", "--url", database_url]) == 1
    assert "BROKEN every entry continues the balance before it" in capsys.readouterr().out


async def test_a_changed_digest_function_hides_nothing(
    pool: Pool, database_url: str, superuser_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    await _books(pool)
    with psycopg.connect(superuser_url) as mighty:
        mighty.execute("SET session_replication_role = replica")
        mighty.execute("UPDATE ledger.transaction SET kind = 'gift' WHERE id = 3")
        mighty.execute(
            "CREATE OR REPLACE FUNCTION ledger.block_digest"
            " (p_previous bytea, p_after_id bigint, p_through_id bigint) RETURNS bytea LANGUAGE sql STABLE AS"
            " 'SELECT digest FROM ledger.seal WHERE through_id = p_through_id'"
        )
    assert await asyncio.to_thread(cli.main, ["ledger", "audit", "--url", database_url]) == 1
    assert THIRD in capsys.readouterr().out


async def test_two_entries_of_no_transaction_are_named(
    pool: Pool, database_url: str, superuser_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    await _books(pool)
    with psycopg.connect(superuser_url) as mighty:
        mighty.execute("SET session_replication_role = replica")
        mighty.execute("UPDATE ledger.entry SET transaction_id = 77, leg = leg + 1 WHERE transaction_id = 5")
        mighty.execute("DELETE FROM ledger.transaction WHERE id = 5")
    assert await asyncio.to_thread(cli.main, ["ledger", "audit", "--json", "--url", database_url]) == 1
    found = {check["name"]: check["offenders"] for check in json.loads(capsys.readouterr().out)["checks"]}
    assert {one["transaction_id"] for one in found["every entry belongs to a transaction of its phase"]} == {
        77
    }
