"""The command as a process: exit codes and streams."""

import subprocess
import sys
from pathlib import Path

from payments_api.settings import Settings

ROOM = Path(__file__).parents[2]


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "payments_api.main", *arguments],
        capture_output=True,
        text=True,
        timeout=120,
        env={"PATH": "/usr/bin:/bin", **environment},
        check=False,
    )


def test_a_bad_setting_is_one_line_and_exit_2() -> None:
    done = run(PORT="many")
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith("payments-api: PORT: ")
    assert done.stderr.count("\n") == 1


def test_an_open_api_refuses_to_listen_beyond_loopback() -> None:
    done = run(HOST="0.0.0.0", AUTH_MODE="open")
    assert done.returncode == 2
    assert "would let everyone who reaches HOST=0.0.0.0 move money" in done.stderr


def test_help_names_every_setting() -> None:
    done = run("--help")
    assert done.returncode == 0
    assert all(name.upper() in done.stdout for name in Settings.model_fields)


def test_an_unknown_argument_is_wrong_use() -> None:
    assert run("--port", "1").returncode == 2


def test_the_example_of_the_environment_names_every_setting() -> None:
    text = (ROOM / ".env.example").read_text()
    assert [name for name in Settings.model_fields if f"{name.upper()}=" not in text] == []
