"""Integrity: clean books are found clean, and every kind of damage is found and named."""

import pytest
from builders import a_payment, fetch, reconcile_all, some_payments, usd
from psycopg import AsyncConnection

from payments_schema.ledger import audit

DAMAGE = {
    "trial balance is zero in every currency": (
        "UPDATE ledger.balance SET posted_cr = posted_cr + 1 WHERE posted_cr > 0"
    ),
    "every balance is the sum of its entries": (
        "UPDATE ledger.balance SET posted_cr = posted_cr + 1 WHERE posted_cr > 0"
    ),
    "entry versions have no gap": "DELETE FROM ledger.entry WHERE version = 1",
    "every entry continues the balance before it": (
        "UPDATE ledger.entry SET balance_after = 1 WHERE version = 1"
    ),
    "every transaction has entries and balances": "UPDATE ledger.entry SET amount_minor = 1 WHERE leg = 1",
    "every entry belongs to a transaction of its phase": "DELETE FROM ledger.transaction",
    "every completed payment is posted once, in full": (
        "UPDATE core.payment SET amount_minor = 1 WHERE status = 'completed'"
    ),
    "no other payment is posted": "UPDATE core.payment SET status = 'failed'",
    "payments, jobs and results agree": "DELETE FROM core.recon_job",
    "every idempotency key of a payment leads to its payment": (
        "DELETE FROM core.payment WHERE status = 'completed'"
    ),
    "every payment and every verdict has its event, once": (
        "DELETE FROM core.event WHERE type = 'payment.completed'"
    ),
    "no event speaks of a payment that is not there": "DELETE FROM core.payment WHERE status = 'pending'",
}


async def books(conn):
    await some_payments(conn, a_payment(), a_payment(amount=usd(25013)))
    await reconcile_all(conn)
    await some_payments(conn, a_payment())


async def test_clean_books_are_clean(conn):
    assert (await audit.integrity(conn)).ok
    await books(conn)
    found = await audit.integrity(conn)
    assert found.ok
    assert [check.offenders for check in found.checks] == [[]] * len(found.checks)


@pytest.mark.parametrize("name", DAMAGE)
async def test_damage_is_found_and_its_offenders_named(conn, server_url, database_name, name):
    from payments_schema.database.urls import url_of

    await books(conn)
    async with await AsyncConnection.connect(url_of(server_url, database_name)) as superuser:
        await superuser.execute("SET session_replication_role = replica")  # past the triggers
        await superuser.execute(DAMAGE[name])
        await superuser.commit()
    found = {check.name: check for check in (await audit.integrity(conn)).checks}
    assert not found[name].ok
    assert found[name].offenders


async def test_every_check_has_its_damage():
    assert set(DAMAGE) <= {check.name for check in audit.ALL_CHECKS}
    assert {check.name for check in audit.LEDGER_CHECKS + audit.PAYMENT_CHECKS} == set(DAMAGE)


async def test_the_callers_settings_are_as_before(conn):
    before = await fetch(conn, "SELECT current_setting('work_mem'), current_setting('enable_nestloop')")
    await audit.integrity(conn)
    assert (
        await fetch(conn, "SELECT current_setting('work_mem'), current_setting('enable_nestloop')") == before
    )
