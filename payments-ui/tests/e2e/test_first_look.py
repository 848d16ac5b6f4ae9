"""Rows and payments are in the page itself: they can be read while its scripts are still on their way."""

import re
from collections.abc import Iterator

import pytest
from e2e.stack import Stack
from e2e.steps import barriers, go, pay
from playwright.sync_api import BrowserContext, Page, expect

LOOK = "#first-look"
REFUSING = """
const { get } = Object.getOwnPropertyDescriptor(Document.prototype, "cookie");
Object.defineProperty(document, "cookie", { get, set() { throw new Error("refused"); } });
"""


@pytest.fixture
def waiting(context: BrowserContext) -> Iterator[Page]:
    """A page whose scripts never arrive."""
    context.route("**/static/js/**", lambda route: route.abort())
    yield context.new_page()
    context.unroute_all()


def test_rows_and_a_payment_are_read_before_the_scripts_have_come(waiting: Page, stack: Stack) -> None:
    payment_id = pay(stack, "ACC-FIRST", "77.10")
    waiting.goto("/payments?account=ACC-FIRST")
    rows = waiting.locator(f"{LOOK} .pay-table tbody tr")
    expect(rows).to_have_count(1)
    assert barriers(waiting, LOOK) == []
    waiting.reload()  # the browser has told its zone meanwhile
    expect(rows.locator("time")).to_have_attribute("title", re.compile("CES?T, "))
    rows.get_by_role("link").first.click()
    expect(waiting.locator(f"{LOOK} .pay-big")).to_have_text("77.10\N{NO-BREAK SPACE}USD")
    expect(waiting.locator(f"{LOOK} .pay-facts")).to_contain_text(payment_id)
    assert barriers(waiting, LOOK) == []


def test_the_first_look_makes_way_for_the_page(page: Page, stack: Stack) -> None:
    payment_id = pay(stack, "ACC-WAY")
    for path in ("/payments?account=ACC-WAY", f"/payment?id={payment_id}"):
        go(page, path)
        expect(page.locator(LOOK)).to_have_count(0)
    # A browser that keeps nothing refuses the script what it would keep.
    page.add_init_script(REFUSING)
    go(page, "/payments?account=ACC-WAY")
    expect(page.locator(LOOK)).to_have_count(0)
    go(page, "/payments?account=ACC-NONE")
    expect(page.get_by_text("No payment matches")).to_be_visible()
