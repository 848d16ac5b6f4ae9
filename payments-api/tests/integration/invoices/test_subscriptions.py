"""Subscriptions over HTTP: made, shown without their secret, rotated, paused, replayed, forgotten."""

from __future__ import annotations

from typing import Any

import pytest

PATH = "/api/v1/webhooks/subscriptions"


def test_a_subscription_from_start_to_end(api: Any) -> None:
    made = api.post({"url": "https://example.org/hook", "types": ["invoice.*"]}, path=PATH)
    assert made.status_code == 201, made.text
    one = f"{PATH}/{made.json()['id']}"
    assert made.json()["secret"].startswith("whsec_")
    assert api.get(one).json()["secret"] is None
    assert api.post({}, path=f"{one}/rotate").json()["secret"] != made.json()["secret"]
    assert api.post({}, path=f"{one}/disable").json()["status"] == "disabled"
    assert api.post({}, path=f"{one}/enable").json()["status"] == "enabled"
    assert api.get(f"{one}/deliveries").json()["data"] == []
    assert api.post({}, path=f"{one}/deliveries/replay").json() == {"count": 0}
    import httpx

    assert httpx.delete(api.url + one).status_code == 204
    assert api.get(one).status_code == 404


@pytest.mark.parametrize(
    "url", ["ftp://x.org/", "https://a:b@x.org/", "http://", "http://[::1", "javascript:1"]
)
def test_bad_addresses_are_refused(api: Any, url: str) -> None:
    assert api.post({"url": url}, path=PATH).status_code == 422
