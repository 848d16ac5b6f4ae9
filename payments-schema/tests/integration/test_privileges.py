"""Who may do what: the application writes the ledger through its functions, and nobody changes it."""

import psycopg
import pytest
from builders import a_posting, fetch, one, some_payments
from psycopg import AsyncConnection

from payments_schema.database.pool import open_pool, unit_of_work
from payments_schema.database.urls import url_of
from payments_schema.ledger import store

LEDGER_TABLES = ["account", "balance", "transaction", "entry", "chart"]
WRITES = [
    "INSERT INTO ledger.{} DEFAULT VALUES",
    "DELETE FROM ledger.{}",
    "TRUNCATE ledger.{}",
]


async def refused(conn, statements, match=None):
    """Each for itself, in one database: a savepoint takes back what a refusal broke off."""
    for statement in statements:
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match=match):
            async with conn.transaction():
                await conn.execute(statement)


async def test_the_application_may_not_write_the_ledger(conn):
    await refused(
        conn,
        [statement.format(table) for statement in WRITES for table in LEDGER_TABLES],
        "permission denied",
    )


async def test_the_application_may_not_change_the_record(conn):
    await refused(
        conn,
        [
            "UPDATE ledger.balance SET posted_cr = 0",
            "UPDATE ledger.entry SET amount_minor = 1",
            "UPDATE ledger.transaction SET kind = 'x'",
            "UPDATE core.payment SET amount_minor = 1",
            "DELETE FROM core.payment",
            "UPDATE core.payment SET account_id = 'x'",
            "DELETE FROM core.event",
            "UPDATE core.event SET data = '{}'",
            "TRUNCATE core.payment",
            "DELETE FROM core.reconciliation_result",
            "UPDATE core.currency SET exponent = 1",
            "UPDATE core.invoice SET total_minor = 1",
            "CREATE TABLE public.mine ()",
            "CREATE TABLE core.mine ()",
            "SELECT ledger.book('{}', '{}', '{}', '{}', '{}', '{}', '{}')",
        ],
    )


async def test_not_even_the_owner_changes_the_ledger(conn, owner_url):
    await store.post(conn, a_posting())
    await conn.commit()
    async with await AsyncConnection.connect(owner_url) as owner:
        await refused(
            owner,
            [
                "UPDATE ledger.entry SET amount_minor = amount_minor + 1",
                "DELETE FROM ledger.entry",
                "TRUNCATE ledger.entry",
                "UPDATE ledger.transaction SET kind = 'x'",
                "DELETE FROM ledger.transaction",
                "TRUNCATE ledger.transaction CASCADE",
                "UPDATE ledger.account SET code = code || 'x'",
                "DELETE FROM ledger.account",
                "TRUNCATE ledger.account CASCADE",
                "DELETE FROM ledger.balance",
                "TRUNCATE ledger.balance",
            ],
            "append-only",
        )


async def test_every_writer_function_has_a_fixed_search_path(conn):
    loose = await fetch(
        conn,
        """
        SELECT p.proname FROM pg_proc AS p JOIN pg_namespace AS n ON n.oid = p.pronamespace
        WHERE n.nspname IN ('core', 'ledger') AND p.prosecdef
            AND NOT coalesce(array_to_string(p.proconfig, ','), '') LIKE '%search_path=pg_catalog%'""",
    )
    assert loose == []


async def test_no_function_is_for_everybody(conn):
    open_to_all = await fetch(
        conn,
        """
        SELECT n.nspname, p.proname FROM pg_proc AS p JOIN pg_namespace AS n ON n.oid = p.pronamespace
        WHERE n.nspname IN ('core', 'ledger') AND p.prorettype <> 'trigger'::regtype
            AND EXISTS (
                SELECT FROM aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) AS a
                WHERE a.grantee = 0)
        """,
    )
    assert open_to_all == []


async def test_everything_belongs_to_the_migrator(conn):
    strangers = await fetch(
        conn,
        """
        SELECT n.nspname, c.relname FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
        WHERE n.nspname IN ('core', 'ledger', 'dramatiq', 'public')
            AND c.relowner <> 'payments_migrator'::regrole""",
    )
    assert strangers == []


async def test_a_pool_acts_as_the_application_role_whoever_logs_in(server_url, database_name):
    async with open_pool(url_of(server_url, database_name)) as pool, unit_of_work(pool) as conn:
        assert await one(conn, "SELECT current_user") == "payments_app"
        assert await one(conn, "SHOW TimeZone") == "UTC"
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            await conn.execute("DELETE FROM ledger.entry")


async def test_a_temporary_table_cannot_stand_in_for_one_of_ours(conn):
    await conn.execute("CREATE TEMP TABLE balance (LIKE ledger.balance)")
    await conn.execute("SET search_path = pg_temp, ledger, core")
    assert (await store.post(conn, a_posting("alice"))).outcome == "posted"
    assert await one(conn, "SELECT count(*) FROM pg_temp.balance") == 0
    assert await some_payments(conn)
