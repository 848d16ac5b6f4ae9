"""Tokens, roles and rates over HTTP."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest

OPEN = {"/health", "/api/v1/health", "/api/v1/health/live", "/api/v1/health/ready"}


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


@pytest.fixture
def routes(api: Any) -> list[tuple[str, str]]:
    paths = api.get("/openapi.json").json()["paths"]
    # Webhooks are signed instead; their own tests see to that.
    guarded = [path for path in paths if "/webhooks/" not in path]
    return [(method.upper(), re.sub("[{}]", "", path)) for path in guarded for method in paths[path]]


def test_every_route_but_health_wants_a_token(guarded_api: Any, routes: list[tuple[str, str]]) -> None:
    for method, path in routes:
        answer = httpx.request(method, guarded_api.url + path, content=b"{" if method == "POST" else None)
        assert (answer.status_code == 401) == (path not in OPEN), (method, path, answer.status_code)
        if path not in OPEN:
            assert answer.headers["www-authenticate"].startswith("Bearer")


def test_a_viewer_may_look_and_not_touch(guarded_api: Any, routes: list[tuple[str, str]], token: Any) -> None:
    headers = bearer(token("viewer"))
    for method, path in routes:
        if method == "POST":
            assert httpx.post(guarded_api.url + path, headers=headers).status_code == 403, path
    assert guarded_api.get("/payments", **headers).status_code == 200


def test_a_key_belongs_to_its_client(guarded_api: Any, token: Any, key: str) -> None:
    body = {"accountId": "A", "amount": 1}
    first = guarded_api.post(body, key, **bearer(token(client_id="a")))
    other = guarded_api.post(body | {"amount": 2}, key, **bearer(token(client_id="b")))
    assert (first.status_code, other.status_code) == (201, 201)
    assert first.json()["id"] != other.json()["id"]
    assert guarded_api.post(body, key, **bearer(token(client_id="a"))).status_code == 200


def test_a_service_sees_only_its_own(guarded_api: Any, token: Any) -> None:
    mine, theirs = bearer(token("service", client_id="mine")), bearer(token("service", client_id="theirs"))
    payment = guarded_api.post({"accountId": "A", "amount": 1}, str(uuid4()), **mine).json()
    assert guarded_api.get(f"/payments/{payment['id']}", **mine).status_code == 200
    hidden = guarded_api.get(f"/payments/{payment['id']}", **theirs)
    absent = guarded_api.get(f"/payments/{uuid4()}", **theirs)
    assert hidden.status_code == absent.status_code == 404
    assert hidden.json() == absent.json()
    assert payment["id"] not in guarded_api.get("/payments?limit=1000", **theirs).text
    assert payment["id"] in guarded_api.get("/payments?limit=1000", **mine).text
    assert guarded_api.get(f"/payments/{payment['id']}", **bearer(token("viewer"))).status_code == 200
    assert guarded_api.get("/accounts/A/balance", **mine).status_code == 403


def test_documentation_is_not_served_to_strangers(guarded_api: Any) -> None:
    assert [guarded_api.get(path).status_code for path in ("/docs", "/openapi.json", "/scalar")] == [404] * 3


def test_beyond_the_rate_is_429(own_api: Any, token: Any, key: str) -> None:
    own_api.settings = {
        "AUTH_MODE": "jwt",
        "JWT_SECRET": "a-secret-of-tests-that-is-long-enough-0123456789",
        "AIRTELTIGO_SHARED_KEY": "a-key-of-tests",
        "RATE_LIMIT_PER_S": "0.5",
        "RATE_LIMIT_BURST": "3",
    }
    own_api.start()
    headers = bearer(token("viewer"))
    answers = [own_api.get("/payments", **headers) for _ in range(5)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429, 429]
    assert answers[0].headers["RateLimit"] == '"client";r=2;t=2'
    assert answers[0].headers["RateLimit-Policy"] == '"client";q=3;w=6'
    assert 1 <= int(answers[3].headers["Retry-After"]) <= 2
    assert answers[3].json()["code"] == "rate_limited"
    strangers = [own_api.get("/payments").status_code for _ in range(5)]
    assert strangers == [401, 401, 401, 429, 429]
    assert own_api.get("/health").status_code == 200


def test_no_token_is_logged(guarded_api: Any, token: Any) -> None:
    made = token(sub="subject-that-nobody-should-read")
    guarded_api.get("/payments", **bearer(made))
    guarded_api.get("/payments", **bearer(made[:-2]))
    log = Path(guarded_api.log).read_text()
    assert made[:40] not in log
    assert "subject-that-nobody-should-read" not in log
