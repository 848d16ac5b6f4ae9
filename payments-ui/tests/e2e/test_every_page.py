"""Every page once, examined by axe for who cannot see it well; light and dark pictures of each on request."""

from pathlib import Path
from uuid import uuid4

import httpx
from e2e.stack import Stack
from e2e.steps import barriers, captured, go, pay
from playwright.sync_api import Browser, expect


def test_pictures_of_every_page(browser: Browser, stack: Stack, pictures: Path | None) -> None:
    """The files are kept, and dark ones made, only when UPDATE_SCREENSHOTS=1."""
    accounts = ("ACC-1001", "ACC-1002", "MOMO-77", "ACC-2040")
    amounts = (("250.00", "USD"), ("1249.13", "USD"), ("980000", "JPY"), ("-12.00", "GHS"))
    ids = [
        pay(stack, a, n, currency=c, description="Harbour Light, invoice")
        for a, (n, c) in zip(accounts, amounts, strict=True)
    ]
    stack.made_earlier(ids[0], minutes=3)  # the bars of the overview stand for more than one minute
    held = captured(stack, "ACC-1001", 12_500)
    httpx.post(
        f"{stack.api_url}/webhooks/payments",
        json={
            "event_id": str(uuid4()),
            "type": "payment",
            "invoice_id": "550e8400-e29b-41d4-a716-446655440000",
            "amount_cents": 2500,
        },
    ).raise_for_status()
    paths = {
        "overview": "/overview",
        "payments": "/payments?account=ACC-1001",
        "card": f"/payment?id={held}",
        "differences": "/differences",
        "jobs": "/jobs",
        "ledger": "/ledger",
        "invoices": "/invoices",
        "events": "/events",
        "wallets": "/wallets",
        "wallet-rules": "/wallet-rules",
        "statements": "/statements",
        "payment": f"/payment?id={ids[1]}",
        "create": "/create",
        "account": "/account?id=ACC-1001",
    }
    wrong: list[str] = []
    for scheme in ("light", "dark") if pictures else ("light",):
        with browser.new_context(
            base_url=stack.ui_url, color_scheme=scheme, viewport={"width": 1200, "height": 760}
        ) as context:
            tab = context.new_page()
            for name, path in paths.items():
                go(tab, path)
                if name == "payment":
                    expect(tab.get_by_text("Debits equal credits")).to_be_visible()
                if name == "overview":
                    expect(tab.get_by_role("img", name="Payments by minute")).to_be_visible()
                picture = tab.screenshot(path=pictures / f"{name}-{scheme}.png" if pictures else None)
                assert len(picture) < 300_000
                if scheme == "light":
                    wrong += [f"{name}: {barrier}" for barrier in barriers(tab)]
    assert not wrong, "\n".join(wrong)
