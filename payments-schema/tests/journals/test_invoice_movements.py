"""Invoice movements against golden files that an accountant can read. PAYMENTS_GOLDEN=write writes them anew.

That each stands in docs/accounting.md is asked of all golden files at once (test_card_movements.py).
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from invoice_lives import allocated, credited, life, paid, posting_of, refunded, voided

CASES = {
    "invoice_issue": life(),
    "invoice_paid_in_parts": life(paid(3000), paid(7000)),
    "invoice_overpaid": life(paid(10_000), paid(500)),
    "invoice_overpaid_at_once": life(paid(10_500)),
    "invoice_credit_note": life(credited(2500), paid(7500)),
    "invoice_void": life(voided),
    "credit_allocation": [*life(allocated(None, 500), total=800)],
    "credit_refund": [refunded(300, 500)],
    "invoice_in_yen": life(paid(10_500), currency="JPY"),
    "invoice_without_customer": life(paid(10_500), customer=None, id="550e8400-e29b-41d4-a716-446655440000"),
}
HERE = Path(__file__).parent


def journal(name: str) -> str:
    """The life's postings, one after the other, without the references that change."""
    texts = [posting_of(change).journal().split("\n", 1) for change in CASES[name]]
    return "\n".join(f"{head.split()[0]}\n{entries}" for head, entries in texts)


@pytest.mark.parametrize("name", CASES)
def test_the_journal_reads_as_agreed(name):
    golden = HERE / f"{name}.txt"
    if os.environ.get("PAYMENTS_GOLDEN") == "write":
        golden.write_text(journal(name))
    assert journal(name) == golden.read_text()
