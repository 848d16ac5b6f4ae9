"""The card surface over HTTP, word by word as the contract has it. Must not start an API of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any
from uuid import uuid4

import httpx
import pytest

NOBODYS = "0190c5a2-0000-7000-8000-000000000000"
BASE = "/api/v1/payments"
FIELDS = [
    "id",
    "object",
    "kind",
    "status",
    "amount",
    "currency",
    "account_id",
    "authorized_amount",
    "captured_amount",
    "refunded_amount",
    "fee_amount",
    "description",
    "metadata",
    "created_at",
    "updated_at",
    "expires_at",
]

Ask = Callable[..., httpx.Response]


@pytest.fixture(scope="module")
def client() -> Iterator[httpx.Client]:
    """One client, since making one costs more than most requests."""
    with httpx.Client() as opened:
        yield opened


@pytest.fixture
def ask(api: Any, client: httpx.Client) -> Ask:
    """Post with a fresh key, or with the one that is given."""

    def post(path: str, body: Any = None, key: str | None = None) -> httpx.Response:
        content = {} if body is None else {"json": body}
        headers = {"Idempotency-Key": key or uuid4().hex}
        return client.post(f"{api.url}{BASE}{path}", headers=headers, **content)

    return post


@pytest.fixture
def held(ask: Ask) -> Callable[..., str]:
    """An authorization of 1000 minor units; returns its id."""

    def authorize(amount: int = 1000, currency: str = "USD", **more: Any) -> str:
        made = ask("/authorize", {"amount": amount, "currency": currency} | more)
        assert made.status_code == 201, made.text
        return made.json()["id"]

    return authorize


def test_a_whole_life(api: Any, ask: Ask) -> None:
    made = ask(
        "/authorize",
        {
            "amount": 1000,
            "currency": "GHS",
            "account_id": "ACC-LIFE",
            "description": "Büro \U0001f600",
            "metadata": {"order": 7},
        },
    )
    assert made.status_code == 201
    payment = made.json()
    assert list(payment) == FIELDS
    assert payment["id"].startswith("pay_") and payment["object"] == "payment" and payment["kind"] == "card"
    assert (payment["status"], payment["amount"], payment["authorized_amount"]) == ("authorized", 1000, 1000)
    assert payment["metadata"] == {"order": 7} and payment["description"] == "Büro \U0001f600"
    id = payment["id"]
    assert ask(f"/{id}/capture", {"amount": 333}).json()["fee_amount"] == 9
    assert ask(f"/{id}/capture", {"amount": 334}).json()["fee_amount"] == 20
    captured = ask(f"/{id}/capture").json()
    assert (captured["status"], captured["captured_amount"], captured["fee_amount"]) == ("captured", 1000, 30)
    returned = ask(f"/{id}/refund", {"amount": 100, "reason": "too late"}).json()
    assert (returned["status"], returned["refunded_amount"]) == ("partially_refunded", 100)
    assert ask(f"/{id}/settle").json()["status"] == "settled"
    assert ask(f"/{id}/refund").json()["status"] == "refunded"
    shown = api.get(f"{BASE}/{id}").json()
    assert list(shown) == FIELDS
    assert (shown["status"], shown["refunded_amount"], shown["fee_amount"]) == ("refunded", 1000, 30)


@pytest.mark.parametrize("amount", [1.5, "1", True, 0, -1, 100_000_000, 10**30, [], {}])
@pytest.mark.parametrize("action", ["authorize", "capture", "refund"])
def test_amounts_that_are_none(ask: Ask, held: Callable[..., str], action: str, amount: Any) -> None:
    path = "/authorize" if action == "authorize" else f"/{held()}/{action}"
    refused = ask(path, {"amount": amount} | ({"currency": "USD"} if action == "authorize" else {}))
    assert refused.status_code == 422
    assert [field["field"] for field in refused.json()["fields"]] == ["amount"]


@pytest.mark.parametrize("text", ["1e9", "1e2", "100.0", "1E0"])
def test_amounts_written_as_fractions(api: Any, text: str) -> None:
    refused = api.post(f'{{"amount": {text}, "currency": "USD"}}'.encode(), uuid4().hex, f"{BASE}/authorize")
    assert refused.status_code == 422
    assert refused.json()["fields"][0]["field"] == "amount"


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"currency": "USD"}, "amount"),
        ({"amount": 1}, "currency"),
        ({"amount": 1, "currency": "usd"}, "currency"),
        ({"amount": 1, "currency": "XXX"}, "currency"),
        ({"amount": 1, "currency": "USD", "account_id": ""}, "account_id"),
        ({"amount": 1, "currency": "USD", "account_id": "a" * 256}, "account_id"),
        ({"amount": 1, "currency": "USD", "description": 7}, "description"),
        ({"amount": 1, "currency": "USD", "metadata": []}, "metadata"),
        ({"amount": 1, "currency": "USD", "metadata": {"a": {"b": 1}}}, "metadata"),
        ({"amount": 1, "currency": "USD", "metadata": {"a": 1.5}}, "metadata"),
        ({"amount": 1, "currency": "USD", "metadata": {"": 1}}, "metadata"),
        ({"amount": 1, "currency": "USD", "metadata": {"k" * 41: 1}}, "metadata"),
        ({"amount": 1, "currency": "USD", "metadata": {"k": "v" * 501}}, "metadata"),
        ({"amount": 1, "currency": "USD", "metadata": {f"k{n}": n for n in range(51)}}, "metadata"),
        ({"amount": 1, "currency": "USD", "surprise": 1}, "surprise"),
    ],
)
def test_bodies_that_are_refused(ask: Ask, body: Any, field: str) -> None:
    refused = ask("/authorize", body)
    assert refused.status_code == 422
    assert [one["field"] for one in refused.json()["fields"]] == [field]


def test_wrong_moves_say_what_is_allowed(ask: Ask, held: Callable[..., str]) -> None:
    id = held()
    refused = ask(f"/{id}/settle")
    assert refused.status_code == 409 and refused.headers["content-type"] == "application/problem+json"
    assert {name: refused.json()[name] for name in ("code", "current_status", "allowed_actions")} == {
        "code": "invalid_state_transition",
        "current_status": "authorized",
        "allowed_actions": ["capture", "void"],
    }
    assert ask(f"/{id}/void").json()["status"] == "voided"
    for action in ("capture", "void", "settle", "refund"):
        refused = ask(f"/{id}/{action}")
        assert (refused.status_code, refused.json()["allowed_actions"]) == (409, [])


def test_too_much_says_what_remains(ask: Ask, held: Callable[..., str]) -> None:
    id = held()
    ask(f"/{id}/capture", {"amount": 600})
    refused = ask(f"/{id}/capture", {"amount": 401})
    assert (refused.status_code, refused.json()["code"], refused.json()["remaining"]) == (
        422,
        "invalid_amount",
        400,
    )
    assert ask(f"/{id}/void").json()["status"] == "captured"
    refused = ask(f"/{id}/capture")
    assert (refused.status_code, refused.json()["remaining"]) == (422, 0)
    assert ask(f"/{id}/refund", {"amount": 601}).json()["remaining"] == 600
    assert ask(f"/{id}/void").status_code == 409


@pytest.mark.parametrize("id", ["pay_01k00000000000000000000000", "pay_x", "x", "%00", "0" * 500, NOBODYS])
def test_unknown_ids_are_not_found(api: Any, ask: Ask, id: str) -> None:
    assert api.get(f"{BASE}/{id}").status_code == 404
    assert api.get(f"{BASE}/{id}/ledger").status_code == 404
    for action in ("capture", "void", "settle", "refund"):
        assert ask(f"/{id}/{action}").status_code == 404


def test_a_key_is_one_request(ask: Ask, held: Callable[..., str], key: str) -> None:
    body = {"amount": 500, "currency": "USD"}
    first = ask("/authorize", body, key)
    again = ask("/authorize", body | {"description": None, "metadata": {}}, f'"{key}"')
    assert again.status_code == 201 and again.headers["Idempotent-Replayed"] == "true"
    assert again.content == first.content
    other = ask("/authorize", body | {"amount": 501}, key)
    assert (other.status_code, other.json()["code"], other.json()["differs"]) == (
        422,
        "idempotency_key_reused",
        ["amount"],
    )
    elsewhere = ask(f"/{first.json()['id']}/capture", {}, key)
    assert (elsewhere.status_code, elsewhere.json()["differs"]) == (422, ["route"])


def test_a_replay_is_the_first_answer_whatever_happened_since(
    ask: Ask, held: Callable[..., str], key: str
) -> None:
    id = held()
    first = ask(f"/{id}/capture", {"amount": 100}, key)
    ask(f"/{id}/capture")
    again = ask(f"/{id}/capture", {"amount": 100}, key)
    assert (again.status_code, again.content) == (200, first.content)
    assert ask(f"/{held()}/capture", {"amount": 100}, key).json()["differs"] == ["payment_id"]


def test_a_key_of_the_root_surface_is_taken_here_too(api: Any, ask: Ask, key: str) -> None:
    assert api.post({"accountId": "A", "amount": 1}, key).status_code == 201
    refused = ask("/authorize", {"amount": 1, "currency": "USD"}, key)
    assert (refused.status_code, refused.json()["differs"]) == (422, ["route"])
    made = uuid4().hex
    assert ask("/authorize", {"amount": 1, "currency": "USD"}, made).status_code == 201
    assert api.post({"accountId": "A", "amount": 1}, made).status_code == 422


def test_a_refused_request_leaves_its_key_free(ask: Ask, held: Callable[..., str], key: str) -> None:
    id = held()
    assert ask(f"/{id}/capture", {"amount": 1001}, key).status_code == 422
    assert ask(f"/{id}/settle", {}, key).status_code == 409
    assert ask(f"/{id}/capture", {"amount": 1000}, key).status_code == 200


def test_money_is_not_moved_without_a_key(api: Any, held: Callable[..., str]) -> None:
    id = held()
    for path in ("/authorize", f"/{id}/capture", f"/{id}/void", f"/{id}/settle", f"/{id}/refund"):
        refused = api.post(
            {"amount": 1, "currency": "USD"} if path == "/authorize" else {}, None, BASE + path
        )
        assert (refused.status_code, refused.json()["code"]) == (400, "idempotency_key_missing")


def test_a_preview_shows_the_entries_and_posts_nothing(api: Any, ask: Ask, held: Callable[..., str]) -> None:
    id = held(account_id="ACC-PREVIEW")
    before = api.query("SELECT count(*) FROM ledger.entry")
    shown = api.post({"amount": 333}, None, f"{BASE}/{id}/capture?preview=true")
    assert shown.status_code == 200
    assert shown.json() == {
        "preview": True,
        "entries": [
            {"account": "customer_holds", "direction": "credit", "amount": 333, "currency": "USD"},
            {"account": "customer_funds", "direction": "debit", "amount": 333, "currency": "USD"},
            {"account": "customer_funds", "direction": "debit", "amount": 333, "currency": "USD"},
            {"account": "merchant_payable", "direction": "credit", "amount": 324, "currency": "USD"},
            {"account": "platform_fees", "direction": "credit", "amount": 9, "currency": "USD"},
        ],
    }
    opened = api.post({"amount": 5, "currency": "JPY"}, None, f"{BASE}/authorize?preview=true")
    assert [entry["account"] for entry in opened.json()["entries"]] == ["customer_holds", "customer_funds"]
    assert api.post({}, None, f"{BASE}/{id}/settle?preview=true").status_code == 409
    assert api.post({"amount": 1001}, None, f"{BASE}/{id}/capture?preview=true").json()["remaining"] == 1000
    assert api.query("SELECT count(*) FROM ledger.entry") == before
    assert api.get(f"{BASE}/{id}").json()["status"] == "authorized"


def test_the_ledger_of_a_payment(api: Any, ask: Ask, held: Callable[..., str]) -> None:
    id = held(account_id="ACC-LEDGER", currency="BHD")
    ask(f"/{id}/capture", {"amount": 600})
    ask(f"/{id}/refund", {"amount": 100})
    ask(f"/{id}/settle")
    shown = api.get(f"{BASE}/{id}/ledger").json()
    assert [one["step"] for one in shown["transactions"]] == ["authorize", "capture-1", "refund-1", "settle"]
    assert shown["transactions"][2]["returns"] == [{"capture": 1, "merchant_amount": 97, "fee_amount": 3}]
    for transaction in shown["transactions"]:
        sides = {"debit": 0, "credit": 0}
        for entry in transaction["entries"]:
            sides[entry["direction"]] += entry["amount"]
        assert sides["debit"] == sides["credit"] > 0
    accounts = {one["account"]: one for one in shown["accounts"]}
    assert accounts["customer_holds"] == {
        "account": "customer_holds",
        "owner": "ACC-LEDGER",
        "currency": "BHD",
        "normal_side": "debit",
        "debits": [1000],
        "credits": [600, 400],
        "debit_total": 1000,
        "credit_total": 1000,
        "balance": 0,
    }
    assert accounts["platform_cash"]["balance"] == -485 and accounts["platform_fees"]["balance"] == 15
    assert shown["witness"]["agrees"] and shown["witness"]["status"] == "settled"


def test_balances_behind_an_id(api: Any, ask: Ask, held: Callable[..., str]) -> None:
    account = f"ACC-{uuid4().hex}"
    held(account_id=account)
    held(200, "JPY", account_id=account)
    balances = api.get(f"/api/v1/accounts/{account}/balance").json()["balances"]
    assert {(one["account"], one["currency"], one["balance"]) for one in balances} == {
        ("customer_holds", "USD", 1000),
        ("customer_funds", "USD", -1000),
        ("customer_holds", "JPY", 200),
        ("customer_funds", "JPY", -200),
    }
    entry = api.get(f"{BASE}/{held(account_id=account)}/ledger").json()["transactions"][0]["entries"][0]
    by_number = api.get(f"/api/v1/accounts/{entry['account_id']}/balance").json()["balances"]
    assert [(one["account"], one["owner"], one["balance"]) for one in by_number] == [
        ("customer_holds", account, 2000)
    ]
    assert api.get("/api/v1/accounts/merchant_payable/balance").json()["balances"][0]["owner"] is None
    for stranger in ("nobody", "acc_9999999999999999", "acc_x", "%00"):
        assert api.get(f"/api/v1/accounts/{stranger}/balance").status_code == 404


def test_the_list_is_paged_newest_first(api: Any, held: Callable[..., str]) -> None:
    made = [held() for _ in range(7)]
    seen: list[str] = []
    cursor = ""
    while len(seen) < 7:
        page = api.get(f"{BASE}?limit=3&kind=card&status=authorized&cursor={cursor}").json()
        assert page["object"] == "list" and len(page["data"]) == 3 and list(page["data"][0]) == FIELDS
        seen += [one["id"] for one in page["data"]]
        cursor = page["next_cursor"]
        assert page["has_more"] == (cursor is not None)
        if not page["has_more"]:
            break
    assert seen[:7] == made[::-1]
    others = api.get(f"{BASE}?kind=wallet").json()["data"]
    assert all(one["kind"] == "wallet" for one in others)
    assert len(api.get(f"{BASE}/").json()["data"]) <= 20


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=101", "limit=x", "status=nothing", "kind=cash", "cursor=x", "surprise=1"]
)
def test_queries_that_are_refused(api: Any, query: str) -> None:
    assert api.get(f"{BASE}?{query}").status_code == 422


def test_a_hold_ends_with_its_time_when_touched(own_api: Any) -> None:
    own_api.settings = {"CARD_HOLD_S": "1", "CARD_FEE_BPS": "250"}
    own_api.start()

    def post(path: str, body: Any) -> httpx.Response:
        return own_api.post(body, uuid4().hex, BASE + path)

    opened = {"amount": 1000, "currency": "USD"}
    looked, late, rest = (post("/authorize", opened).json()["id"] for _ in range(3))
    assert post(f"/{rest}/capture", {"amount": 400}).json()["fee_amount"] == 10
    with_time_over = "SELECT count(*) FROM core.card_payment WHERE expires_at <= clock_timestamp()"
    while own_api.query(with_time_over) != [(3,)]:
        pass
    assert own_api.get(f"{BASE}/{looked}").json()["status"] == "expired"
    refused = post(f"/{late}/capture", {})
    assert (refused.status_code, refused.json()["current_status"]) == (409, "expired")
    assert own_api.get(f"{BASE}/{late}").json()["status"] == "expired"
    assert post(f"/{rest}/capture", {}).json()["remaining"] == 0
    assert post(f"/{rest}/settle", {}).json()["status"] == "settled"
    steps = [one["step"] for one in own_api.get(f"{BASE}/{rest}/ledger").json()["transactions"]]
    assert steps == ["authorize", "capture-1", "expire", "settle"]
    assert own_api.get("/api/v1/ledger/integrity").json()["ok"]


def test_a_program_sees_only_its_own_payments(guarded_api: Any, token: Any) -> None:
    def bearer(client: str, roles: list[str]) -> dict[str, str]:
        return {"Authorization": f"Bearer {token(roles, sub=client)}"}

    mine, theirs = bearer("shop-a", ["service"]), bearer("shop-b", ["service"])
    body = {"amount": 1, "currency": "USD"}
    made = guarded_api.post(body, uuid4().hex, f"{BASE}/authorize", **mine)
    assert made.status_code == 201
    id = made.json()["id"]
    assert guarded_api.get(f"{BASE}/{id}", **mine).status_code == 200
    assert guarded_api.get(f"{BASE}/{id}", **theirs).status_code == 404
    assert guarded_api.get(f"{BASE}/{id}/ledger", **theirs).status_code == 404
    assert guarded_api.post({}, uuid4().hex, f"{BASE}/{id}/capture", **theirs).status_code == 404
    assert guarded_api.post({}, None, f"{BASE}/{id}/capture?preview=true", **theirs).status_code == 404
    assert guarded_api.get(BASE, **theirs).json()["data"] == []
    assert (
        guarded_api.post({}, uuid4().hex, f"{BASE}/{id}/capture", **bearer("x", ["viewer"])).status_code
        == 403
    )
    assert guarded_api.post({}, uuid4().hex, f"{BASE}/{id}/capture").status_code == 401
    assert (
        guarded_api.post({}, uuid4().hex, f"{BASE}/{id}/void", **bearer("boss", ["operator"])).status_code
        == 200
    )


def test_the_hand_written_json_is_the_models(api: Any, ask: Ask, held: Callable[..., str]) -> None:
    from payments_schema.wire.cards import CardLedger, CardPaymentView, Preview
    from payments_schema.wire.listing import PaymentList

    id = held(metadata={"a": None, "b": True, "c": "d"})
    text = api.get(f"{BASE}/{id}").text
    assert CardPaymentView.model_validate_json(text).model_dump_json() == text
    text = api.get(f"{BASE}?limit=2").text
    assert PaymentList.model_validate_json(text).model_dump_json() == text
    text = api.post({}, None, f"{BASE}/{id}/capture?preview=true").text
    assert Preview.model_validate_json(text).model_dump_json() == text
    CardLedger.model_validate_json(api.get(f"{BASE}/{id}/ledger").text)
