"""What others may read: shapes and decimals of the contract's views, in the contract's order."""

from decimal import Decimal

import psycopg
import pytest
from builders import a_payment, fetch, one, reconcile_all, some_payments, usd

from payments_schema.money import CURRENCIES, Money
from payments_schema.payments import store

COLUMNS = {
    "payments": [
        "id",
        "idempotency_key",
        "account_id",
        "amount",
        "currency",
        "status",
        "description",
        "created_at",
        "updated_at",
    ],
    "recon_jobs": [
        "id",
        "payment_id",
        "status",
        "attempts",
        "locked_at",
        "locked_by",
        "created_at",
        "updated_at",
    ],
    "reconciliation_results": [
        "id",
        "payment_id",
        "recon_job_id",
        "status",
        "matched",
        "discrepancy_amount",
        "notes",
        "created_at",
    ],
    "ledger_entries": [
        "id",
        "transaction_id",
        "account_id",
        "payment_id",
        "entry_type",
        "direction",
        "currency",
        "amount",
        "balance_after",
        "created_at",
    ],
    "invoices": ["id", "total_cents", "paid_cents", "status"],
}


async def test_views_have_the_contracts_columns(conn):
    for view, columns in COLUMNS.items():
        assert await columns_of(conn, view) == columns


async def columns_of(conn, view):
    found = await fetch(
        conn,
        "SELECT column_name FROM information_schema.columns WHERE table_schema = 'public' "
        "AND table_name = %s ORDER BY ordinal_position",
        view,
    )
    return [row[0] for row in found]


@pytest.mark.parametrize(
    ("currency", "minor", "written"),
    [("USD", 25000, "250.00"), ("JPY", 250, "250"), ("BHD", 250000, "250.000"), ("CLF", 5, "0.0005")],
)
async def test_amounts_carry_their_currencys_decimals(conn, currency, minor, written):
    await some_payments(conn, a_payment(amount=Money(minor, currency)))
    await reconcile_all(conn)
    assert await one(conn, "SELECT amount::text FROM payments") == written
    entries = await fetch(conn, "SELECT amount::text, balance_after::text FROM ledger_entries")
    assert entries == [(written, written)] * 2
    assert (await store.balance(conn, "ACC-1", currency)).balance == written


async def test_a_payments_customer_entry_comes_first_and_its_balance_is_the_accounts(conn):
    made = await some_payments(conn, *[a_payment(account=f"ACC-{n}", amount=usd(25013)) for n in range(30)])
    await reconcile_all(conn, discrepancy_minor=13)
    for payment in made:
        rows = await fetch(
            conn,
            "SELECT account_id, direction, amount, balance_after, entry_type FROM ledger_entries "
            "WHERE payment_id = %s",
            str(payment.id),
        )
        assert rows[0] == (payment.account_id, "credit", Decimal("250.13"), Decimal("250.13"), "payment")
        assert [row[0] for row in rows] == [payment.account_id, "settlement_clearing", "suspense"]


async def test_the_order_does_not_hang_on_the_plan(conn):
    made = await some_payments(conn, *[a_payment(account=f"ACC-{n}") for n in range(20)])
    await reconcile_all(conn)
    joins = ["enable_hashjoin", "enable_mergejoin", "enable_nestloop"]
    for only in joins:
        for join in joins:
            await conn.execute("SELECT set_config(%s, %s, true)", [join, "on" if join == only else "off"])
        for payment in made:
            statement = "SELECT account_id FROM ledger_entries WHERE payment_id = %s"
            first, *_ = await fetch(conn, statement, str(payment.id))
            assert first == (payment.account_id,)


async def test_the_seed_invoice_is_there(conn):
    assert await fetch(conn, "SELECT id::text, total_cents, paid_cents, status FROM invoices") == [
        ("550e8400-e29b-41d4-a716-446655440000", 10000, 0, "sent")
    ]


async def test_currencies_are_those_of_the_code(conn):
    assert dict(await fetch(conn, "SELECT code, exponent FROM core.currency")) == CURRENCIES


async def test_views_are_for_reading(conn):
    refusals = (psycopg.errors.InsufficientPrivilege, psycopg.errors.ObjectNotInPrerequisiteState)
    for view in COLUMNS:
        with pytest.raises(refusals):
            async with conn.transaction():
                await conn.execute(f"DELETE FROM {view}")
