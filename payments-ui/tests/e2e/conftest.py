"""A real stack and a real browser for the flows; without a browser they are skipped with one line."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from e2e.stack import Stack
from payments_schema import testing
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

# What a browser as root in a closed network needs, and nothing that calls home.
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
NAMES = ("chromium", "chromium-browser", "google-chrome")
HOW = "no browser found: `apt-get install chromium` (or set CHROMIUM to the path of one)"


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """The system's Chromium."""
    path = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)
    if path is None:
        pytest.skip(HOW)
    expect.set_options(timeout=90_000)
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield opened
        opened.close()


@pytest.fixture(scope="session")
def stack(
    browser: Browser, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[Stack]:
    """API, worker and pages on a database of their own; the browser comes first, so that a skip is cheap."""
    server_url: str = request.getfixturevalue("server_url")
    name = testing.create_database(server_url, from_template=request.getfixturevalue("template_database"))
    running = Stack(
        testing.url_of(server_url, name, "payments_app"),
        testing.url_of(server_url, name),
        tmp_path_factory.mktemp("logs"),
    )
    try:
        running.start()
        yield running
    finally:
        running.stop()
        testing.drop_database(server_url, name)


@pytest.fixture
def context(browser: Browser, stack: Stack) -> Iterator[BrowserContext]:
    """A reader in Berlin."""
    opened = browser.new_context(
        base_url=stack.ui_url, timezone_id="Europe/Berlin", viewport={"width": 1280, "height": 860}
    )
    opened.set_default_timeout(90_000)
    yield opened
    opened.close()


@pytest.fixture
def page(context: BrowserContext, stack: Stack) -> Iterator[Page]:
    """A tab that fails its test when the page asks any other host, or breaks the content policy."""
    tab = context.new_page()
    strangers: list[str] = []
    origins = (stack.ui_url, stack.ui_url.replace("http", "ws"), "data:", "blob:")

    def note(url: str) -> None:
        if not url.startswith(origins):
            strangers.append(url)

    tab.on("request", lambda asked: note(asked.url))
    tab.on(
        "console",
        lambda said: strangers.append(said.text) if "Content Security Policy" in said.text else None,
    )
    yield tab
    assert strangers == []


@pytest.fixture
def pictures() -> Path | None:
    """Where screenshots go, only when they are asked for: a test run must leave the tree as it was."""
    if os.environ.get("UPDATE_SCREENSHOTS") != "1":
        return None
    folder = Path(__file__).parents[3] / "docs" / "ui"
    folder.mkdir(parents=True, exist_ok=True)
    return folder
