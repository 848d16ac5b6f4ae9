"""The README's commands do what stands under them."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

README = Path(__file__).parents[2] / "README.md"


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
        environment = {"API": api.url, "PATH": "/usr/bin:/bin"}
        done = subprocess.run(
            ["sh", "-c", portable], capture_output=True, text=True, env=environment, check=True
        )
        for text in expected:
            assert text in done.stdout, (command, done.stdout)
