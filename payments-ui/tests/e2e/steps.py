"""What several flows begin with: an address opened, a payment made. It must not expect anything of a page."""

from uuid import uuid4

import httpx
from e2e.stack import Stack
from playwright.sync_api import Page


def go(page: Page, path: str) -> None:
    """Open an address and wait until the pages are connected and have run."""
    page.goto(path)
    page.wait_for_selector("[data-testid=stApp][data-test-connection-state=CONNECTED]")
    page.wait_for_selector("header.pay-header")
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
