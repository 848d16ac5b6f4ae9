"""What operators of wallets do over HTTP: rules with dry runs, risk lists, providers, statements, reviews."""

from __future__ import annotations

import json
from typing import Any
from uuid import uuid4

import httpx
import psycopg
import pytest

BASE = "/api/v1/wallets"
STRICT = {"rules": [{"kind": "large", "name": "anything", "over_minor": 1, "outcome": "block"}]}


def send(api: Any, path: str, body: Any) -> httpx.Response:
    return api.post(body, None, f"{BASE}{path}")


def raw(api: Any, path: str, content: str | bytes, kind: str) -> httpx.Response:
    return httpx.post(f"{api.url}{BASE}{path}", content=content, headers={"Content-Type": kind}, timeout=30)


def write(api: Any, statement: str, *values: Any) -> None:
    with psycopg.connect(api.database_url) as conn:
        conn.execute(statement, values)  # type: ignore[arg-type]


def initiate(api: Any, phone: str) -> str:
    body = {"amount": "25.00", "recipient_phone": phone, "recipient_name": "Ama"}
    return api.post(body, str(uuid4()), "/api/v1/payments/initiate").json()["id"]


def paid(api: Any, phone: str, fee_minor: int = 19) -> str:
    """A payment that MTN has carried out; returns its reference."""
    id, reference = initiate(api, phone), str(uuid4())
    write(api, "UPDATE core.wallet_payment SET status = 'CONFIRMED', provider = 'mtn' WHERE id = %s", id)
    write(
        api,
        "INSERT INTO core.wallet_attempt (payment_id, purpose, number, provider, reference, state, fee_minor,"
        " sends, inquiries, created_at, resolved_at)"
        " VALUES (%s, 'payment', 1, 'mtn', %s, 'succeeded', %s, 1, 1, now(), now())",
        id,
        reference,
        fee_minor,
    )
    return reference


def test_rules_are_versions_and_what_is_not_given_stays(api: Any) -> None:
    first = api.get(f"{BASE}/rules").json()
    assert first["risk"]["rules"]
    assert first["routing"]["worth_bps"] == 300
    weighed = send(api, "/rules", {"routing": {"worth_bps": 500}}).json()
    assert weighed["version"] > first["version"]
    judged = send(api, "/rules", {"risk": STRICT}).json()
    assert judged["routing"]["worth_bps"] == 500
    assert [rule["name"] for rule in judged["risk"]["rules"]] == ["anything"]
    assert judged["history"][0]["version"] == judged["version"]
    assert judged["history"][1]["risk"] == first["history"][0]["risk"] if first["history"] else True


def test_rules_of_another_release_are_shown_as_unreadable_and_replaced(api: Any) -> None:
    stored = '{"rules": [{"kind": "psychic", "name": "x"}]}'
    write(api, "INSERT INTO core.wallet_rules (risk, routing, set_by) VALUES (%s, NULL, 'later')", stored)
    shown = api.get(f"{BASE}/rules").json()
    assert shown["unreadable"].keys() == {"risk"}
    assert shown["history"][0]["unreadable"] == shown["unreadable"]
    weighed = send(api, "/rules", {"routing": {"worth_bps": 500}}).json()
    assert weighed["unreadable"].keys() == {"risk"}  # what is not given stays
    mended = send(api, "/rules", {"risk": STRICT}).json()
    assert (mended["unreadable"], mended["routing"]["worth_bps"]) == ({}, 500)


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"risk": {"rules": [{"kind": "psychic", "name": "x"}]}},
        {"risk": {"rules": [{"kind": "large", "name": "x", "over_minor": -1}]}},
        {"routing": {"worth_bps": "much"}},
        {"routing": {"prior_failures": 0}},
        {"surplus": 1},
    ],
)
def test_rules_that_make_no_sense_are_422_and_change_nothing(api: Any, wrong: dict[str, Any]) -> None:
    before = api.get(f"{BASE}/rules").json()["version"]
    assert send(api, "/rules", wrong).status_code == 422
    assert api.get(f"{BASE}/rules").json()["version"] == before


def test_a_dry_run_judges_the_past_and_changes_nothing(api: Any) -> None:
    id = initiate(api, "0244000001")
    before = api.get(f"{BASE}/rules").json()["version"]
    found = send(api, "/rules/dry-run", {"risk": STRICT, "days": 1})
    assert found.status_code == 200, found.text
    assert found.json()["outcomes"]["block"] == found.json()["judged"] >= 1
    assert found.json()["reasons"]["anything"] >= 1
    routed = send(api, "/rules/dry-run", {"routing": {"second_costs_minor": 0}})
    assert routed.status_code == 200, routed.text
    assert api.get(f"{BASE}/rules").json()["version"] == before
    assert api.get(f"/api/v1/payments/{id}/status").json()["status"] == "INITIATED"
    both = {"risk": STRICT, "routing": {}}
    assert send(api, "/rules/dry-run", both).status_code == 422


def test_the_lists_mask_numbers_and_keep_every_change(api: Any) -> None:
    blocked = {"phone": "024 400 0002", "verdict": "block", "reason": "stolen"}
    put = send(api, "/risk-list", blocked)
    assert (put.status_code, put.json()["subject"]) == (200, "+23324***0002")
    assert send(api, "/risk-list", blocked | {"verdict": "review"}).json()["verdict"] == "review"
    payer = {"payer": "shop/u1", "verdict": "allow", "reason": "known"}
    assert send(api, "/risk-list", payer).json()["subject"] == "shop/u1"
    shown = api.get(f"{BASE}/risk-list?verdict=review").json()
    assert "+23324***0002" in [entry["subject"] for entry in shown]
    assert send(api, "/risk-list/remove", {"phone": "0244000002", "reason": "found"}).status_code == 204
    assert send(api, "/risk-list/remove", {"phone": "0244000002", "reason": "again"}).status_code == 404
    kept = api.query(
        "SELECT verdict, reason FROM core.wallet_risk_list_change WHERE subject = '+233244000002' ORDER BY id"
    )
    assert kept == [("block", "stolen"), ("review", "stolen"), (None, "found")]


@pytest.mark.parametrize(
    "wrong",
    [
        {"verdict": "block", "reason": "x"},
        {"phone": "0244000003", "payer": "shop", "verdict": "block", "reason": "x"},
        {"phone": "12", "verdict": "block", "reason": "x"},
        {"payer": "shop", "verdict": "maybe", "reason": "x"},
        {"payer": "shop", "verdict": "block", "reason": " "},
    ],
)
def test_entries_that_name_nobody_are_422(api: Any, wrong: dict[str, Any]) -> None:
    assert send(api, "/risk-list", wrong).status_code == 422


def test_providers_say_how_they_are_and_why(own_api: Any) -> None:
    own_api.start()
    shown = own_api.get(f"{BASE}/providers").json()
    assert [(one["provider"], one["health"]) for one in shown] == [
        ("mtn", "unknown"),
        ("telecel", "unknown"),
        ("airteltigo", "unknown"),
    ]
    paid(own_api, "0244000004")
    write(
        own_api,
        "INSERT INTO core.wallet_provider (provider, currency, balance_minor, checked_at) VALUES"
        " ('mtn', 'GHS', 123456, now()), ('telecel', 'GHS', 0, now())",
    )
    write(
        own_api,
        "INSERT INTO core.wallet_provider_health (provider, breaker, noted_by, noted_at) VALUES"
        " ('mtn', 'closed', 'w', now()), ('telecel', 'closed', 'w', now()),"
        " ('airteltigo', 'open', 'w', now())",
    )
    mtn, telecel, airteltigo = own_api.get(f"{BASE}/providers").json()
    assert (mtn["health"], mtn["reasons"], mtn["balance"]) == ("up", [], "1234.56")
    assert (mtn["success_rate"], mtn["successes"]) == ("1.0000", 1)
    assert (telecel["health"], telecel["reasons"]) == ("degraded", ["our float with it is used up"])
    assert airteltigo["health"] == "down"


def line(reference: str, amount: str, **more: Any) -> dict[str, Any]:
    id = f"st-{uuid4()}"
    return {"provider_id": id, "reference": reference, "amount": amount, "at": "2026-11-20T10:00:00Z", **more}


def test_a_statement_is_matched_and_an_operator_books_what_differs(own_api: Any) -> None:
    api = own_api
    api.start()
    exact, dearer = paid(api, "0244000005"), paid(api, "0244000006")
    lines = [
        line(exact, "-25.00", fee="0.19"),
        line(dearer, "-25.00", fee="0.25"),
        line("nobody", "7.00", at="2026-01-01T00:00:00Z"),
    ]
    taken = send(api, "/statements/mtn", {"lines": lines})
    assert taken.status_code == 200, taken.text
    told = taken.json()
    assert (told["fresh"], told["repeated"], told["matched"], told["proposed"]) == (3, 0, 1, 2)
    again = send(api, "/statements/mtn", {"lines": lines}).json()
    assert (again["fresh"], again["repeated"], again["matched"], again["proposed"]) == (0, 3, 0, 0)
    open_ = {(one["side"], one["days"]): one["sum"] for one in api.get(f"{BASE}/ageing").json()}
    assert open_[("stated", "30+")] == "7.00"
    for match in api.get(f"{BASE}/matches?state=proposed").json():
        decided = api.post({"decision": "confirm"}, str(uuid4()), f"{BASE}/matches/{match['id']}/decide")
        assert decided.status_code == 200, decided.text
    assert api.get(f"{BASE}/matches?state=proposed").json() == []
    balances = api.query(
        "SELECT a.code, (b.posted_dr - b.posted_cr)::bigint FROM ledger.account AS a"
        " JOIN ledger.balance AS b ON b.account_id = a.id WHERE a.owner_kind = 'platform'"
        " AND a.currency = 'GHS' AND a.code IN ('provider_float_mtn', 'provider_fees', 'wallet_suspense')"
    )
    assert dict(balances) == {"provider_float_mtn": 694, "provider_fees": 6, "wallet_suspense": -700}
    assert api.get("/api/v1/ledger/integrity").json()["ok"]
    states = {one["state"] for one in api.get(f"{BASE}/statements?provider=mtn").json()}
    assert states == {"matched"}


def test_what_was_rejected_is_not_proposed_again(own_api: Any) -> None:
    api = own_api
    api.start()
    dearer = line(paid(api, "0244000007"), "-25.00", fee="0.50")
    assert send(api, "/statements/mtn", {"lines": [dearer]}).json()["proposed"] == 1
    (match,) = api.get(f"{BASE}/matches?state=proposed").json()
    api.post({"decision": "reject"}, str(uuid4()), f"{BASE}/matches/{match['id']}/decide")
    assert send(api, "/statements/mtn", {"lines": [dearer]}).json()["proposed"] == 0
    assert [one["state"] for one in api.get(f"{BASE}/statements?state=open").json()] == ["open"]


def test_a_statement_as_csv(api: Any) -> None:
    reference, id = paid(api, "0244000008"), f"csv-{uuid4()}"
    sheet = (
        f"provider_id,reference,amount,fee,currency,at\r\n{id},{reference},-25.00,0.19,,2026-11-20T10:00Z\r\n"
    )
    taken = raw(api, "/statements/mtn", b"\xef\xbb\xbf" + sheet.encode(), "text/csv; charset=utf-8")
    assert (taken.status_code, taken.json()["matched"]) == (200, 1), taken.text
    other = sheet.replace("-25.00", "-26.00")
    refused = raw(api, "/statements/mtn", other, "text/csv")
    assert (refused.status_code, refused.json()["code"]) == (422, "statement_contradicts")
    assert refused.json()["lines"] == [id]


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ("", "text/csv"),
        ("a,b\n1,2\n", "text/csv"),
        ("provider_id,amount,at,amount\nx,1.00,2026-11-20T10:00Z,1.00\n", "text/csv"),
        ("provider_id,amount,at\nx,1.00,2026-11-20T10:00Z,surplus\n", "text/csv"),
        ("provider_id,amount,at\nx,1.00,yesterday\n", "text/csv"),
        ('provider_id,amount,at\n"x,1.00,2026-11-20T10:00Z\n', "text/csv"),
        ("provider_id,amount,at\nx,1.001,2026-11-20T10:00Z\n", "text/csv"),
        ("provider_id,amount,at,fee\nx,1.00,2026-11-20T10:00Z,-1.00\n", "text/csv"),
        ("provider_id,amount,at\nx,1.00,2026-11-20T10:00Z\nx,2.00,2026-11-20T10:00Z\n", "text/csv"),
        (b"\xff\xfe", "text/csv"),
        ("provider_id,amount,at\nx\x00,1.00,2026-11-20T10:00Z\n", "text/csv"),
        ("{}", "application/json"),
        ("[]", "application/json"),
        (
            '{"lines": [{"provider_id": "x", "amount": 1e30, "at": "2026-11-20T10:00:00Z"}]}',
            "application/json",
        ),
        ('{"lines": [{"provider_id": "x", "amount": "1.00", "at": 5}]}', "application/json"),
        (json.dumps({"lines": [{}]}), "application/json"),
    ],
)
def test_statements_that_cannot_be_read_are_422_and_leave_nothing(
    api: Any, body: str | bytes, kind: str
) -> None:
    before = api.query("SELECT count(*) FROM core.wallet_statement_line")
    answer = raw(api, "/statements/telecel", body, kind)
    assert answer.status_code == 422, answer.text
    assert api.query("SELECT count(*) FROM core.wallet_statement_line") == before


def test_a_review_is_decided_once_with_its_reason(api: Any, key: str) -> None:
    id, other = initiate(api, "0244000009"), initiate(api, "0244000010")
    for one in (id, other):
        write(
            api,
            "UPDATE core.wallet_payment SET status = 'VALIDATING', review = 'required' WHERE id = %s",
            one,
        )
    waiting = [one["id"] for one in api.get(f"{BASE}?review=required").json()]
    assert {id, other} <= set(waiting)
    approved = api.post({"decision": "approve", "reason": "known"}, key, f"{BASE}/{id}/review")
    assert (approved.json()["status"], approved.json()["review"]) == ("PENDING", "approved")
    again = api.post({"decision": "reject", "reason": "late"}, str(uuid4()), f"{BASE}/{id}/review")
    assert again.status_code == 409
    rejected = api.post({"decision": "reject", "reason": "odd"}, str(uuid4()), f"{BASE}/{other}/review")
    assert (rejected.json()["status"], rejected.json()["failure_code"]) == ("FAILED", "risk_rejected")
    trail = api.get(f"/api/v1/payments/{other}/status").json()["transitions"]
    assert (trail[-1]["reason"], trail[-1]["actor"].partition(" ")[0]) == ("odd", "operator")
