"""The README's commands do what stands under them."""

from __future__ import annotations

import re
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

README = Path(__file__).parents[2] / "README.md"
PATIENCE_S = 60.0


def commands() -> list[tuple[str, list[str]]]:
    found: list[tuple[str, list[str]]] = []
    for block in re.findall(r"<!-- run -->\n```console\n(.*?)```", README.read_text(), re.S):
        for line in block.splitlines():
            if line.startswith("$ "):
                found.append((line[2:], []))
            else:
                found[-1][1].append(line)
    return found


@pytest.mark.skipif(shutil.which("curl") is None, reason="the README's commands use curl")
def test_every_command_prints_what_the_readme_says(api: Any) -> None:
    assert len(commands()) > 10
    for command, expected in commands():
        # --json came with curl 7.82; older ones take it apart.
        portable = command.replace("--json ", "-H 'Content-Type: application/json' -d ")
        awaited = "/events?" in command  # listed once all that began earlier, anywhere on the server, is over
        deadline = time.monotonic() + (PATIENCE_S if awaited else 0.0)
        shown = _run(portable, api.url)
        while any(text not in shown for text in expected) and time.monotonic() < deadline:
            time.sleep(0.05)
            shown = _run(portable, api.url)
        for text in expected:
            assert text in shown, (command, shown)


def _run(command: str, url: str) -> str:
    environment = {"API": url, "PATH": "/usr/bin:/bin"}
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, env=environment, check=True)
    return done.stdout
