"""The README's commands of wallets run as they stand there."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import pytest

from payments_schema.cli import main

README = Path(__file__).parents[2] / "README.md"
COMMANDS = [
    line
    for line in README.read_text(encoding="utf-8").splitlines()
    if line.startswith("payments-schema wallets ")
]


def test_both_are_there() -> None:
    assert len(COMMANDS) == 2


@pytest.mark.parametrize("command", COMMANDS, ids=["route", "risk"])
def test_the_command_answers(
    command: str, database_url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MIGRATION_DATABASE_URL", database_url)
    assert main(shlex.split(command, comments=True)[1:]) == 0
    assert json.loads(capsys.readouterr().out)["changed"] == 0
