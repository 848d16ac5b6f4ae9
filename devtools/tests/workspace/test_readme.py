"""The README's commands, run as a reader would: in a clone of the committed tree, with an empty home.

Must not use the developer's own workspace: the clone has its own state, ports and database.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys

import pytest

KEPT = ("PIP_", "UV_", "SSL_", "REQUESTS_CA", "CURL_CA", "LANG", "TERM")


def _commands(text: str) -> list[str]:
    """The lines after `$ ` of the README's console blocks."""
    blocks = re.findall(r"```console\n(.*?)```", text, re.DOTALL)
    return [line[2:] for block in blocks for line in block.splitlines() if line.startswith("$ ")]


@pytest.fixture
def clone(root, tmp_path):
    """The tree as committed; its packages come from the developer's own cache where there is one."""
    folder = tmp_path / "workspace"
    subprocess.run(["git", "clone", "--quiet", str(root), str(folder)], check=True)
    home = tmp_path / "home"
    home.mkdir()
    cache = (
        subprocess.run(["uv", "cache", "dir"], capture_output=True, text=True) if shutil.which("uv") else None
    )
    environment = {name: value for name, value in os.environ.items() if name.startswith(KEPT)}
    environment |= {"HOME": str(home), "PATH": f"{sys.base_prefix}/bin:{os.environ['PATH']}"}
    if cache and cache.returncode == 0:
        environment["UV_CACHE_DIR"] = cache.stdout.strip()

    def run(command: str, timeout_s: float = 240) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["bash", "-c", command],
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
            timeout=timeout_s,
            stdin=subprocess.DEVNULL,
        )

    yield run
    run("./dev down")


@pytest.mark.timeout(600)
def test_the_commands_of_the_readme_work_in_a_fresh_clone(root, clone):
    commands = _commands((root / "README.md").read_text())
    assert commands[:2] == ["./dev up", "./dev down"]
    up = clone("./dev up")
    assert up.returncode == 0, up.stdout + up.stderr
    assert "ALL VALIDATION CHECKS PASSED" in up.stdout
    status = json.loads(clone("./dev status --json").stdout)
    api = status["urls"]["api"]  # another port where the default one is taken
    for command in commands[2:]:
        done = clone(command.replace("http://127.0.0.1:3001", api))
        assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
    balance = json.loads(clone(f"curl -s {api}/accounts/ACC-1/balance").stdout)
    assert balance["accountId"] == "ACC-1"
    down = clone("./dev down")
    assert down.returncode == 0, down.stderr
