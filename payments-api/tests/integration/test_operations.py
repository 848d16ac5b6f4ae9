"""Jobs, events, ledger, health, metrics, documentation."""

from __future__ import annotations

import re
import time
from typing import Any
from uuid import uuid4

import httpx
import psycopg
import pytest
from payments_schema.ids import sequence_id


def bury(api: Any) -> str:
    """A payment whose message was given up."""
    payment = api.post({"accountId": "A", "amount": 1}, str(uuid4())).json()
    with psycopg.connect(api.database_url) as conn:
        row = conn.execute(
            "UPDATE dramatiq.queue SET state = 'rejected', error = 'poison' WHERE message_id = "
            "(SELECT message_id FROM core.recon_job WHERE payment_id = %s) RETURNING message_id",
            [payment["id"]],
        ).fetchone()
    assert row is not None
    return str(row[0])


def test_dead_jobs_are_listed_retried_and_discarded(api: Any) -> None:
    first, second = bury(api), bury(api)
    dead = {job["id"]: job for job in api.get("/api/v1/jobs?status=dead").json()["data"]}
    assert {first, second} <= dead.keys()
    assert dead[first]["error"] == "poison"
    retried = api.post({}, path=f"/api/v1/jobs/{first}/retry")
    assert (retried.status_code, retried.json()["status"]) == (200, "queued")
    again = api.post({}, path=f"/api/v1/jobs/{first}/retry")
    assert again.status_code == 409
    assert again.json()["code"] == "invalid_state_transition"
    assert again.json()["current_status"] == "queued"
    assert api.post({}, path=f"/api/v1/jobs/{second}/discard").status_code == 200
    assert api.post({}, path=f"/api/v1/jobs/{second}/discard").status_code == 404


@pytest.mark.parametrize("job", ["x", "%00", "0190c5a2-0000-7000-8000-000000000000"])
def test_a_job_that_is_not_there_is_404(api: Any, job: str) -> None:
    assert api.post({}, path=f"/api/v1/jobs/{job}/retry").status_code == 404
    assert api.post({}, path=f"/api/v1/jobs/{job}/discard").status_code == 404


def test_jobs_page(api: Any) -> None:
    for _ in range(3):
        api.post({"accountId": "A", "amount": 1}, str(uuid4()))
    page = api.get("/api/v1/jobs?limit=2&queue=reconciliation&status=queued").json()
    assert (page["object"], len(page["data"]), page["has_more"]) == ("list", 2, True)
    following = api.get(f"/api/v1/jobs?limit=2&cursor={page['next_cursor']}").json()
    assert not {job["id"] for job in page["data"]} & {job["id"] for job in following["data"]}
    assert api.get("/api/v1/jobs?status=lost").status_code == 422


def events_of(api: Any, subject: str) -> list[dict[str, Any]]:
    """Its events once they may be listed: not before older transactions on the server, of any test, ended."""
    deadline = time.monotonic() + 60
    while not (found := api.get(f"/api/v1/events?subject={subject}").json()["data"]):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return found


def test_events_filter_by_subject_type_and_time(api: Any, key: str) -> None:
    payment = api.post({"accountId": "A", "amount": 1}, key).json()
    (event,) = events_of(api, payment["id"])
    assert event["type"] == "payment.created"
    assert event["id"].startswith("evt_")
    wanted = f"/api/v1/events?subject={payment['id']}&"
    assert api.get(wanted + "type=payment.failed").json()["data"] == []
    at = event["recorded_at"]
    assert len(api.get(wanted + f"since={at}").json()["data"]) == 1
    assert api.get(wanted + f"until={at}").json()["data"] == []
    assert api.get(wanted + f"cursor={event['id']}").json()["data"] == []
    assert api.get("/api/v1/events?since=yesterday").status_code == 422
    assert api.get("/api/v1/events?cursor=evt_x").status_code == 422


def test_a_follower_sees_every_event_once(api: Any) -> None:
    made = [api.post({"accountId": "A", "amount": 1}, str(uuid4())).json() for _ in range(3)]
    events_of(api, made[-1]["id"])
    seen: list[str] = []
    cursor = ""
    while True:
        page = api.get(f"/api/v1/events?limit=400&cursor={cursor}").json()
        seen += [event["id"] for event in page["data"]]
        if not page["has_more"]:
            break
        cursor = page["next_cursor"]
    # by (transaction, id), which is not the order of the ids where two transactions overlap
    with psycopg.connect(api.database_url) as conn:
        recorded = conn.execute("SELECT id FROM core.event ORDER BY transaction, id").fetchall()
    assert seen == [sequence_id("evt", number) for (number,) in recorded[: len(seen)]]
    assert {event["id"] for one in made for event in events_of(api, one["id"])} <= set(seen)


def test_the_ledger_adds_up(api: Any) -> None:
    integrity = api.get("/api/v1/ledger/integrity").json()
    assert [check for check in integrity["checks"] if not check["ok"] or check["offenders"]] == []
    assert integrity["ok"] is True


def test_health(api: Any) -> None:
    assert api.get("/health").json() == {"status": "ok"}
    for path in ("", "/live", "/ready", "/detailed"):
        assert api.get(f"/api/v1/health{path}").status_code == 200
    detailed = api.get("/api/v1/health/detailed").json()
    assert detailed["components"]["database"]["status"] == "ok"
    assert detailed["components"]["queue"]["facts"]["workers"] == 0


def test_metrics_name_routes_by_their_template(api: Any) -> None:
    api.get(f"/payments/{uuid4()}")
    text = api.get("/metrics").text
    assert 'route="/payments/{payment_id}",status="404"' in text
    assert "payments_database_up 1.0" in text
    assert "payments_queue_messages" in text


@pytest.mark.parametrize("page", ["/docs", "/redoc", "/scalar"])
def test_pages_load_nothing_from_elsewhere(api: Any, page: str) -> None:
    answer = api.get(page)
    assert answer.status_code == 200
    addresses = re.findall(r"""(?:src|href)=["']([^"']+)""", answer.text)
    assert all(address.startswith(("/", "data:")) for address in addresses), addresses
    assert "https://" not in answer.text
    assert "connect-src 'self'" in answer.headers["content-security-policy"]
    for address in addresses:
        if address.startswith("/"):
            asset = api.get(address)
            assert asset.status_code == 200
            assert len(asset.content) > 100_000


def test_an_asset_is_unpacked_for_who_cannot(api: Any) -> None:
    plain = httpx.get(api.url + "/docs/assets/swagger-ui.css", headers={"Accept-Encoding": "identity"})
    assert "content-encoding" not in plain.headers
    assert plain.text == api.get("/docs/assets/swagger-ui.css").text
    assert api.get("/docs/assets/..%2Fapp.py").status_code == 404


def test_the_document_names_problems_roles_and_bearer(api: Any) -> None:
    document = api.get("/openapi.json").json()
    create = document["paths"]["/payments"]["post"]
    assert {"200", "201", "400", "401", "403", "409", "413", "422", "429", "503"} <= create[
        "responses"
    ].keys()
    assert "application/problem+json" in create["responses"]["422"]["content"]
    assert create["x-roles"] == ["approver", "operator", "service"]
    assert document["components"]["securitySchemes"]["bearer"]["scheme"] == "bearer"
    assert "HTTPValidationError" not in document["components"]["schemas"]
