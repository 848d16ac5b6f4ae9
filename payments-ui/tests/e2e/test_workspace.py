"""The workspace page in a real browser: a small workspace under a real supervisor, which runs the pages."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from e2e.stack import Stack, free_port
from e2e.steps import barriers, go
from playwright.sync_api import Browser, Page, expect

FILES = {
    "automations.yaml": """
services:
  ui:
    name: Pages
    commands: {start: exec payments-ui}
    triggeredBy: [postEnvironmentStart]
  clock:
    name: Clock
    commands: {start: 'i=0; while :; do i=$((i+1)); echo "tick $i"; sleep 1; done'}
    triggeredBy: [postEnvironmentStart]
  printer:
    name: Printer
    commands: {start: 'echo out of paper; exit 3', ready: test -e paper}
    triggeredBy: [manual]
tasks:
  prepare: {name: Prepare, command: "true"}
  validate: {name: Validate, command: exec devtools validate, triggeredBy: [manual]}
""",
    "workspace.yaml": """
workspace: harbour
ports: {ui: UI_PORT}
services:
  ui:
    dependsOn: {prepare: completed}
    ready: {http: {port: ui, path: /_stcore/health}, timeout: 90s}
    ports: [ui]
    env: {PORT: "${ports.ui}"}
""",
}


class Workspace:
    """A workspace in a folder, which the `devtools` beside this Python starts and stops."""

    def __init__(self, root: Path, environment: dict[str, str]) -> None:
        port = free_port()
        self.root = root
        self.url = f"http://127.0.0.1:{port}"
        self._devtools = Path(sys.executable).with_name("devtools")
        path = f"{self._devtools.parent}{os.pathsep}{os.environ['PATH']}"
        ours = {name: value for name, value in os.environ.items() if not name.startswith("DEVTOOLS_")}
        self._environment = {**ours, **environment, "PATH": path}
        for name, text in FILES.items():
            (root / name).write_text(text.replace("UI_PORT", str(port)))

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run one command of devtools to its end."""
        return subprocess.run(
            [self._devtools, *words],
            cwd=self.root,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=180,
        )

    def kill_supervisor(self) -> None:
        """SIGKILL, as a machine short of memory would."""
        person = json.loads((self.root / ".devtools" / "supervisor.json").read_text())
        os.kill(person["pid"], signal.SIGKILL)


@pytest.fixture(scope="module")
def workspace(stack: Stack) -> Iterator[Workspace]:
    """The pages under a supervisor; the validation proves the API, worker and database of `stack`."""
    if not Path(sys.executable).with_name("devtools").exists():
        pytest.skip("devtools is not installed beside these pages")
    root = Path(tempfile.mkdtemp(prefix="harbour-"))  # a short name: it is on the pictures
    environment = {"DATABASE_URL": stack.database_url, "PAYMENTS_API_URL": stack.api_url, "UI_REFRESH_S": "1"}
    made = Workspace(root, environment)
    try:
        began = made.run("up", "--no-validate")
        assert began.returncode == 0, began.stderr
        yield made
    finally:
        ended = made.run("down")
        shutil.rmtree(root)
    assert ended.returncode == 0, ended.stderr


@pytest.fixture
def tab(browser: Browser, workspace: Workspace) -> Iterator[Page]:
    with browser.new_context(base_url=workspace.url, viewport={"width": 1200, "height": 1500}) as context:
        context.set_default_timeout(90_000)
        yield context.new_page()


def barriers_at_rest(tab: Page, *switches: str) -> list[str]:
    """What axe finds once nothing is read any more: on a slow machine a live page never stops fading in."""
    for switch in switches:
        tab.get_by_text(switch, exact=True).click()
    expect(tab.get_by_text("Paused · read")).to_have_count(len(switches))
    return barriers(tab)


def row(tab: Page, name: str):
    return tab.get_by_role("row").filter(has=tab.get_by_role("link", name=name, exact=True))


def test_a_developer_sees_proves_and_reads_the_workspace(
    tab: Page, browser: Browser, workspace: Workspace, pictures: Path | None
) -> None:
    assert workspace.run("service", "start", "printer").returncode == 1
    go(tab, "/overview")
    tab.get_by_role("link", name="Workspace").click()
    expect(tab.get_by_text("2 of 3 services are ready; failed: printer")).to_be_visible()
    expect(tab.get_by_text(str(workspace.root))).to_be_visible()
    expect(row(tab, "clock")).to_contain_text("ready")
    expect(row(tab, "printer")).to_contain_text("exited 3")
    expect(tab.get_by_text("as long as its longest chain: prepare → ui")).to_be_visible()
    expect(tab.get_by_text("No validation yet")).to_be_visible()

    tab.get_by_role("button", name="Run validation").click()
    expect(tab.get_by_text("7 of 7 steps passed")).to_be_visible()
    steps = tab.get_by_role("table", name="Steps of the validation")
    expect(steps.locator("tbody .pay-good")).to_have_count(7)
    expect(steps).to_contain_text("ACC-VALIDATE-001")

    row(tab, "clock").get_by_role("link", name="clock").click()
    expect(tab).to_have_url(re.compile("workspace\\?log=clock"))
    # A link loads the page anew: what is typed before it has run would be lost.
    tab.wait_for_selector("[data-testid=stApp][data-test-connection-state=CONNECTED]")
    tab.wait_for_selector("[data-test-script-state=notRunning]")
    lines = tab.get_by_role("region", name="Lines of the log")
    expect(lines).to_contain_text("tick")
    tab.get_by_label("Lines with").fill("TICK 2")
    tab.get_by_label("Lines with").press("Enter")
    expect(lines).to_contain_text("tick 2")
    expect(lines).not_to_contain_text(re.compile(r"tick [13]"))
    expect(tab).to_have_url(re.compile("log=clock&text=TICK"))
    assert barriers_at_rest(tab, "Live", "Follow") == []
    if pictures:
        for scheme in ("light", "dark"):
            shoot(browser, workspace, scheme, pictures)


def shoot(browser: Browser, workspace: Workspace, scheme: str, pictures: Path) -> None:
    with browser.new_context(
        base_url=workspace.url, color_scheme=scheme, viewport={"width": 1200, "height": 1500}
    ) as context:
        page = context.new_page()
        go(page, "/workspace?log=clock")
        expect(page.get_by_role("region", name="Lines of the log")).to_be_visible()
        page.screenshot(path=pictures / f"workspace-{scheme}.png")


@pytest.mark.long
def test_a_supervisor_that_is_killed_is_told_of_and_comes_back(tab: Page, workspace: Workspace) -> None:
    go(tab, "/workspace?state=ready")
    expect(row(tab, "clock")).to_be_visible()
    workspace.kill_supervisor()
    expect(tab.get_by_text("The supervisor of this workspace").first).to_be_visible()
    expect(tab.get_by_text("./dev up").first).to_be_visible()
    expect(row(tab, "clock")).to_be_visible()
    again = workspace.run("up", "--no-validate")
    assert again.returncode == 0, again.stderr
    expect(tab.get_by_text("The supervisor of this workspace")).to_have_count(0)
    expect(row(tab, "clock")).to_be_visible()
    workspace.kill_supervisor()
    expect(tab.get_by_text("The supervisor of this workspace").first).to_be_visible()
    assert barriers_at_rest(tab, "Live", "Follow") == []
    assert workspace.run("up", "--no-validate").returncode == 0
