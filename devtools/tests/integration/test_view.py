"""The full-screen view: on a workspace that is played, for the picture in the docs, and on a real one."""

from __future__ import annotations

import asyncio
import os
import re
import threading
from pathlib import Path

import pytest

from devtools.cli.app import main
from devtools.session import Session
from devtools.view.screen import View
from devtools.view.source import Supervised
from devtools.workspace import Workspace

PICTURE = Path(__file__).parents[2] / "docs" / "view.svg"
BEGAN = 1_000_000.0
PATIENCE_S = 60.0


def a_node(name, kind="service", phase="running", needs=(), asked=0.0, started=0.0, ready=None, **more):
    """A node as the supervisor tells of it; times count from the beginning of the start."""
    times = {"requested_at": BEGAN + asked, "started_at": BEGAN + started}
    times["ready_at"] = None if ready is None else BEGAN + ready
    return {
        "id": name,
        "kind": kind,
        "phase": phase,
        "reason": "",
        "ready": ready is not None,
        "since": BEGAN + (ready or started),
        "ports": [],
        "depends_on": list(needs),
        **times,
        **more,
    }


class Played:
    """A shop whose worker has failed."""

    name = "shop"

    def __init__(self) -> None:
        self.acts: list[tuple[str, str]] = []
        self.is_over = threading.Event()
        self.nodes = [
            a_node("postgres", ready=0.7, ports=[5432]),
            a_node("migrate", "task", "succeeded", ["postgres"], started=0.7, ready=1.6),
            a_node("api", needs=["migrate"], started=1.6, ready=2.3, ports=[3001]),
            a_node("ui", needs=["api"], started=2.3, ready=4.1, ports=[3000]),
            a_node("worker", phase="failed", needs=["migrate"], started=1.6, reason="exited 3; no restarts"),
        ]

    def now(self):
        return BEGAN + 3600

    def events(self):
        yield from self.nodes
        self.is_over.wait(PATIENCE_S)

    def figures(self):
        return {
            "api": {"cpu": 1.25, "memory_bytes": 96 << 20},
            "postgres": {"cpu": 0.1, "memory_bytes": 41 << 20},
        }

    def log(self, name, offset):
        return ([f"{name}: \x1b[32mlistening\x1b[0m on a port of its own"] if offset is None else [], 1)

    def why(self, name):
        return [f"{name} is failed for 1h", "  reason: exited 3; no restarts", "  | KeyError: 'QUEUE_URL'"]

    def act(self, verb, node):
        self.acts.append((verb, node["id"]))
        return "done"


async def until(pilot, condition, what):
    """Wait for a condition while the view lives on."""
    deadline = asyncio.get_running_loop().time() + PATIENCE_S
    while not condition():
        assert asyncio.get_running_loop().time() < deadline, what
        await pilot.pause(0.02)


def shown(view) -> str:
    """The words on the screen, as the picture has them."""
    return words_of(view.export_screenshot(title="devtools view"))


def words_of(picture: str) -> str:
    """The text of an SVG; a change of colour within a line does not part it."""
    return re.sub(r"<[^>]*>", "", picture).replace("&#160;", " ")


async def test_the_picture_of_the_docs_is_made_here(monkeypatch):
    monkeypatch.delenv("NO_COLOR", raising=False)  # a picture has colours wherever it is made
    source = Played()
    view = View(source)
    async with view.run_test(size=(132, 24)) as pilot:
        await until(pilot, lambda: "96 MB" in shown(view), "nodes and figures are there")
        assert "3 of 4 services ready" in shown(view)
        assert "failed: worker" in shown(view)
        await until(
            pilot, lambda: "postgres: listening on a port of its own" in shown(view), "its log is there"
        )
        await pilot.press("down", "down", "down", "down", "w")
        await until(pilot, lambda: "QUEUE_URL" in shown(view), "the reasons of the worker are there")
        await pilot.press("r")
        await until(pilot, lambda: source.acts == [("restart", "worker")], "the key acts on the chosen one")
        await pilot.press("t")
        await until(pilot, lambda: "critical path: postgres → migrate → api → ui" in shown(view), "the chart")
        picture = view.export_screenshot(title="devtools view")
        source.is_over.set()
        await until(pilot, lambda: "nothing runs any more" in shown(view), "the supervisor's end is told")
        await pilot.press("q")
    if os.environ.get("DEVTOOLS_PICTURES"):
        PICTURE.parent.mkdir(exist_ok=True)
        PICTURE.write_text(
            re.sub(r"\s*@font-face \{.*?\}", "", picture, flags=re.DOTALL)
        )  # nothing is fetched
    kept = words_of(PICTURE.read_text())
    for words in (
        "3 of 4 services ready",
        "critical path: postgres → migrate → api → ui",
        "96 MB",
        "Restart",
    ):
        assert words in kept, "make it anew: DEVTOOLS_PICTURES=1"


FILE = """
services:
  a: {name: A, triggeredBy: [postEnvironmentStart], commands: {start: echo hello; exec sleep 600}}
tasks:
  t: {name: T, command: echo ran}
"""


async def test_a_real_workspace_is_shown_acted_on_and_left_as_it_is(folder, monkeypatch):
    folder.write(FILE)
    folder.up()
    for name in ("DEVTOOLS_RUN", "DEVTOOLS_STATE_DIR", "DEVTOOLS_WORKSPACE"):
        monkeypatch.delenv(name, raising=False)
    session = Session(Workspace(folder.root, folder.root / "automations.yaml", folder.state))
    view = View(Supervised(session))
    async with view.run_test(size=(120, 20)) as pilot:
        await until(pilot, lambda: "1 of 1 services ready" in shown(view), "the service is shown")
        await until(pilot, lambda: "hello" in shown(view), "its log is shown")
        await pilot.press("x")
        await until(pilot, lambda: "0 of 1 services ready" in shown(view), "it was stopped")
        await pilot.press("s")
        await until(pilot, lambda: "1 of 1 services ready" in shown(view), "it was started again")
        await pilot.press("q")
    assert folder.status()["a"]["phase"] == "running"


def test_off_a_terminal_it_says_what_to_use_instead(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    with Path(os.devnull).open() as nothing:
        monkeypatch.setattr("sys.stdin", nothing)
        assert main(["view"]) == 2
    assert "devtools status" in capsys.readouterr().err


@pytest.fixture(autouse=True)
def a_terminal(monkeypatch):
    """The same terminal for everyone, whatever runs the tests."""
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLORTERM", "truecolor")
