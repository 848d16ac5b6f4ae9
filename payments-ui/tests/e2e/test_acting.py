"""Acting on payments in a real browser: one refund for two clicks, always on the payment that was meant."""

import csv
import io

import httpx
from e2e.stack import Stack
from e2e.steps import DIALOG, ask, barriers, captured, go, middle, pay
from playwright.sync_api import Page, expect


def card(stack: Stack, payment_id: str) -> dict[str, object]:
    return dict(httpx.get(f"{stack.api_url}/api/v1/payments/{payment_id}").json())


def refunds(stack: Stack, payment_id: str) -> list[dict[str, object]]:
    ledger = httpx.get(f"{stack.api_url}/api/v1/payments/{payment_id}/ledger").json()
    return [step for step in ledger["transactions"] if step["returns"]]


def test_a_refund_double_clicked_is_one_refund(page: Page, stack: Stack) -> None:
    payment_id = captured(stack, "ACC-REFUND")
    go(page, f"/payment?id={payment_id}")
    page.get_by_role("button", name="Refund", exact=True).click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_text("What will be posted")).to_be_visible()
    dialog.get_by_label("Amount, at most").fill("5.00")
    dialog.get_by_label("Amount, at most").press("Enter")
    button = dialog.get_by_role("button", name="Refund 5.00")
    expect(button).to_be_enabled()
    expect(dialog.get_by_text("Debits equal credits: 5.00")).to_be_visible()
    assert barriers(page, DIALOG) == []
    place = middle(button)
    button.click(click_count=3, delay=20)
    expect(dialog.get_by_text("Done")).to_be_visible()
    page.mouse.click(*place)  # as the second of a slow double click: it must not close what is to be seen
    page.mouse.click(*place)
    expect(dialog.get_by_text("Done")).to_be_visible()
    dialog.get_by_role("button", name="Close", exact=True).last.click()
    expect(page.locator(".pay-head .pay-status")).to_have_text("partly refunded")
    assert len(refunds(stack, payment_id)) == 1
    assert card(stack, payment_id)["refunded_amount"] == 500


def test_a_row_that_arrives_meanwhile_is_not_the_one_acted_on(page: Page, stack: Stack) -> None:
    meant = captured(stack, "ACC-MEANT")
    rows = page.locator(".pay-table tbody tr")
    go(page, "/payments?account=ACC-MEANT")
    expect(rows).to_have_count(1)
    row = page.locator(f'a[href="payment?id={meant}"]')
    row.focus()
    arrived = captured(stack, "ACC-MEANT")
    expect(rows).to_have_count(2)
    expect(rows.first.locator("a").first).to_have_attribute("href", f"payment?id={arrived}")
    row.click()
    page.get_by_role("button", name="Refund", exact=True).click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_text(meant)).to_be_visible()
    dialog.get_by_role("button", name="Refund 12.50").click()
    expect(dialog.get_by_text("Done")).to_be_visible()
    assert card(stack, meant)["status"] == "refunded"
    assert card(stack, arrived)["status"] == "captured"
    # Behind it the payment is read again, and is final; the result stays until it has been seen.
    expect(page.locator(".pay-head .pay-status")).to_have_text("refunded")
    for _ in range(2):
        expect(page.locator(".pay-now")).not_to_have_text(page.locator(".pay-now").inner_text())
    expect(dialog.get_by_text("Done")).to_be_visible()
    dialog.get_by_role("button", name="Close", exact=True).last.click()
    expect(page.locator(".pay-now")).to_have_count(0)


def test_what_changed_under_an_open_dialog_is_looked_at_again(page: Page, stack: Stack) -> None:
    payment_id = captured(stack, "ACC-STALE")
    go(page, f"/payment?id={payment_id}")
    page.get_by_role("button", name="Refund", exact=True).click()
    dialog = page.get_by_role("dialog")
    button = dialog.get_by_role("button", name="Refund 12.50")
    expect(button).to_be_enabled()
    ask(stack, f"/api/v1/payments/{payment_id}/settle", {})
    button.click()
    expect(dialog.get_by_text("changed while this dialog was open")).to_be_visible()
    assert barriers(page, DIALOG) == []
    assert card(stack, payment_id)["refunded_amount"] == 0


def test_a_large_amount_is_typed_a_second_time(page: Page, stack: Stack) -> None:
    payment_id = captured(stack, "ACC-LARGE", 250_000)
    go(page, f"/payment?id={payment_id}")
    page.get_by_role("button", name="Refund", exact=True).click()
    dialog = page.get_by_role("dialog")
    button = dialog.get_by_role("button", name="Refund 2,500.00")
    expect(button).to_be_disabled()
    dialog.get_by_label("Type 2500.00 to confirm").fill("2500.00")
    dialog.get_by_label("Type 2500.00 to confirm").press("Enter")
    expect(button).to_be_enabled()


def test_the_export_is_what_the_list_shows(page: Page, stack: Stack) -> None:
    made = [pay(stack, "ACC-EXPORT", description="=1+1") for _ in range(3)]
    pay(stack, "ACC-OTHER")
    go(page, "/payments?account=ACC-EXPORT&order=oldest")
    with page.expect_download() as loading:
        page.get_by_role("link", name="Export these as CSV").click()
    rows = list(csv.DictReader(io.StringIO(loading.value.path().read_text())))
    assert [row["id"] for row in rows] == made
    assert {row["description"] for row in rows} == {"'=1+1"}


def test_a_discrepancy_is_resolved_with_its_reason(page: Page, stack: Stack) -> None:
    payment_id = pay(stack, "ACC-DIFF", "12.13")
    go(page, "/differences")
    row = page.locator(f'a[href="payment?id={payment_id}"]')
    expect(row).to_be_visible()
    page.reload()  # the choice is made among what was there when the page opened
    page.get_by_role("combobox", name="Differences to decide").click()
    page.get_by_role("option", name=f"…{payment_id[-12:]}").click()
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Resolve", exact=True).click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_text("Discrepancy detected in amount")).to_be_visible()
    dialog.get_by_role("textbox", name="Reason").fill("found in the bank statement")
    dialog.get_by_role("textbox", name="Reason").press("Tab")
    assert barriers(page, DIALOG) == []
    button = dialog.get_by_role("button", name="Resolve 1")
    place = middle(button)
    button.click()
    expect(dialog.get_by_text("Done")).to_be_visible()
    page.mouse.click(*place)  # as the second of a slow double click: it must not fall on the page beneath
    expect(dialog.get_by_role("link", name=payment_id)).to_be_visible()
    dialog.get_by_role("button", name="Close", exact=True).last.click()
    expect(row).to_have_count(0)
    done = httpx.get(f"{stack.api_url}/api/v1/ledger/differences/{payment_id}/adjustments").json()
    assert [(one["action"], one["reason"]) for one in done] == [("resolve", "found in the bank statement")]


def test_a_dead_letter_is_retried(page: Page, stack: Stack) -> None:
    job_id = stack.dead_letter()
    go(page, "/jobs?status=dead")
    expect(page.get_by_text(f"…{job_id[-12:]}").first).to_be_visible()
    page.get_by_role("button", name="Retry", exact=True).click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_text(job_id)).to_be_visible()
    assert barriers(page, DIALOG) == []
    dialog.get_by_role("button", name="Retry now").click()
    expect(dialog.get_by_text("Done")).to_be_visible()
    jobs = httpx.get(f"{stack.api_url}/api/v1/jobs", params={"limit": "1000"}).json()["data"]
    retried = [job for job in jobs if job["id"] == job_id]
    assert not retried or any(step["what"] == "retried by an operator" for step in retried[0]["history"])
