"""What a page shows before its scripts run: inside of the page, for whoever may see it, or not at all."""

import asyncio
import hashlib
import re
import socket
from base64 import b64encode
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC
from functools import partial
from zoneinfo import ZoneInfo

import pytest
from pages_over_http import get
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request

from payments_ui import first_look, frontend, server, state
from payments_ui.fake_api_client import FakeApiClient, a_payment
from payments_ui.pages import payment, payments
from payments_ui.settings import Settings


def a_request(**address: str) -> Request:
    query = "&".join(f"{name}={value}" for name, value in address.items()).encode()
    return Request({"type": "http", "headers": [], "query_string": query})


@pytest.fixture
def silent() -> Iterator[str]:
    """The address of an API that takes a connection and never answers."""
    with closing(socket.create_server(("127.0.0.1", 0))) as listening:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"


@pytest.fixture
def absent() -> str:
    """The address of an API that is not there."""
    with closing(socket.create_server(("127.0.0.1", 0))) as listening:
        port = listening.getsockname()[1]
    return f"http://127.0.0.1:{port}"


async def _drawn(words: str, _request: Request) -> str:
    return words


def test_the_look_follows_the_root_and_is_kept_by_nobody() -> None:
    pages = frontend.indexes(is_server_known=True)
    looks = {"/payments": partial(_drawn, "<p>rows</p>")}
    app = Starlette(middleware=[Middleware(frontend.Frontend, pages=pages, looks=looks)])
    page = get(app, "/payments")
    assert page.text == pages["/payments"].replace(
        '<div id="root"></div>', '<div id="root"></div><p>rows</p>'
    )
    assert page.headers["cache-control"] == "no-store"
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert get(app, "/overview").text == pages["/overview"]


@pytest.mark.parametrize("api", ["silent", "absent"])
def test_without_an_answer_the_page_comes_without_a_look(api: str, request: pytest.FixtureRequest) -> None:
    looks = first_look.looks(Settings.model_validate({"payments_api_url": request.getfixturevalue(api)}))
    assert asyncio.run(looks["/payments"](a_request())) == ""


def test_the_page_comes_also_where_the_look_stumbles(
    silent: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def stumble(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(payments, "first_look", stumble)
    looks = first_look.looks(Settings.model_validate({"payments_api_url": silent}))
    assert asyncio.run(looks["/payments"](a_request())) == ""
    assert "no first look of payments" in caplog.text


def test_nobody_is_shown_nothing(silent: str) -> None:
    settings = Settings.model_validate(
        {"payments_api_url": silent, "ui_sign_in": "development", "jwt_secret": "x" * 40}
    )
    for look in first_look.looks(settings).values():
        assert asyncio.run(look(a_request(id="one"))) == ""


def test_what_people_wrote_stays_text_and_an_empty_list_has_no_look() -> None:
    api = FakeApiClient([a_payment(account_id="ACC-1", description="<script>alert(1)</script>")])
    shown = payments.first_look(api, {}, UTC)
    assert shown is not None
    assert "&lt;script&gt;" in shown
    assert "<script" not in shown
    assert payments.first_look(api, {"account": "ACC-2"}, UTC) is None
    assert payments.first_look(api, {"since": "2020-01-01"}, UTC) is None  # whose days, is not known yet
    assert payments.first_look(api, {"since": "2020-01-01"}, ZoneInfo("UTC")) is not None
    assert payment.first_look(api, {}, UTC) is None
    one = payment.first_look(api, {"id": str(api.payments[0].id)}, UTC)
    assert one is not None
    assert "pay-big" in one


def test_the_policy_names_the_script_that_takes_the_look_away() -> None:
    app = server.build_app(Settings())
    policy = get(app, f"/{state.PAYMENTS_PATH}").headers["content-security-policy"]
    digest = b64encode(hashlib.sha256(first_look.SCRIPT.encode()).digest()).decode()
    assert f"'sha256-{digest}'" in policy
    assert not re.search(r"</script", first_look.SCRIPT)
