"""Which shell runs the commands: bash where the PATH has one, else sh."""

from __future__ import annotations

from devtools.supervisor import run


def found(monkeypatch, *folders) -> str:
    monkeypatch.setenv("PATH", ":".join(map(str, folders)))
    return run.shell.__wrapped__()


def test_the_first_bash_of_the_path_that_can_be_run_is_taken(tmp_path, monkeypatch):
    folder, text, program = tmp_path / "folder", tmp_path / "text", tmp_path / "program"
    (folder / "bash").mkdir(parents=True)
    for place, mode in ((text, 0o644), (program, 0o755)):
        place.mkdir()
        (place / "bash").touch(mode)
    assert found(monkeypatch, folder, text, program) == str(program / "bash")


def test_without_a_bash_it_is_sh(tmp_path, monkeypatch):
    assert found(monkeypatch, tmp_path) == "/bin/sh"
