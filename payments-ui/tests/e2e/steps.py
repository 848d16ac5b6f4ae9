"""What several flows begin with: an address opened, a payment made. It must not expect anything of a page."""

import gzip
from pathlib import Path
from uuid import uuid4

import httpx
from e2e.stack import Stack
from playwright.sync_api import Locator, Page

PAGE, DIALOG = ".stMainBlockContainer", "[role=dialog]"
# axe-core 4.14.1 from npm as it came (MPL-2.0), so that the check needs no network.
_AXE = gzip.decompress(Path(__file__).with_name("axe.min.js.gz").read_bytes()).decode()
# What fades in is judged once it is there. The warning that waits for its delay is no such thing.
_AT_REST = """() => document.getAnimations().every(one => one.playState !== 'running'
    || one.animationName === 'pay-appear' || one.effect.getComputedTiming().iterations === Infinity)"""


def barriers(page: Page, within: str = PAGE) -> list[str]:
    """What keeps somebody out of a part of the page as it is now, by axe's rules of WCAG 2 A and AA."""
    page.wait_for_function(_AT_REST)
    if not page.evaluate("() => 'axe' in window"):
        page.evaluate(_AXE)
    found = page.evaluate(
        "within => axe.run(within, {runOnly: ['wcag2a', 'wcag2aa'], resultTypes: ['violations']})", within
    )
    return [f"{one['id']}: {one['nodes'][0]['html']}" for one in found["violations"]]


def go(page: Page, path: str) -> None:
    """Open an address and wait until the pages are connected and have run."""
    page.goto(path)
    page.wait_for_selector("[data-testid=stApp][data-test-connection-state=CONNECTED]")
    page.wait_for_selector("#root header.pay-header")
    page.wait_for_selector("[data-test-script-state=notRunning]")


def pay(stack: Stack, account: str, amount: str = "250.00", **more: str) -> str:
    answer = httpx.post(
        f"{stack.api_url}/payments",
        json={"accountId": account, "amount": amount, **more},
        headers={"Idempotency-Key": str(uuid4())},
    )
    answer.raise_for_status()
    return str(answer.json()["id"])


def captured(stack: Stack, account: str, amount: int = 1250) -> str:
    """A card payment of which everything was taken."""
    body = {"amount": amount, "currency": "USD", "account_id": account}
    held = ask(stack, "/api/v1/payments/authorize", body)
    ask(stack, f"/api/v1/payments/{held['id']}/capture", {})
    return str(held["id"])


def ask(stack: Stack, path: str, body: dict[str, object]) -> dict[str, object]:
    answer = httpx.post(stack.api_url + path, json=body, headers={"Idempotency-Key": str(uuid4())})
    answer.raise_for_status()
    return dict(answer.json())


def middle(button: Locator) -> tuple[float, float]:
    """Where a press of the button falls in the window."""
    button.scroll_into_view_if_needed()
    box = button.bounding_box()
    assert box is not None
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
