"""A filtered list is kept under a name, found again, renamed, deleted; a card hold begun beside it."""

from uuid import uuid4

import httpx
from e2e.stack import Stack
from e2e.steps import DIALOG, barriers, go, middle, pay
from playwright.sync_api import Page, expect


def test_a_list_is_kept_by_name_and_leads_to_its_address(page: Page, stack: Stack) -> None:
    account, name = f"ACC-{uuid4()}", f"Mine {uuid4()}"
    pay(stack, account)
    go(page, f"/payments?account={account}&rows=100&period=last-7-days")
    rows, dialog = page.locator(".pay-table tbody tr"), page.get_by_role("dialog")
    expect(rows).to_have_count(1)
    page.get_by_role("button", name="Save as a view").click()
    dialog.get_by_label("Name").fill(name)
    dialog.get_by_label("Name").press("Enter")
    assert barriers(page, DIALOG) == []
    dialog.get_by_role("button", name="Save", exact=True).click()
    link = page.get_by_role("navigation", name="Views").get_by_role("link", name=name, exact=True)
    expect(link).to_have_attribute("aria-current", "page")

    # Another reader, later: the link is there, and is an address like any other.
    go(page, "/payments")
    expect(link).to_have_attribute("href", f"payments?account={account}&period=last-7-days&rows=100")
    link.click()
    expect(link).to_have_attribute("aria-current", "page")
    expect(rows).to_have_count(1)

    page.get_by_role("button", name="Edit views").click()
    choose(page, name)
    dialog.get_by_label("Name").fill(f"{name} again")
    dialog.get_by_label("Name").press("Enter")
    dialog.get_by_role("button", name="Save changes").click()
    renamed = page.get_by_role("link", name=f"{name} again", exact=True)
    expect(renamed).to_be_visible()
    page.get_by_role("button", name="Edit views").click()
    choose(page, f"{name} again")
    dialog.get_by_role("button", name="Delete this view").click()
    expect(renamed).to_have_count(0)
    kept = httpx.get(f"{stack.api_url}/api/v1/operations/views").json()["data"]
    assert [view["name"] for view in kept if name in view["name"]] == []


def choose(page: Page, name: str) -> None:
    """Pick a view in the open dialog, whatever others there are."""
    page.get_by_role("dialog").get_by_role("combobox", name="View").click()
    page.get_by_role("option", name=name, exact=True).click()


def test_a_hold_is_begun_once_however_often_its_button_is_pressed(page: Page, stack: Stack) -> None:
    account = f"ACC-{uuid4()}"
    go(page, "/create")
    page.get_by_role("button", name="Hold funds on a card").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Account").fill(account)
    dialog.get_by_label("Amount").fill("12.50")
    dialog.get_by_label("Amount").press("Enter")
    expect(dialog.get_by_text("What will be held")).to_be_visible()
    assert barriers(page, DIALOG) == []
    button = dialog.get_by_role("button", name="Hold 12.50")
    place = middle(button)
    button.click(click_count=3, delay=20)
    expect(dialog.get_by_text("Begun")).to_be_visible()
    page.mouse.click(*place)  # as the second of a slow double click: it must not close what is to be seen
    expect(dialog.get_by_text("Begun")).to_be_visible()
    held = httpx.get(f"{stack.api_url}/api/v1/operations/payments", params={"account": account}).json()[
        "data"
    ]
    assert [(one["kind"], one["status"], one["amount"]) for one in held] == [("card", "authorized", "12.50")]
    dialog.get_by_role("link", name=held[0]["id"]).click()
    expect(page.locator(".pay-head .pay-status")).to_have_text("authorized")
