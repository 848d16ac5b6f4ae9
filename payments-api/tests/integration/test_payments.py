"""Direct payments over real HTTP and a real Postgres."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

import pytest

NOBODYS = "0190c5a2-0000-7000-8000-000000000000"
BODY = {"accountId": "ACC-1", "amount": 250}


def test_a_payment_is_taken_with_its_job_message_and_event(api: Any, key: str) -> None:
    answer = api.post(BODY | {"description": "Büro\nstuhl"}, key)
    assert answer.status_code == 201
    payment = answer.json()
    assert UUID(payment["id"]).version == 7
    assert payment == {
        "id": payment["id"],
        "idempotency_key": key,
        "account_id": "ACC-1",
        "amount": "250.00",
        "currency": "USD",
        "status": "pending",
        "description": "Büro\nstuhl",
        "created_at": payment["created_at"],
        "updated_at": payment["created_at"],
    }
    assert payment["created_at"].endswith("Z")
    assert "idempotent-replayed" not in answer.headers
    rows = api.query("SELECT amount, currency, status FROM payments WHERE idempotency_key = %s", key)
    assert [(str(amount), currency, status) for amount, currency, status in rows] == [
        ("250.00", "USD", "pending")
    ]
    ((job, message),) = api.query(
        "SELECT j.id, q.message FROM recon_jobs AS r JOIN core.recon_job AS j ON j.id = r.id "
        "JOIN dramatiq.queue AS q ON q.message_id = j.message_id WHERE r.payment_id = %s",
        UUID(payment["id"]),
    )
    assert message["actor_name"] == "reconcile"
    assert job in message["args"][0]
    assert api.query("SELECT type FROM core.event WHERE subject = %s", payment["id"]) == [
        ("payment.created",)
    ]


@pytest.mark.parametrize("amount", ["250", "250.0", '"250.00"', "2.5e2", "25e1", '"2.5e2"', "250.000"])
def test_equal_values_replay_however_they_are_written(api: Any, key: str, amount: str) -> None:
    first = api.post(BODY, key)
    again = api.post(
        b'{"accountId":"ACC-1","currency":"USD","description":null,"amount":%s}' % amount.encode(), f'"{key}"'
    )
    assert again.status_code == 200, again.text
    assert again.headers["Idempotent-Replayed"] == "true"
    assert again.content == first.content
    assert len(api.query("SELECT FROM payments WHERE idempotency_key = %s", key)) == 1


@pytest.mark.parametrize(
    ("change", "differs"),
    [
        ({"amount": 251}, "amount"),
        ({"accountId": "ACC-2"}, "accountId"),
        ({"description": "more"}, "description"),
        ({"currency": "EUR"}, "currency"),
    ],
)
def test_a_key_used_for_another_body_is_422_and_names_it(
    api: Any, key: str, change: dict[str, Any], differs: str
) -> None:
    api.post(BODY, key)
    answer = api.post(BODY | change, key)
    assert answer.status_code == 422
    assert answer.json()["code"] == "idempotency_key_reused"
    assert differs in answer.json()["differs"]


def test_a_key_used_on_another_route_is_422(api: Any, key: str) -> None:
    api.post(BODY, key)
    answer = api.post({"payments": [BODY | {"idempotencyKey": key}]}, path="/payments/batch")
    (result,) = answer.json()["results"]
    assert result["status"] == 422
    assert result["error"]["differs"] == ["route"]


def test_a_refused_request_leaves_its_key_free(api: Any, key: str) -> None:
    assert api.post({"accountId": "ACC-1", "amount": "1.001"}, key).status_code == 422
    assert api.post({"accountId": "ACC-1"}, key).status_code == 400
    assert api.post(BODY, key).status_code == 201


@pytest.mark.parametrize(
    ("amount", "currency", "shown"),
    [
        ("-5.13", "USD", "-5.13"),
        (0, "USD", "0.00"),
        (1, "JPY", "1"),
        ("1.130", "BHD", "1.130"),
        ("92233720368547758.07", "USD", "92233720368547758.07"),
        ("-92233720368547758.08", "USD", "-92233720368547758.08"),
        (".13", "USD", "0.13"),
    ],
)
def test_any_sign_and_each_currency_own_decimals(
    api: Any, key: str, amount: Any, currency: str, shown: str
) -> None:
    answer = api.post({"accountId": "ACC-1", "amount": amount, "currency": currency}, key)
    assert answer.status_code == 201, answer.text
    assert answer.json()["amount"] == shown


def test_a_payment_is_shown_without_a_reconciliation_at_first(api: Any, key: str) -> None:
    payment = api.post(BODY, key).json()
    assert api.get(f"/payments/{payment['id']}").json() == {"payment": payment, "reconciliation": None}


@pytest.mark.parametrize("wanted", [NOBODYS, "x", "1", "00000000-0000-0000-0000-00000000000g", "%00", "é"])
def test_what_is_not_there_is_404(api: Any, wanted: str) -> None:
    answer = api.get(f"/payments/{wanted}")
    assert answer.status_code == 404
    assert answer.json()["error"] == "Payment not found"
    assert answer.headers["content-type"] == "application/problem+json"


def test_the_list_is_a_bare_array_newest_first_with_a_link(api: Any) -> None:
    account = f"ACC-{uuid4()}"
    made = [api.post({"accountId": account, "amount": n}, str(uuid4())).json()["id"] for n in range(5)]
    seen: list[str] = []
    path = f"/payments?limit=2&accountId={account}&status=&q="
    while path:
        answer = api.get(path)
        assert answer.status_code == 200
        seen += [row["id"] for row in answer.json()]
        assert all(row["account_id"] == account for row in answer.json())
        path = answer.links.get("next", {}).get("url", "")
    assert seen == made[::-1]


def test_the_list_filters(api: Any) -> None:
    word = f"w{uuid4().hex}"
    api.post(BODY | {"description": f"100%_{word}"}, str(uuid4()))
    assert len(api.get(f"/payments?q={word.upper()}").json()) == 1
    assert api.get(f"/payments?q={word}&status=completed").json() == []
    assert len(api.get(f"/payments?q={word}&status=pending").json()) == 1
    assert api.get(f"/payments?q=%25{word[:8]}%25").json() == []


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("limit=0", "limit"),
        ("limit=1001", "limit"),
        ("limit=1e9", "limit"),
        ("limit=x", "limit"),
        ("status=lost", "status"),
        ("accountId=" + "x" * 256, "accountId"),
        ("q=%00", "q"),
        ("sort=up", "sort"),
    ],
)
def test_a_malformed_query_is_422_and_names_the_field(api: Any, query: str, field: str) -> None:
    answer = api.get(f"/payments?{query}")
    assert answer.status_code == 422
    assert [f["field"] for f in answer.json()["fields"]] == [field]


def test_a_foreign_cursor_is_422(api: Any) -> None:
    assert api.get("/payments?cursor=4111111111111111").json()["code"] == "invalid_cursor"


@pytest.mark.parametrize("account", ["NEVER-SEEN", "a%2Fb", "%F0%9F%98%80", "x" * 255])
def test_an_account_never_seen_has_zero(api: Any, account: str) -> None:
    answer = api.get(f"/accounts/{account}/balance")
    assert answer.status_code == 200
    assert answer.json()["balance"] == "0.00"
    assert answer.json()["currency"] == "USD"
    assert api.get(f"/accounts/{account}/balance?currency=JPY").json()["balance"] == "0"


@pytest.mark.parametrize("account", ["x" * 256, "a%00b", "a%0Ab"])
def test_what_is_no_account_is_404(api: Any, account: str) -> None:
    assert api.get(f"/accounts/{account}/balance").status_code == 404


@pytest.mark.parametrize("currency", ["usd", "XXQ", "", "%00"])
def test_an_unknown_currency_is_422(api: Any, currency: str) -> None:
    assert api.get(f"/accounts/A/balance?currency={currency}").status_code == 422


def test_the_trace_travels_with_the_message(api: Any, key: str) -> None:
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    payment = api.post(BODY, key, traceparent=trace).json()
    ((options,),) = api.query(
        "SELECT q.message -> 'options' FROM core.recon_job AS j JOIN dramatiq.queue AS q USING (message_id) "
        "WHERE j.payment_id = %s",
        UUID(payment["id"]),
    )
    assert options == {"traceparent": trace}


def test_a_request_id_is_taken_over_only_where_it_is_well_formed(api: Any) -> None:
    assert api.get("/health", **{"X-Request-Id": "abc-123"}).headers["x-request-id"] == "abc-123"
    assert api.get("/health", **{"X-Request-Id": 'a"b'}).headers["x-request-id"] != 'a"b'
