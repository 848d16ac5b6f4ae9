"""A foreign automations.yaml in a fresh folder, run by the wheel alone: no workspace.yaml, no checkout."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
from pathlib import Path

REPOSITORY = Path(__file__).parent.parent.parent
UV_INSTALL = (sys.executable, "-m", "uv", "pip", "install", "--offline", "--no-index", "--no-deps")
# As somebody else wrote it for the platform, who has never heard of devtools.
FOREIGN = """\
services:
  database:
    name: Database
    description: Only a file, but it takes a moment
    role: default
    triggeredBy: [postDevcontainerStart, manual]
    commands:
      start: |
        sleep 0.2
        mkdir -p data && touch data/up
        echo "database is up"
        exec sleep 600
      ready: test -f data/up
      stop: rm -f data/up
  web:
    name: Web server
    triggeredBy:
      - postEnvironmentStart
    commands:
      start: |
        exec python3 -u -m http.server PORT --bind 127.0.0.1
      ready: python3 -c 'import urllib.request as r; r.urlopen("http://127.0.0.1:PORT/", timeout=5)'
tasks:
  build:
    name: Build
    command: echo "built by $(basename "$PWD")" > built && cat built
    triggeredBy: [postEnvironmentStart]
  test:
    name: Test
    command: test -s built
    dependsOn: [build]
    triggeredBy: [manual]
"""


def install(room: Path) -> Path:
    """Build the wheel, install it into a new environment; the folder of its programs.

    The dependencies are lent by this environment through a .pth: none is fetched, and an editable devtools
    does not shine through, because a folder named in a .pth has its own .pth files ignored.
    """
    quiet = {"check": True, "capture_output": True, "text": True, "stdin": subprocess.DEVNULL}
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(room)], cwd=REPOSITORY, **quiet
    )
    (wheel,) = room.glob("devtools-*.whl")
    environment = room / "environment"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(environment)], **quiet)
    programs = environment / "bin"
    subprocess.run(
        [*UV_INSTALL, "--python", str(programs / "python"), str(wheel)],
        env={**os.environ, "UV_CACHE_DIR": str(room / "cache")},
        **quiet,
    )
    (packages,) = environment.glob("lib/python*/site-packages")
    (packages / "lent.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return programs


def test_a_foreign_file_is_run_by_the_installed_wheel(folder, tmp_path_factory, free_port):
    programs = install(tmp_path_factory.mktemp("installed"))
    environment = {"PATH": f"{programs}{os.pathsep}{os.defpath}", "HOME": str(folder.root), "LANG": "C.UTF-8"}
    folder.write(FOREIGN.replace("PORT", str(free_port)))

    def devtools(*arguments: str) -> str:
        done = subprocess.run(
            [str(programs / "devtools"), *arguments],
            cwd=folder.root,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert done.returncode == 0, done.stderr
        assert "Traceback" not in done.stderr
        return done.stdout + done.stderr

    where = subprocess.run(
        [str(programs / "python"), "-c", "import devtools; print(devtools.__file__)"],
        cwd=folder.root,
        env=environment,
        capture_output=True,
        text=True,
    ).stdout
    assert where.startswith(str(programs.parent))
    assert "valid" in devtools("automations", "validate", "automations.yaml")
    devtools("up")
    status = json.loads(devtools("status", "--json"))
    assert {node["id"]: node["phase"] for node in [*status["services"], *status["tasks"]]} == {
        "database": "running",
        "web": "running",
        "build": "succeeded",
        "test": "pending",
    }
    said = devtools("logs")
    assert "database is up" in said
    assert f"built by {folder.root.name}" in said
    assert "running" in devtools("why", "web")
    devtools("task", "start", "test")
    assert "everything is stopped" in devtools("down")
    assert folder.processes() == {}
    assert not (folder.root / "data" / "up").exists(), "its own stop command was run"
    assert "stopped" in devtools("status")
