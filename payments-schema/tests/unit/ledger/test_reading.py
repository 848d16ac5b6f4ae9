"""Files of historical transactions: what is read, and which line is to blame."""

from __future__ import annotations

import json

import pytest

from payments_schema.ledger.exchange.importing import plan
from payments_schema.ledger.exchange.reading import BadLine, read
from payments_schema.ledger.posting import Account
from payments_schema.wire.ledger import Direction


def a_record(**changes: object) -> dict[str, object]:
    return {
        "id": "2019-17",
        "effective_at": "2019-03-01T00:00:00Z",
        "entries": [
            {"account": "customer:ACC-1", "direction": "credit", "amount": "12.50", "currency": "USD"},
            {"account": "settlement_clearing", "direction": "debit", "amount": "12.50", "currency": "USD"},
        ],
        **changes,
    }


CSV = """id,effective_at,account,direction,amount,currency
1,2019-03-01T00:00:00Z,customer:ACC-1,credit,12.50,USD
1,2019-03-01T00:00:00Z,settlement_clearing,debit,12.50,USD
2,2019-03-02T00:00:00Z,customer:ACC-1,debit,2.50,USD
2,2019-03-02T00:00:00Z,settlement_clearing,credit,2.50,USD
"""


def test_both_forms_say_the_same() -> None:
    from_csv = plan(read(CSV.splitlines(keepends=True), "csv", "old"))
    from_json = plan(read([json.dumps(a_record(id="1"))], "jsonl", "old"))
    assert from_csv.bad == from_json.bad == ()
    assert from_csv.transactions[0].posting == from_json.transactions[0].posting
    posting = from_csv.transactions[1].posting
    assert (posting.reference, posting.kind, from_csv.transactions[1].line) == ("import:old:2", "import", 4)
    assert posting.entries[0].account == Account("customer", "ACC-1")
    assert posting.entries[0].direction is Direction.DEBIT


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        ("{", "is not JSON"),
        ("[]", "is not a JSON object"),
        (json.dumps(a_record(id="")), "id must be"),
        (json.dumps(a_record(effective_at="2019-03-01")), "time zone"),
        (json.dumps(a_record(effective_at=3)), "ISO 8601"),
        (json.dumps(a_record(entries=[])), "at least two entries"),
        (json.dumps(a_record(note="x")), "unknown field note"),
        (json.dumps(a_record()).replace('"12.50"', "12.501"), "more decimals than USD"),
        (json.dumps(a_record()).replace('"12.50"', "NaN"), "number"),
        (json.dumps(a_record()).replace('"12.50"', '"-1"'), "positive"),
        (json.dumps(a_record()).replace('"12.50"', '"1.00"', 1), "debits and credits differ"),
        (json.dumps(a_record()).replace('"USD"', '"XYZ"'), "ISO 4217"),
        (json.dumps(a_record()).replace('"credit"', '"up"'), "debit or credit"),
    ],
)
def test_a_bad_line_is_named_and_the_good_ones_are_kept_apart(record: str, reason: str) -> None:
    found = plan(read([json.dumps(a_record(id="a")), record, json.dumps(a_record(id="b"))], "jsonl", "old"))
    assert [good.line for good in found.transactions] == [1, 3]
    assert [bad.line for bad in found.bad] == [2]
    assert reason in found.bad[0].reason


def test_an_id_may_stand_only_once() -> None:
    found = plan(read([json.dumps(a_record()), json.dumps(a_record())], "jsonl", "old"))
    assert found.bad == (BadLine(2, "id stands on line 1 already"),)


@pytest.mark.parametrize(
    ("text", "line"),
    [("nonsense\n", 1), (CSV + "3,2019-03-02T00:00:00Z,suspense,debit\n", 6), (CSV + '3,"', 6)],
)
def test_broken_csv_names_its_line(text: str, line: int) -> None:
    found = plan(read(text.splitlines(keepends=True), "csv", "old"))
    assert line in {bad.line for bad in found.bad}
