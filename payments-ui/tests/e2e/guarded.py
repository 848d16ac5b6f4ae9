"""A second API and pages where people sign in, and what two of them do there. It must not sign anybody in."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from e2e.stack import Program, Stack, free_port
from e2e.steps import DIALOG, barriers, go
from playwright.sync_api import Page, expect

SECRET = "a-secret-of-tests-that-is-long-enough-0123456789"
LIMIT = "10"


@contextmanager
def guarded(stack: Stack, logs: Path, ui_port: int, **sign_in: str) -> Iterator[str]:
    """The API's address; above 10 it needs two people. sign_in: more settings of the pages."""
    api_port = free_port()
    api_url, ui_url = f"http://127.0.0.1:{api_port}", f"http://127.0.0.1:{ui_port}"
    api = Program(
        "payments-api",
        {
            "DATABASE_URL": stack.database_url,
            "PORT": str(api_port),
            "AUTH_MODE": "jwt",
            "JWT_SECRET": SECRET,
            "AIRTELTIGO_SHARED_KEY": "a-key-of-tests",
            "APPROVAL_LIMIT": LIMIT,
        },
        f"{api_url}/health",
        logs / "api.log",
    )
    ui = Program(
        "payments-ui",
        {
            "PORT": str(ui_port),
            "PAYMENTS_API_URL": api_url,
            "JWT_SECRET": SECRET,
            "UI_REFRESH_S": "1",
            **sign_in,
        },
        f"{ui_url}/_stcore/health",
        logs / "ui.log",
    )
    with ExitStack() as last:
        for program in (api, ui):
            last.callback(program.stop)
            program.start()
        for program in (api, ui):
            program.await_ready()
        yield api_url


def ask_for_a_refund(page: Page, payment_id: str) -> None:
    """Press Refund on 50.00, be told that it takes two, and ask a second person."""
    go(page, f"/payment?id={payment_id}")
    page.get_by_role("button", name="Refund", exact=True).click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("button", name="Refund 50.00").click()
    expect(dialog.get_by_text("needs a second person")).to_be_visible()
    dialog.get_by_role("textbox", name="Reason").fill("goods came back")
    dialog.get_by_role("textbox", name="Reason").press("Tab")
    assert barriers(page, DIALOG) == []
    dialog.get_by_role("button", name="Ask a second person").click()
    expect(dialog.get_by_text("Asked", exact=True)).to_be_visible()


def decide(page: Page, word: str) -> None:
    """Press Approve or Reject on what waits, and say why."""
    go(page, "/approvals?state=waiting")
    page.get_by_role("button", name=word, exact=True).click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_text("goods came back")).to_be_visible()
    dialog.get_by_role("textbox", name="Reason").fill("seen the goods")
    dialog.get_by_role("textbox", name="Reason").press("Tab")
    dialog.get_by_role("button", name=f"{word} now").click()
