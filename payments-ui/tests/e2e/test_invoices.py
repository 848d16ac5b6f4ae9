"""An invoice is sent once however often its button is pressed, and what is done to it stays to be seen."""

from uuid import uuid4

import httpx
from e2e.stack import Stack
from e2e.steps import DIALOG, barriers, go, middle
from playwright.sync_api import Page, expect


def test_an_invoice_in_lines_is_sent_once_and_credited(page: Page, stack: Stack) -> None:
    customer = f"C-{uuid4()}"
    page.emulate_media(color_scheme="dark")  # a dialog stands beside the page: its colours are its own
    go(page, "/create")
    assert barriers(page) == []
    go(page, "/invoices")
    page.get_by_role("button", name="New invoice").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Customer").fill(customer)
    dialog.get_by_text("In lines").click()
    dialog.get_by_label("What").fill("Lamps")
    dialog.get_by_label("Price of one").fill("700.00")
    dialog.get_by_label("Price of one").press("Enter")
    expect(dialog.get_by_text("Together 700.00")).to_be_visible()
    dialog.get_by_role("button", name="Add a line").click()
    expect(dialog.get_by_label("Price of one")).to_have_count(2)
    dialog.get_by_label("What").last.fill("Freight")
    dialog.get_by_label("Price of one").last.fill("300.00")
    dialog.get_by_label("Price of one").last.press("Enter")
    expect(dialog.get_by_text("Debits equal credits: 1,000.00")).to_be_visible()
    dialog.get_by_label("Type 1000.00 to confirm").fill("1000.00")
    dialog.get_by_label("Type 1000.00 to confirm").press("Enter")
    button = dialog.get_by_role("button", name="Send invoice over 1,000.00")
    expect(button).to_be_enabled()
    assert barriers(page, DIALOG) == []
    page.set_viewport_size({"width": 1280, "height": 560})  # the button stands at the end of what is seen
    place = middle(button)
    button.click(click_count=3, delay=20)
    expect(dialog.get_by_text("Sent", exact=True)).to_be_visible()
    page.mouse.click(*place)  # as the second of a slow double click: it must not close what is to be seen
    page.mouse.click(place[0], 558)  # nor where a longer dialog had its button
    expect(dialog.get_by_text("Sent", exact=True)).to_be_visible()
    [made] = httpx.get(f"{stack.api_url}/api/v1/invoices", params={"customer": customer}).json()["data"]
    assert (made["total_cents"], [line["description"] for line in made["lines"]]) == (
        100_000,
        ["Lamps", "Freight"],
    )

    dialog.get_by_role("link", name=made["id"]).click()
    page.get_by_role("button", name="Credit note").click()
    dialog.get_by_label("Amount, at most").fill("1.00")
    dialog.get_by_role("textbox", name="Reason").fill("a lamp was scratched")
    dialog.get_by_role("textbox", name="Reason").press("Tab")
    expect(dialog.get_by_text("Debits equal credits: 1.00")).to_be_visible()
    assert barriers(page, DIALOG) == []
    button = dialog.get_by_role("button", name="Credit note now")
    place = middle(button)
    button.click()
    expect(dialog.get_by_text("Done")).to_be_visible()
    page.mouse.click(*place)
    expect(dialog.get_by_text("Done")).to_be_visible()
    dialog.get_by_role("button", name="Close", exact=True).last.click()
    expect(dialog).to_have_count(0)
    expect(page.locator(".pay-facts dd", has_text="999.00")).to_be_visible()
