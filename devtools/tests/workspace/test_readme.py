"""The README's commands, run as a reader would: in a clone of the committed tree, with an empty home.

Must not use the developer's own workspace: the clone has its own state, ports and database.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

KEPT = ("PIP_", "UV_", "SSL_", "REQUESTS_CA", "CURL_CA", "LANG", "TERM")


def _commands(text: str) -> list[str]:
    """The lines after `$ ` of the README's console blocks."""
    blocks = re.findall(r"```console\n(.*?)```", text, re.DOTALL)
    return [line[2:] for block in blocks for line in block.splitlines() if line.startswith("$ ")]


class Clone:
    """The tree as committed, and commands run in it."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self.folder = folder
        self.environment = environment

    def __call__(self, command: str, timeout_s: float = 240) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["bash", "-c", command],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=timeout_s,
            stdin=subprocess.DEVNULL,
        )

    def begin(self, command: str, **more: str) -> subprocess.Popen[bytes]:
        """Start a command of automations.yaml as Ona would: by bash, with no supervisor around it."""
        path = f"{self.folder}/.venv/bin:{self.environment['PATH']}"
        with (self.folder / "ona.log").open("ab") as log:
            return subprocess.Popen(
                ["bash", "-c", command],
                cwd=self.folder,
                env={**self.environment, "PATH": path, **more},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )


@pytest.fixture
def clone(root, tmp_path):
    """Its packages come from the developer's own cache where there is one."""
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

    made = Clone(folder, environment)
    yield made
    made("./dev down")


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


def _free_ports(count: int) -> list[int]:
    probes = [socket.socket() for _ in range(count)]
    for probe in probes:
        probe.bind(("127.0.0.1", 0))
    found = [int(probe.getsockname()[1]) for probe in probes]
    for probe in probes:
        probe.close()
    return found


@pytest.mark.timeout(600)
def test_the_automations_work_where_nobody_reads_the_overlay(clone):
    """As in Ona: everything is started at once, by bash alone, and the commands wait for each other."""
    installed = clone("./dev install")
    assert installed.returncode == 0, installed.stderr
    overlay = yaml.safe_load((clone.folder / "workspace.yaml").read_text())
    ports = dict(zip(overlay["ports"], _free_ports(len(overlay["ports"])), strict=True))
    overlay["ports"] = ports
    (clone.folder / "workspace.yaml").write_text(yaml.safe_dump(overlay))
    automations = yaml.safe_load((clone.folder / "automations.yaml").read_text())
    api_url = f"http://127.0.0.1:{ports['api']}"
    settings = {
        "postgres": {},
        "api": {"PORT": str(ports["api"])},
        "worker": {"WORKER_HEALTH_PORT": str(ports["worker"])},
        "ui": {"PORT": str(ports["ui"]), "PAYMENTS_API_URL": api_url},
    }
    started = [
        clone.begin(automations["services"][name]["commands"]["start"], **more)
        for name, more in settings.items()
    ]
    try:
        assert clone.begin(automations["tasks"]["migrate"]["command"]).wait(120) == 0
        proof = clone.begin(automations["tasks"]["validate"]["command"], PAYMENTS_API_URL=api_url).wait(180)
        assert proof == 0, (clone.folder / "ona.log").read_text()
        ready = automations["services"]["ui"]["commands"]["ready"]
        assert clone.begin(f"until {ready}; do sleep 0.2; done", PORT=str(ports["ui"])).wait(60) == 0
    finally:
        for process in started[1:]:
            process.terminate()
        stopped = clone.begin(automations["services"]["postgres"]["commands"]["stop"]).wait(60)
        codes = [process.wait(60) for process in started]
    assert (stopped, codes[0]) == (0, 0)
