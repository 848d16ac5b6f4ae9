"""Four eyes in a real browser: Ama asks, Kofi agrees, and it is done once; each signs in as himself."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from e2e.stack import Program, Stack, free_port
from e2e.steps import DIALOG, barriers, captured, go
from playwright.sync_api import Browser, Page, expect

SECRET = "a-secret-of-tests-that-is-long-enough-0123456789"


@pytest.fixture
def guarded_url(stack: Stack, tmp_path: Path) -> Iterator[str]:
    """A second API and second pages on the same database: people sign in, and above 10 needs two of them."""
    api_port, ui_port = free_port(), free_port()
    api_url, ui_url = f"http://127.0.0.1:{api_port}", f"http://127.0.0.1:{ui_port}"
    api = Program(
        "payments-api",
        {
            "DATABASE_URL": stack.database_url,
            "PORT": str(api_port),
            "AUTH_MODE": "jwt",
            "JWT_SECRET": SECRET,
            "AIRTELTIGO_SHARED_KEY": "a-key-of-tests",
            "APPROVAL_LIMIT": "10",
        },
        f"{api_url}/health",
        tmp_path / "api.log",
    )
    ui = Program(
        "payments-ui",
        {
            "PORT": str(ui_port),
            "PAYMENTS_API_URL": api_url,
            "UI_SIGN_IN": "development",
            "JWT_SECRET": SECRET,
            "UI_REFRESH_S": "1",
        },
        f"{ui_url}/_stcore/health",
        tmp_path / "ui.log",
    )
    try:
        for program in (api, ui):
            program.start()
        for program in (api, ui):
            program.await_ready()
        yield ui_url
    finally:
        ui.stop()
        api.stop()


def signed_in(browser: Browser, url: str, name: str, role: str) -> Page:
    context = browser.new_context(base_url=url, viewport={"width": 1280, "height": 860})
    context.set_default_timeout(90_000)
    page = context.new_page()
    page.goto("/sign-in")
    page.get_by_label("Name").fill(name)
    for box in page.get_by_role("checkbox").all():
        box.set_checked(box.get_attribute("value") == role)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_text(f"{name} · {role}")).to_be_visible()
    return page


def test_a_refund_above_the_limit_takes_two_people(browser: Browser, stack: Stack, guarded_url: str) -> None:
    payment_id = captured(stack, "ACC-EYES", 5_000)
    stranger = browser.new_context(base_url=guarded_url).new_page()
    go(stranger, f"/payment?id={payment_id}")
    expect(stranger.get_by_role("link", name="Sign in")).to_be_visible()
    expect(stranger.get_by_text(payment_id)).to_have_count(0)
    stranger.context.close()

    ama = signed_in(browser, guarded_url, "Ama", "operator")
    go(ama, f"/payment?id={payment_id}")
    ama.get_by_role("button", name="Refund", exact=True).click()
    dialog = ama.get_by_role("dialog")
    dialog.get_by_role("button", name="Refund 50.00").click()
    expect(dialog.get_by_text("needs a second person")).to_be_visible()
    dialog.get_by_role("textbox", name="Reason").fill("goods came back")
    dialog.get_by_role("textbox", name="Reason").press("Tab")
    assert barriers(ama, DIALOG) == []
    dialog.get_by_role("button", name="Ask a second person").click()
    expect(dialog.get_by_text("Asked", exact=True)).to_be_visible()

    decide(ama, "Approve")  # an operator is no approver, and nobody agrees with himself
    expect(ama.get_by_role("dialog").get_by_text("role does not permit")).to_be_visible()
    ama.context.close()

    kofi = signed_in(browser, guarded_url, "Kofi", "approver")
    decide(kofi, "Approve")
    expect(kofi.get_by_text("Nothing to decide")).to_be_visible()
    kofi.context.close()
    found = httpx.get(f"{stack.api_url}/api/v1/payments/{payment_id}").json()
    assert (found["status"], found["refunded_amount"]) == ("refunded", 5_000)


def decide(page: Page, word: str) -> None:
    go(page, "/approvals?state=waiting")
    page.get_by_role("button", name=word, exact=True).click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_text("goods came back")).to_be_visible()
    dialog.get_by_role("textbox", name="Reason").fill("seen the goods")
    dialog.get_by_role("textbox", name="Reason").press("Tab")
    dialog.get_by_role("button", name=f"{word} now").click()
