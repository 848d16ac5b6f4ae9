"""Sign-in at an OpenID provider in a real browser: code flow, roles from a claim, two people, the way out.

The provider is a real one for tests (oidc-provider-mock): discovery, registration, signed tokens. It stands
on another site than the pages, as providers do.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from json import dumps
from time import time

import httpx
import jwt
import pytest
from e2e.guarded import SECRET, ask_for_a_refund, decide, guarded
from e2e.stack import Program, Stack, free_port
from e2e.steps import captured, go, pay
from playwright.sync_api import Browser, Page, expect
from streamlit.web.server.starlette.starlette_app_utils import create_signed_value

from payments_ui import openid
from payments_ui.settings import Settings

PEOPLE = {"ama": ["operator"], "kofi": ["approver", "viewer"], "eve": ["service", "admin"]}
EXPORT = "/export/payments.csv"


@dataclass(frozen=True)
class Desk:
    """The pages, where people sign in at a provider, and the API behind them."""

    url: str
    api_url: str
    issuer: str

    def cookie(self, secret: str = SECRET, **changed: object) -> dict[str, str]:
        """The cookie that Streamlit would write of what the provider says, but for what is changed."""
        told = {"iss": self.issuer, "iat": int(time()), "sub": "ama", "roles": ["operator"]}
        kept = told | {"origin": self.url, "is_logged_in": True, "provider": "default"} | changed
        key = openid.cookie_secret(Settings.model_validate({"jwt_secret": secret}))
        return {"_streamlit_user": create_signed_value(key, "_streamlit_user", dumps(kept)).decode()}


@pytest.fixture(scope="module")
def desk(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    logs, port, ui_port = tmp_path_factory.mktemp("openid"), free_port(), free_port()
    issuer, url = f"http://127.0.0.1:{port}", f"http://localhost:{ui_port}"
    provider = Program(
        "oidc-provider-mock",
        {},
        f"{issuer}/.well-known/openid-configuration",
        logs / "provider.log",
        *("--port", str(port), "--require-registration", "true"),
    )
    try:
        provider.start()
        provider.await_ready()
        for name, roles in PEOPLE.items():
            httpx.put(f"{issuer}/users/{name}", json={"roles": roles}).raise_for_status()
        ours = httpx.post(
            f"{issuer}/oauth2/clients", json={"redirect_uris": [f"{url}/oauth2callback"]}
        ).json()
        secret = logs / "client-secret"
        secret.touch(0o600)
        secret.write_text(ours["client_secret"])
        settings = {
            "UI_SIGN_IN": "oidc",
            "OIDC_ISSUER": issuer,
            "OIDC_CLIENT_ID": ours["client_id"],
            "OIDC_CLIENT_SECRET_FILE": str(secret),
        }
        with guarded(stack, logs, ui_port, **settings) as api_url:
            pay(stack, "ACC-SEEN")
            yield Desk(url, api_url, issuer)
    finally:
        provider.stop()


def a_page(browser: Browser, desk: Desk) -> Page:
    context = browser.new_context(base_url=desk.url, viewport={"width": 1280, "height": 860})
    context.set_default_timeout(90_000)
    return context.new_page()


def sign_in(page: Page, name: str) -> None:
    go(page, "/overview")
    page.get_by_role("button", name="Sign in").click()
    page.get_by_placeholder("sub").fill(name)
    page.get_by_role("button", name="Authorize").click()
    expect(page.get_by_text(f"{name} · ")).to_be_visible()


def test_two_people_of_a_provider_refund_and_sign_out(browser: Browser, stack: Stack, desk: Desk) -> None:
    payment_id = captured(stack, "ACC-OPENID", 5_000)
    ama = a_page(browser, desk)
    sign_in(ama, "ama")
    expect(ama.get_by_text("ama · operator")).to_be_visible()
    ask_for_a_refund(ama, payment_id)
    decide(ama, "Approve")
    expect(ama.get_by_role("dialog").get_by_text("role does not permit")).to_be_visible()
    # What is no page knows her as well.
    exported = ama.request.get(f"{EXPORT}?account=ACC-OPENID")
    assert (exported.status, payment_id in exported.text()) == (200, True)

    kofi = a_page(browser, desk)
    sign_in(kofi, "kofi")
    expect(kofi.get_by_text("kofi · viewer, approver")).to_be_visible()
    decide(kofi, "Approve")
    expect(kofi.get_by_text("Nothing to decide")).to_be_visible()
    found = httpx.get(f"{stack.api_url}/api/v1/payments/{payment_id}").json()
    assert (found["status"], found["refunded_amount"]) == ("refunded", 5_000)
    [request] = [one for one in listed(desk)["data"] if one["subject"] == payment_id]
    assert (request["asked_by"], request["decided_by"]) == ("ama", "kofi")
    kofi.context.close()

    go(ama, "/overview")
    ama.get_by_role("button", name="Sign out").click()
    ama.get_by_role("button", name="End session").click()  # at the provider
    expect(ama.get_by_role("button", name="Sign in")).to_be_visible()
    assert ama.request.get(EXPORT).status == 403
    assert [one["name"] for one in ama.context.cookies() if one["name"].startswith("_streamlit_user")] == []
    ama.context.close()


def listed(desk: Desk) -> dict[str, list[dict[str, str]]]:
    """The approvals, as somebody who may look is told."""
    expires = datetime.now(UTC) + timedelta(minutes=1)
    claims = {"iss": "payments", "aud": "payments-api", "sub": "t", "exp": expires, "roles": ["viewer"]}
    headers = {"Authorization": f"Bearer {jwt.encode(claims, SECRET, algorithm='HS256')}"}
    return httpx.get(f"{desk.api_url}/api/v1/approvals", headers=headers).raise_for_status().json()


def test_whoever_has_no_role_here_sees_no_page(browser: Browser, desk: Desk) -> None:
    page = a_page(browser, desk)
    sign_in(page, "eve")
    expect(page.get_by_text("nobody gave you a role here")).to_be_visible()
    go(page, "/payments")
    expect(page.get_by_text("nobody gave you a role here")).to_be_visible()
    expect(page.locator(".pay-table")).to_have_count(0)
    assert page.request.get(EXPORT).status == 502  # the API refuses whoever has no role
    page.context.close()


def test_who_is_denied_at_the_provider_is_nobody_and_may_try_again(browser: Browser, desk: Desk) -> None:
    page = a_page(browser, desk)
    go(page, "/payments")
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("button", name="Deny").click()
    expect(page.get_by_role("button", name="Sign in")).to_be_visible()
    page.goto("/oauth2callback?code=made-up&state=made-up")
    expect(page.get_by_role("button", name="Sign in")).to_be_visible()
    page.context.close()


@pytest.mark.parametrize(
    ("changed", "status"),
    [
        ({}, 200),
        ({"secret": SECRET[::-1]}, 403),
        ({"iat": int(time()) - 13 * 3600}, 403),
        ({"iss": "https://login.example"}, 403),
        ({"is_logged_in": False}, 403),
        ({"sub": None}, 403),
        ({"origin": "https://pages.example"}, 403),
    ],
    ids=["real", "forged", "old", "foreign", "signed out", "nameless", "elsewhere"],
)
def test_a_cookie_that_the_sign_in_did_not_write_now_is_nobodys(
    desk: Desk, changed: dict[str, str], status: int
) -> None:
    cookie = desk.cookie(**changed)
    assert httpx.get(desk.url + EXPORT, cookies=cookie).status_code == status
    page = httpx.get(f"{desk.url}/payments", cookies=cookie).text
    assert ('<div id="first-look">' in page) is (status == 200)


def test_pages_ask_an_old_cookie_to_sign_in_again(browser: Browser, desk: Desk) -> None:
    page = a_page(browser, desk)
    for age_h, shown in ((0, "Sign out"), (13, "Sign in")):
        [(name, value)] = desk.cookie(iat=int(time()) - age_h * 3600).items()
        page.context.add_cookies([{"name": name, "value": value, "url": desk.url}])
        go(page, "/overview")
        expect(page.get_by_role("button", name=shown, exact=True)).to_be_visible()
    page.context.close()
