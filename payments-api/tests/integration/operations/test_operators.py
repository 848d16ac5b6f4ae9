"""What operators see: every kind in one list, pages that meet, exports that no spreadsheet runs, stories."""

from __future__ import annotations

import csv
import io
from uuid import uuid4

import httpx
import pytest
from payments_schema.ids import new_id, prefixed, unprefixed, uuid7

LIST = "/api/v1/operations/payments"


def direct(api, account: str, amount: str = "250.00", **more: str) -> str:
    answer = api.post({"accountId": account, "amount": amount, **more}, str(uuid4()))
    assert answer.status_code == 201
    return str(answer.json()["id"])


def card(api, account: str, amount: int = 25000, **more: str) -> str:
    body = {"amount": amount, "currency": "USD", "account_id": account, **more}
    answer = api.post(body, str(uuid4()), "/api/v1/payments/authorize")
    assert answer.status_code == 201
    return str(answer.json()["id"])


def wallet(api, name: str) -> str:
    body = {"amount": "25.00", "recipient_phone": "024 312 3499", "recipient_name": name}
    answer = api.post(body, str(uuid4()), "/api/v1/payments/initiate")
    assert answer.status_code == 202
    return str(answer.json()["id"])


def listed(api, **asked: str) -> list[str]:
    answer = httpx.get(api.url + LIST, params=asked)
    assert answer.status_code == 200, answer.text
    return [line["id"] for line in answer.json()["data"]]


def test_spellings_of_an_id_sort_alike() -> None:
    several = [uuid7() for _ in range(50)]
    spelled = [prefixed("pay", one) for one in several]
    assert sorted(spelled) == spelled
    assert [unprefixed("pay", one) for one in spelled] == several
    assert unprefixed("pay", "pay_nothing") is None
    assert unprefixed("pay", "pay_" + "z" * 26) is None
    assert unprefixed("pay", new_id("txn")) is None


def test_all_kinds_stand_in_one_order_and_pages_meet(api) -> None:
    account = f"OPS-{uuid4()}"
    made = [direct(api, account), card(api, account), direct(api, account, "1.00"), card(api, account)]
    assert listed(api, account=account) == made[::-1]
    assert listed(api, account=account, order="oldest") == made
    assert listed(api, account=account, kind="card") == [made[3], made[1]]
    for order in ("newest", "oldest"):
        seen: list[str] = []
        cursor = ""
        for _ in range(4):
            asked = {"account": account, "limit": "1", "cursor": cursor, "order": order}
            page = httpx.get(api.url + LIST, params=asked).json()
            seen += [line["id"] for line in page["data"]]
            cursor = page["next_cursor"] or ""
        assert cursor == ""
        assert seen == (made[::-1] if order == "newest" else made)


def test_search_finds_by_id_key_account_amount_name_and_number(api) -> None:
    account, key = f"OPS-{uuid4()}", f"key-{uuid4()}"
    paid = api.post({"accountId": account, "amount": "77.13"}, key).json()["id"]
    held = card(api, account, 7713, description="blue umbrella % off")
    name = f"Ama {uuid4()}"
    sent = wallet(api, name)
    assert listed(api, q=paid) == [paid]
    assert listed(api, q=held) == [held]
    assert listed(api, q=key) == [paid]
    assert listed(api, q=account) == [held, paid]
    assert listed(api, q="umbrella % off", account=account) == [held]
    assert listed(api, amount="77.13", account=account) == [held, paid]
    assert listed(api, amount="77.130", account=account, currency="USD") == [held, paid]
    assert listed(api, amount="77.14", account=account) == []
    assert sent in listed(api, q="+233 24 312 3499", limit="200")
    found = httpx.get(api.url + LIST, params={"q": name}).json()["data"]
    assert [line["party"] for line in found] == [f"+23324***3499 {name}"]


def test_a_span_of_time_is_a_span_of_ids(api) -> None:
    account = f"OPS-{uuid4()}"
    made = direct(api, account)
    at = httpx.get(f"{api.url}/payments/{made}").json()["payment"]["created_at"]
    assert listed(api, account=account, since="2020-01-01T00:00:00Z", until="2100-01-01T00:00:00Z") == [made]
    assert listed(api, account=account, until="2020-01-01T00:00:00Z") == []
    assert listed(api, account=account, since="2100-01-01T00:00:00Z") == []
    assert at


@pytest.mark.parametrize("asked", ["limit=201", "cursor=x", "order=x", "amount=x", "since=1", "odd=1"])
def test_what_makes_no_sense_is_refused(api, asked: str) -> None:
    assert api.get(f"{LIST}?{asked}").status_code == 422


def test_the_export_is_whole_and_no_cell_is_a_formula(api) -> None:
    account = f"=OPS-{uuid4()}"
    made = [direct(api, account, "-3.00", description='@evil, "quoted"'), card(api, account)]
    answer = httpx.get(f"{api.url}{LIST}.csv", params={"account": account, "order": "oldest"})
    assert answer.headers["content-type"].startswith("text/csv")
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert [row["id"] for row in rows] == made
    assert [row["party"] for row in rows] == [f"'{account}"] * 2
    assert rows[0]["description"] == '\'@evil, "quoted"'
    assert [row["amount"] for row in rows] == ["-3.00", "250.00"]


def test_a_cards_story_has_its_entries_and_what_may_be_done(api) -> None:
    held = card(api, f"OPS-{uuid4()}", 1250)
    told = api.get(f"{LIST}/{held}").json()
    assert told["payment"]["kind"] == "card"
    assert told["remaining_minor"] == {"capture": 1250, "void": 1250}
    assert [one["kind"] for one in told["transactions"]] != []
    kinds = [step["kind"] for step in told["steps"]]
    assert {"request", "ledger", "event"} <= set(kinds)
    assert [step["at"] for step in told["steps"]] == sorted(step["at"] for step in told["steps"])


def test_a_direct_payments_story_begins_with_its_request(api) -> None:
    key = f"key-{uuid4()}"
    made = api.post({"accountId": "OPS-STORY", "amount": "5.00"}, key).json()["id"]
    told = api.get(f"{LIST}/{made}").json()
    assert told["steps"][0]["facts"] == {"route": "POST /payments", "idempotency_key": key, "client": "local"}
    assert {"request", "job", "event"} <= {step["kind"] for step in told["steps"]}
    assert told["actions"] == []


def test_a_wallets_story_may_be_cancelled(api) -> None:
    sent = wallet(api, "Ama Mensah")
    told = api.get(f"{LIST}/{sent}").json()
    assert told["remaining_minor"] == {"cancel": 2500}
    assert "3123499" not in str(told)


UNKNOWN = ("nope", "00000000-0000-7000-8000-000000000000", "pay_" + "0" * 26, "%2e%2e")


@pytest.mark.parametrize("unknown", UNKNOWN)
def test_an_unknown_story_is_not_found(api, unknown: str) -> None:
    assert api.get(f"{LIST}/{unknown}").status_code == 404


def test_the_last_hour_counts_what_was_made(api) -> None:
    direct(api, f"OPS-{uuid4()}", "1500", currency="JPY")
    told = api.get("/api/v1/operations/overview").json()
    assert sum(minute["count"] for minute in told["minutes"]) == sum(c["count"] for c in told["currencies"])
    yen = next(line for line in told["currencies"] if line["currency"] == "JPY")
    assert yen["count"] >= 1
    assert "." not in yen["volume"]


def test_the_queues_show_what_waits(api) -> None:
    direct(api, f"OPS-{uuid4()}")
    told = api.get("/api/v1/operations/queues").json()
    waiting = {line["name"]: line["ready"] for line in told["queues"]}
    assert waiting["reconciliation"] >= 1
    assert told["workers"] == []


def test_programs_do_not_see_what_operators_see(guarded_api, token) -> None:
    hidden = (LIST, f"{LIST}.csv", f"{LIST}/{uuid7()}", "/api/v1/operations/overview")
    for path in (*hidden, "/api/v1/operations/queues"):
        refused = guarded_api.get(path, Authorization=f"Bearer {token('service')}")
        assert refused.status_code == 403
        assert guarded_api.get(path).status_code == 401
