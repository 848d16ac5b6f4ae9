"""The flows of an operator, in a real browser against the real API, worker and database."""

import re
import socket

import httpx
import pytest
from e2e.stack import Stack
from e2e.steps import barriers, go, pay
from playwright.sync_api import Page, expect


def payments_of(stack: Stack, account: str) -> list[dict[str, str]]:
    return list(httpx.get(f"{stack.api_url}/payments", params={"accountId": account}).json())


def fill(page: Page, account: str, amount: str) -> None:
    form = page.get_by_test_id("stForm")
    form.get_by_label("Account").fill(account)
    form.get_by_label("Amount").fill(amount)
    form.get_by_label("Amount").press("Tab")


def test_created_then_reconciled_live(page: Page, stack: Stack) -> None:
    go(page, "/create")
    fill(page, "ACC-LIVE", "1,249.13")
    page.get_by_role("button", name="Create payment").click()
    expect(page.get_by_text("Payment created")).to_be_visible()
    assert barriers(page) == []
    with page.context.expect_page() as opening:
        page.get_by_role("link", name="Open payment").click()
    one = opening.value
    expect(one.locator(".pay-big")).to_have_text("1,249.13\N{NO-BREAK SPACE}USD")
    expect(one.get_by_text("Discrepancy detected in amount", exact=True)).to_be_visible()
    expect(one.locator(".pay-head .pay-status")).to_have_text("completed")
    expect(one.get_by_text("Debits equal credits")).to_be_visible()
    expect(one.locator(".pay-t caption")).to_have_text(["ACC-LIVE", "settlement_clearing", "suspense"])


def test_a_pending_payment_turns_final_by_itself(page: Page, stack: Stack) -> None:
    stack.worker.stop()
    payment_id = pay(stack, "ACC-WAIT")
    go(page, f"/payment?id={payment_id}")
    expect(page.locator(".pay-head .pay-status")).to_have_text("pending")
    stack.worker.start()
    stack.worker.await_ready()
    expect(page.locator(".pay-head .pay-status")).to_have_text("completed")
    expect(page.locator(".pay-fresh")).to_have_count(0)


def test_a_double_click_makes_one_payment(page: Page, stack: Stack) -> None:
    go(page, "/create")
    fill(page, "ACC-DOUBLE", "10.00")
    page.get_by_role("button", name="Create payment").click(click_count=3, delay=20)
    expect(page.get_by_text("Payment created")).to_be_visible()
    assert len(payments_of(stack, "ACC-DOUBLE")) == 1


def test_filters_live_in_the_address_and_survive_a_reload(page: Page, stack: Stack) -> None:
    pay(stack, "ACC-F1", description="blue umbrella")
    refused = pay(stack, "ACC-F1", "-1.00", description="red umbrella")
    go(page, "/payments")
    page.get_by_label("Account").fill("ACC-F1")
    page.get_by_label("Account").press("Enter")
    expect(page).to_have_url(re.compile("account=ACC-F1"))
    page.get_by_label("Search").fill("umbrella")
    page.get_by_label("Search").press("Enter")
    expect(page).to_have_url(re.compile("q=umbrella"))
    expect(page.locator(".pay-table tbody tr")).to_have_count(2)
    go(page, f"{page.url}&status=failed")
    expect(page.locator(".pay-table tbody tr")).to_have_count(1)
    expect(page.locator(f'a[href="payment?id={refused}"]')).to_be_visible()
    page.reload()
    expect(page.get_by_label("Account")).to_have_value("ACC-F1")
    expect(page.get_by_label("Search")).to_have_value("umbrella")
    expect(page.locator(".pay-table tbody tr")).to_have_count(1)


def test_the_list_follows_until_it_is_paused(page: Page, stack: Stack) -> None:
    rows = page.locator(".pay-table tbody tr")
    pay(stack, "ACC-PAUSE")
    go(page, "/payments?account=ACC-PAUSE")
    expect(rows).to_have_count(1)
    pay(stack, "ACC-PAUSE")
    expect(rows).to_have_count(2)
    page.get_by_text("Live", exact=True).click()
    expect(page.get_by_text("Paused · read")).to_be_visible()
    pay(stack, "ACC-PAUSE")
    # Ten seconds of nothing is what is to be seen here: the warning covers the calm word.
    expect(page.locator(".pay-stale")).to_be_visible(timeout=90_000)
    assert barriers(page) == []
    expect(rows).to_have_count(2)
    page.get_by_text("Live", exact=True).click()
    expect(rows).to_have_count(3)
    expect(page.locator(".pay-stale")).to_be_hidden()


def test_a_row_leads_to_its_own_page(page: Page, stack: Stack) -> None:
    payment_id = pay(stack, "ACC-LINK", "77.00")
    go(page, "/payments?account=ACC-LINK")
    page.locator(f'a[href="payment?id={payment_id}"]').click()
    expect(page).to_have_url(f"{stack.ui_url}/payment?id={payment_id}")
    expect(page.locator(".pay-big")).to_have_text("77.00\N{NO-BREAK SPACE}USD")
    page.locator('.pay-facts a[href^="account?"]').click()
    expect(page.locator(".pay-big")).to_have_text("77.00\N{NO-BREAK SPACE}USD")
    expect(page).to_have_url(re.compile("account\\?id=ACC-LINK"))


def test_a_page_connects_without_asking_where(page: Page, stack: Stack) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url.removeprefix(stack.ui_url)))
    go(page, "/payments")
    # The script in the head ran: the policy of contents names it.
    assert page.evaluate("window.__streamlit.BACKEND_BASE_URL") == stack.ui_url
    assert not any(path.startswith("/payments/_stcore") for path in asked)


def test_an_unknown_id_is_told_without_a_traceback(page: Page, stack: Stack) -> None:
    go(page, "/payment?id=../../etc/passwd")
    expect(page.get_by_text("not found", exact=False).first).to_be_visible()
    expect(page.get_by_text("Traceback")).to_have_count(0)
    assert barriers(page) == []


def test_what_is_empty_says_so_to_everybody(page: Page, stack: Stack) -> None:
    for path, said in (
        ("/payments?account=ACC-NOBODY", "No payment matches"),
        ("/invoices?status=void", "No invoice"),
        ("/jobs?status=running&queue=none", "No job"),
    ):
        go(page, path)
        expect(page.get_by_text(said)).to_be_visible()
        assert barriers(page) == []


def test_the_api_away_and_back(page: Page, stack: Stack) -> None:
    pay(stack, "ACC-AWAY")
    go(page, "/payments?account=ACC-AWAY")
    expect(page.locator(".pay-table tbody tr")).to_have_count(1)
    stack.api.stop()
    try:
        expect(page.get_by_text("does not answer").or_(page.get_by_text("broke off")).first).to_be_visible()
        expect(page.locator(".pay-table tbody tr")).to_have_count(1)
        assert barriers(page) == []
    finally:
        stack.api.start()
        stack.api.await_ready()
    expect(page.get_by_text("does not answer")).to_have_count(0)
    pay(stack, "ACC-AWAY")
    expect(page.locator(".pay-table tbody tr")).to_have_count(2)


@pytest.mark.long
def test_a_session_that_is_lost_begins_again_where_it_was(page: Page, stack: Stack) -> None:
    pay(stack, "ACC-LOST")
    go(page, "/payments?account=ACC-LOST&rows=100")
    expect(page.locator(".pay-table tbody tr")).to_have_count(1)
    # What the page is made of is loaded piece by piece; the last piece must be here before its source goes.
    expect(page.get_by_role("button", name="Next page")).to_be_visible()
    stack.ui.stop()
    pay(stack, "ACC-LOST")
    stack.ui.start()
    stack.ui.await_ready()
    expect(page.locator(".pay-table tbody tr")).to_have_count(2)
    expect(page.get_by_label("Account")).to_have_value("ACC-LOST")
    expect(page).to_have_url(re.compile("account=ACC-LOST&rows=100"))


def test_a_foreign_host_is_refused(stack: Stack) -> None:
    for host, status in (("evil.example", 403), (f"127.0.0.1:{stack.ui_port}", 200)):
        answer = httpx.get(f"{stack.ui_url}/", headers={"Host": host})
        assert answer.status_code == status
        assert answer.headers["X-Frame-Options"] == "DENY"


def test_a_foreign_host_opens_no_websocket(stack: Stack) -> None:
    ours = f"127.0.0.1:{stack.ui_port}"
    assert handshake(stack, ours, f"http://{ours}") == 101
    assert handshake(stack, "evil.example", "http://evil.example") == 403
    assert handshake(stack, ours, "http://evil.example") == 403


def handshake(stack: Stack, host: str, origin: str) -> int:
    lines = [
        "GET /_stcore/stream HTTP/1.1",
        f"Host: {host}",
        f"Origin: {origin}",
        "Connection: Upgrade",
        "Upgrade: websocket",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    ]
    with socket.create_connection(("127.0.0.1", stack.ui_port), timeout=5) as raw:
        raw.sendall("\r\n".join([*lines, "", ""]).encode())
        return int(raw.recv(64).split()[1])


def test_what_is_not_used_is_closed(stack: Stack) -> None:
    assert httpx.get(f"{stack.ui_url}/_stcore/metrics").status_code == 404
    assert httpx.put(f"{stack.ui_url}/_stcore/upload_file/a/b", content=b"x").status_code == 404


def test_an_invoice_is_passed_on_to_be_printed_and_runs_nothing(stack: Stack) -> None:
    ask = {"params": {"id": "550e8400-e29b-41d4-a716-446655440000"}}
    page = httpx.get(f"{stack.ui_url}/print/invoice", **ask)
    assert page.status_code == 200
    assert page.headers["Content-Security-Policy"].startswith("default-src 'none'")
    assert page.headers["X-Frame-Options"] == "DENY"
    assert "100.00" in page.text
    for unknown in ("../../health", "", "nothing"):
        assert httpx.get(f"{stack.ui_url}/print/invoice", params={"id": unknown}).status_code in {404, 502}
