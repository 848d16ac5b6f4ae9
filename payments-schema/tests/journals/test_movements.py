"""Movements against golden files that an accountant can read. PAYMENTS_GOLDEN=write writes them anew."""

import os
from pathlib import Path
from uuid import UUID

import pytest
from builders import NOON

from payments_schema.ledger.movements import direct_payment
from payments_schema.money import Money

ID = UUID("01a1fc53-e97a-72ef-b980-e19b69149c12")
CASES = {
    "direct_payment": direct_payment(ID, "ACC-1", Money(25000, "USD"), NOON),
    "direct_payment_with_discrepancy": direct_payment(
        ID, "ACC-1", Money(25013, "USD"), NOON, Money(13, "USD")
    ),
    "direct_payment_all_in_doubt": direct_payment(ID, "ACC-1", Money(13, "USD"), NOON, Money(13, "USD")),
    "direct_payment_in_yen": direct_payment(ID, "ACC-1", Money(113, "JPY"), NOON),
    "direct_payment_in_dinar": direct_payment(ID, "ACC-1", Money(1130, "BHD"), NOON, Money(130, "BHD")),
}


@pytest.mark.parametrize("name", CASES)
def test_the_journal_reads_as_agreed(name):
    golden = Path(__file__).parent / f"{name}.txt"
    if os.environ.get("PAYMENTS_GOLDEN") == "write":
        golden.write_text(CASES[name].journal())
    assert CASES[name].journal() == golden.read_text()
