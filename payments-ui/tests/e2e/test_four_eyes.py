"""Four eyes in a real browser: Ama asks, Kofi agrees, and it is done once; each signs in as himself."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from e2e.guarded import ask_for_a_refund, decide, guarded
from e2e.stack import Stack, free_port
from e2e.steps import captured, go
from playwright.sync_api import Browser, Page, expect


@pytest.fixture
def guarded_url(stack: Stack, tmp_path: Path) -> Iterator[str]:
    """Pages on loopback that believe everybody."""
    port = free_port()
    with guarded(stack, tmp_path, port, UI_SIGN_IN="development"):
        yield f"http://127.0.0.1:{port}"


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
    assert payment_id not in stranger.request.get(f"/payment?id={payment_id}").text()
    stranger.context.close()

    ama = signed_in(browser, guarded_url, "Ama", "operator")
    assert payment_id in ama.request.get(f"/payment?id={payment_id}").text()
    ask_for_a_refund(ama, payment_id)
    decide(ama, "Approve")  # an operator is no approver, and nobody agrees with himself
    expect(ama.get_by_role("dialog").get_by_text("role does not permit")).to_be_visible()
    ama.context.close()

    kofi = signed_in(browser, guarded_url, "Kofi", "approver")
    decide(kofi, "Approve")
    expect(kofi.get_by_text("Nothing to decide")).to_be_visible()
    kofi.context.close()
    found = httpx.get(f"{stack.api_url}/api/v1/payments/{payment_id}").json()
    assert (found["status"], found["refunded_amount"]) == ("refunded", 5_000)
