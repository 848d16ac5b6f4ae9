"""The books over HTTP, through the real process: statements, past balances, totals, corrections, periods."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta
from typing import Any, cast
from uuid import UUID, uuid4

import psycopg
import pytest
from payments_schema.ledger import movements
from payments_schema.money import Money
from payments_schema.reconciliation import store as reconciliation
from payments_schema.wire.payments import PaymentStatus, ReconciliationStatus

LEDGER = "/api/v1/ledger"


def reconciled(api: Any, account: str, amount: str, discrepancy: int | None = None) -> str:
    """A payment, taken through the API and decided as the worker would; returns its id."""
    answer = api.post({"accountId": account, "amount": amount}, key=f"key-{uuid4()}")
    assert answer.status_code == 201
    payment_id = cast("str", answer.json()["id"])

    async def decide() -> None:
        async with await psycopg.AsyncConnection.connect(api.database_url) as conn:
            cursor = await conn.execute(
                "SELECT id FROM core.recon_job WHERE payment_id = %s", [UUID(payment_id)]
            )
            [job] = await reconciliation.claim(conn, [row[0] for row in await cursor.fetchall()], "test")
            doubt = None if discrepancy is None else Money(discrepancy, "USD")
            money = Money(job.amount_minor, job.currency)
            posting = movements.direct_payment(job.payment_id, account, money, job.created_at, doubt)
            verdict = (
                ReconciliationStatus.COMPLETED_WITH_DISCREPANCY if doubt else ReconciliationStatus.COMPLETED
            )
            outcome = reconciliation.Outcome(
                job, verdict, doubt is None, discrepancy, "note", PaymentStatus.COMPLETED, posting
            )
            await reconciliation.complete_many(conn, [outcome], worker="test")

    asyncio.run(decide())
    return payment_id


def account_of(api: Any, code: str) -> dict[str, Any]:
    [found] = api.get(f"{LEDGER}/accounts?code={code}").json()["data"]
    return cast("dict[str, Any]", found)


def test_a_statement_pages_from_the_newest_entry(api: Any) -> None:
    account = f"ACC-{uuid4()}"
    for amount in ("1.00", "2.00", "3.00"):
        reconciled(api, account, amount)
    found = account_of(api, account)
    assert (found["kind"], found["posted"], found["version"]) == ("customer", "6.00", 3)
    first = api.get(f"{LEDGER}/accounts/{found['id']}/statement?limit=2").json()
    assert [(line["amount"], line["balance_after"]) for line in first["data"]] == [
        ("3.00", "6.00"),
        ("2.00", "3.00"),
    ]
    assert first["has_more"]
    rest = api.get(f"{LEDGER}/accounts/{found['id']}/statement?limit=2&cursor={first['next_cursor']}").json()
    assert [line["balance_after"] for line in rest["data"]] == ["1.00"]
    assert not rest["has_more"]


def test_the_balance_of_any_moment_on_either_clock(api: Any) -> None:
    account = f"ACC-{uuid4()}"
    reconciled(api, account, "5.00")
    path = f"{LEDGER}/accounts/{account_of(api, account)['id']}/balance"
    assert api.get(path).json()["balance"] == "5.00"
    yesterday = (datetime.now(UTC) - timedelta(days=1)).isoformat().replace("+", "%2B")
    for clock in ("effective", "recorded"):
        answer = api.get(f"{path}?at={yesterday}&clock={clock}").json()
        assert (answer["balance"], answer["clock"]) == ("0.00", clock)
    assert api.get(f"{path}?at=yesterday").status_code == 422
    assert api.get(f"{path}?clock=wall").status_code == 422


@pytest.mark.parametrize(
    "path",
    [
        "accounts/acc_nonsense/statement",
        "accounts/acc_0000000099999999/balance",
        "accounts/17/statement",
        "transactions/txn_nonsense",
        "transactions/txn_0000000099999999",
        "differences/nobody/adjustments",
        f"differences/{UUID(int=0)}/adjustments",
    ],
)
def test_what_is_not_there_is_404(api: Any, path: str) -> None:
    assert api.get(f"{LEDGER}/{path}").status_code == 404


def test_totals_balance_and_the_chart_says_what_for(api: Any) -> None:
    reconciled(api, f"ACC-{uuid4()}", "7.00")
    trial = api.get(f"{LEDGER}/trial-balance").json()
    assert trial["balanced"]
    assert {"customer", "settlement_clearing"} <= {line["account"] for line in trial["data"]}
    assert "write_offs" in {line["code"] for line in api.get(f"{LEDGER}/chart").json()}


def test_a_difference_is_found_adjusted_once_per_key_and_audited(api: Any, key: str) -> None:
    payment_id = reconciled(api, f"ACC-{uuid4()}", "10.13", discrepancy=13)
    assert payment_id in {d["payment_id"] for d in api.get(f"{LEDGER}/differences?limit=1000").json()["data"]}
    path = f"{LEDGER}/differences/{payment_id}/adjust"
    body = {"action": "resolve", "amount": "0.10", "reason": "found in the bank"}
    first = api.post(body, key=key, path=path)
    again = api.post({**body, "amount": 0.1}, key=key, path=path)  # the same amount, spelled otherwise
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json() == again.json()
    assert again.headers["Idempotent-Replayed"] == "true"
    assert (
        api.post({**body, "reason": "other"}, key=key, path=path).json()["code"] == "idempotency_key_reused"
    )
    too_much = api.post({"action": "write_off", "amount": "0.04", "reason": "x"}, key=f"{key}-2", path=path)
    assert (too_much.status_code, too_much.json()["remaining"]) == (422, 3)
    rest = api.post(
        {"action": "write_off", "reason": "too small"}, key=f"{key}-2", path=path
    )  # the key is free
    assert (rest.status_code, rest.json()["amount"]) == (201, "0.03")
    assert api.post({"action": "resolve", "reason": "x"}, key=f"{key}-3", path=path).status_code == 409
    listed = api.get(f"{LEDGER}/differences/{payment_id}/adjustments").json()
    assert [(a["action"], a["reason"]) for a in listed] == [
        ("resolve", "found in the bank"),
        ("write_off", "too small"),
    ]
    assert api.get(f"{LEDGER}/integrity").json()["ok"]


def test_a_reversal_needs_a_key_and_a_reason_and_happens_once(api: Any, key: str) -> None:
    payment_id = reconciled(api, f"ACC-{uuid4()}", "20.13", discrepancy=13)
    adjusted = api.post(
        {"action": "write_off", "reason": "wrong"}, key=key, path=f"{LEDGER}/differences/{payment_id}/adjust"
    ).json()
    path = f"{LEDGER}/transactions/{adjusted['transaction_id']}/reverse"
    assert api.post({"reason": "a mistake"}, path=path).status_code == 400
    assert api.post({"reason": "  "}, key=f"{key}-r", path=path).status_code == 422
    done = api.post({"reason": "a mistake"}, key=f"{key}-r", path=path)
    assert done.status_code == 201
    assert [entry["direction"] for entry in done.json()["entries"]] == ["credit", "debit"]
    assert api.post({"reason": "again"}, key=f"{key}-s", path=path).status_code == 409
    own = api.get(f"/api/v1/payments/{payment_id}/ledger").json()[0]["id"]
    refused = api.post({"reason": "x"}, key=f"{key}-t", path=f"{LEDGER}/transactions/{own}/reverse")
    assert (refused.status_code, refused.json()["code"]) == (409, "invalid_state_transition")


def test_the_journal_is_streamed_in_every_form(api: Any) -> None:
    account = f"ACC-{uuid4()}"
    reconciled(api, account, "9.00")
    lines = api.get(f"{LEDGER}/journal?form=jsonl").text.splitlines()
    assert account in json.dumps([json.loads(line) for line in lines])
    assert api.get(f"{LEDGER}/journal?form=csv").text.startswith("id,reference,kind")
    assert " open Assets:Settlement-clearing" in api.get(f"{LEDGER}/journal?form=beancount").text
    assert api.get(f"{LEDGER}/journal?form=xml").status_code == 422


def test_a_closed_period_takes_nothing_more(own_api: Any, key: str) -> None:
    own_api.start()
    until = datetime.now(UTC) - timedelta(hours=1)
    body = {"until": until.isoformat(), "reason": "the month is done"}
    closed = own_api.post(body, key=key, path=f"{LEDGER}/periods")
    assert closed.status_code == 201, closed.text
    assert own_api.post(body, key=f"{key}-2", path=f"{LEDGER}/periods").status_code == 409
    assert (
        own_api.post({**body, "until": "2026-01-01"}, key=f"{key}-3", path=f"{LEDGER}/periods").status_code
        == 422
    )
    [period] = own_api.get(f"{LEDGER}/periods").json()
    assert (period["closed_by"], period["reason"]) == ("local", "the month is done")
