"""The books of invoices are found clean, and every kind of damage to them is found and named."""

from __future__ import annotations

import pytest
from invoice_lives import allocated, credited, life, paid, refunded, voided, write
from psycopg import AsyncConnection

from payments_schema.ledger import audit
from payments_schema.testing import url_of

FOLLOWS = "every invoice follows from its entries"
CREDIT = "every customer's credit is the balance of its account"
POSTED = "every payment event is posted once, as it was applied"
TOLD = "every payment of an invoice and its end are told once"
DAMAGE = {
    "a payment posted larger": (
        FOLLOWS,
        "UPDATE ledger.entry SET amount_minor = amount_minor + 1 WHERE transaction_id IN"
        " (SELECT id FROM ledger.transaction WHERE kind = 'invoice_payment')",
    ),
    "a payment forgotten": (FOLLOWS, "UPDATE core.invoice SET paid_minor = paid_minor - 1 WHERE steps = 1"),
    "an invoice taken away": (FOLLOWS, "DELETE FROM core.invoice WHERE status = 'void'"),
    "a claim that was never posted": (
        FOLLOWS,
        "DELETE FROM ledger.transaction WHERE kind = 'invoice_issue'",
    ),
    "credit made larger": (CREDIT, "UPDATE core.customer_credit SET balance_minor = balance_minor + 1"),
    "credit taken away": (CREDIT, "DELETE FROM core.customer_credit"),
    "an event forgotten": (
        POSTED,
        "UPDATE core.payment_event SET status = 'waiting', applied_minor = NULL",
    ),
    "an event counted twice": (
        POSTED,
        "INSERT INTO ledger.transaction (id, reference, key, kind, phase, effective_at)"
        " SELECT max(id) + 1, 'x', 'event-x', 'invoice_payment', 'posted', now() FROM ledger.transaction;"
        " UPDATE ledger.entry SET transaction_id = (SELECT max(id) FROM ledger.transaction)"
        " WHERE version = 1",
    ),
    "an end that nobody heard of": (TOLD, "DELETE FROM core.event WHERE type = 'invoice.paid'"),
    "a payment told twice": (
        TOLD,
        "INSERT INTO core.event (type, subject, data) SELECT type, subject, data FROM core.event"
        " WHERE type = 'invoice.payment_applied'",
    ),
}


async def books(conn):
    await write(conn, life())
    await write(conn, life(paid(3000), paid(7000)))
    await write(conn, life(paid(10_500)))
    await write(conn, life(paid(500), credited()))
    await write(conn, life(credited(100), voided))
    await write(conn, life(allocated(200, 500)))
    await write(conn, [refunded(100, 300)])


async def test_clean_books_are_clean(conn):
    assert (await audit.integrity(conn, audit.INVOICE_CHECKS)).ok
    await books(conn)
    found = await audit.integrity(conn)
    assert found.ok, [check for check in found.checks if not check.ok]


@pytest.mark.parametrize("damage", DAMAGE)
async def test_damage_is_found_and_named(conn, server_url, database_name, damage):
    name, statement = DAMAGE[damage]
    await books(conn)
    async with await AsyncConnection.connect(url_of(server_url, database_name)) as superuser:
        await superuser.execute("SET session_replication_role = replica")  # past the triggers
        await superuser.execute("ALTER TABLE core.invoice DROP CONSTRAINT invoice_status_follows_from_sums")
        await superuser.execute("ALTER TABLE core.payment_event DROP CONSTRAINT every_cent_is_somewhere")
        await superuser.execute(statement)
        await superuser.commit()
    found = {check.name: check for check in (await audit.integrity(conn, audit.INVOICE_CHECKS)).checks}
    assert not found[name].ok
    assert found[name].offenders


def test_every_check_has_its_damage():
    assert {name for name, _ in DAMAGE.values()} == {check.name for check in audit.INVOICE_CHECKS}
