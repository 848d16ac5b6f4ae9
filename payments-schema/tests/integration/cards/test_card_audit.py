"""The books of card payments are found clean, and every kind of damage to them is found and named."""

from __future__ import annotations

import pytest
from card_lives import LIVES, life, write
from psycopg import AsyncConnection

from payments_schema.ledger import audit
from payments_schema.testing import url_of

FOLLOWS = "every card payment follows from its entries"
DAMAGE = {
    "a capture made larger": (
        FOLLOWS,
        "UPDATE ledger.entry SET amount_minor = amount_minor + 1 WHERE leg = 4",
    ),
    "a status changed": (FOLLOWS, "UPDATE core.card_payment SET status = 'expired' WHERE status = 'voided'"),
    "a posting taken away": (FOLLOWS, "DELETE FROM ledger.transaction WHERE kind = 'card_void'"),
    "a payment taken away": (FOLLOWS, "DELETE FROM core.card_payment WHERE status = 'settled'"),
    "a posting of another kind": (
        FOLLOWS,
        "UPDATE ledger.transaction SET kind = 'card_void' WHERE kind = 'card_expiry'",
    ),
    "more taken than was held": (
        "no card payment takes more than it held or returns more than it took",
        "ALTER TABLE core.card_payment DROP CONSTRAINT no_more_than_held,"
        " DROP CONSTRAINT status_follows_from_sums;"
        " UPDATE core.card_payment SET authorized_minor = captured_minor - 1 WHERE captured_minor > 1",
    ),
    "more returned than was taken": (
        "no card payment takes more than it held or returns more than it took",
        "ALTER TABLE core.card_payment DROP CONSTRAINT no_more_than_captured,"
        " DROP CONSTRAINT status_follows_from_sums;"
        " UPDATE core.card_payment SET refunded_minor = captured_minor + 1 WHERE status = 'refunded'",
    ),
    "a capture's row taken away": (
        "captures and refunds sum up to their card payment",
        "DELETE FROM core.card_capture WHERE number = 2",
    ),
    "a refund's part taken away": (
        "every refund names the captures that it returns",
        "DELETE FROM core.card_refund_part WHERE capture = 1",
    ),
    "a hold forgotten": (
        "holds on the ledger are those that are open",
        "UPDATE core.card_payment SET status = 'voided', released_minor = authorized_minor"
        " WHERE status = 'authorized'",
    ),
    "an event lost": (
        "every step of a card payment has its event, once",
        "DELETE FROM core.event WHERE type = 'card.settled'",
    ),
    "a key that leads elsewhere": (
        "every idempotency key of a card payment leads to it",
        "UPDATE core.idempotency_key SET resource_id = 'pay_x'",
    ),
}


async def books(conn):
    for name, steps in LIVES.items():
        await write(conn, *life(*steps, account_id="ACC-1" if "refund" in name else None))


async def test_clean_books_are_clean(conn):
    assert (await audit.integrity(conn, audit.CARD_CHECKS)).ok
    await books(conn)
    found = await audit.integrity(conn)
    assert found.ok, [check for check in found.checks if not check.ok]


@pytest.mark.parametrize("damage", DAMAGE)
async def test_damage_is_found_and_named(conn, server_url, database_name, damage):
    name, statement = DAMAGE[damage]
    await books(conn)
    async with await AsyncConnection.connect(url_of(server_url, database_name)) as superuser:
        await superuser.execute("SET session_replication_role = replica")  # past the triggers
        await superuser.execute(statement)
        await superuser.commit()
    found = {check.name: check for check in (await audit.integrity(conn)).checks}
    assert not found[name].ok
    assert found[name].offenders


def test_every_check_has_its_damage():
    assert {name for name, _ in DAMAGE.values()} == {check.name for check in audit.CARD_CHECKS}
