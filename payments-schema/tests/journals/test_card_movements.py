"""Card movements against golden files that an accountant can read. PAYMENTS_GOLDEN=write writes them anew."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from card_lives import captured, expired, life, refunded, settled, voided

from payments_schema.cards import movements

CASES = {
    "card_authorization": life(amount=1250),
    "card_capture": life(captured(), amount=1250),
    "card_captures_in_parts": life(captured(333), captured(334), captured(333)),
    "card_void": life(voided, amount=1250),
    "card_void_of_a_rest": life(captured(600), voided),
    "card_expiry": life(expired, amount=1250),
    "card_expiry_of_a_rest": life(captured(600), expired),
    "card_settlement": life(captured(), settled, amount=1250),
    "card_settlement_with_a_rest": life(captured(600), settled),
    "card_refund": life(captured(), refunded(), amount=1250),
    "card_refund_in_parts": life(captured(600), captured(400), refunded(333), refunded()),
    "card_refund_with_a_rest": life(captured(600), refunded(100)),
    "card_settlement_after_a_refund": life(captured(), refunded(100), settled),
    "card_refund_after_settlement": life(captured(), settled, refunded(100)),
    "card_in_yen": life(captured(), settled, amount=1250, currency="JPY"),
    "card_in_dinar": life(captured(), settled, amount=12505, currency="BHD"),
    "card_without_fee": life(captured(), settled, amount=1250, fee_bps=0),
}
HERE = Path(__file__).parent
DOCUMENT = HERE.parents[2] / "docs" / "accounting.md"


def journal(name: str) -> str:
    """The life's postings, one after the other, under a reference that does not change."""
    texts = [movements.of(change).journal().split("\n", 1) for change in CASES[name]]
    return "\n".join(f"{head.split()[0]}\n{entries}" for head, entries in texts)


@pytest.mark.parametrize("name", CASES)
def test_the_journal_reads_as_agreed(name):
    golden = HERE / f"{name}.txt"
    if os.environ.get("PAYMENTS_GOLDEN") == "write":
        golden.write_text(journal(name))
    assert journal(name) == golden.read_text()


@pytest.mark.skipif(not DOCUMENT.exists(), reason="this repository is checked out alone")
def test_every_journal_stands_in_the_accounting_document():
    """A block ```text NAME``` of the document is the golden file of that name, and none is left out."""
    pieces = DOCUMENT.read_text().split("```")[1::2]
    told = {}
    for piece in pieces:
        head, _, text = piece.partition("\n")
        told[head.removeprefix("text ")] = text
    assert told == {golden.stem: golden.read_text() for golden in HERE.glob("*.txt")}
