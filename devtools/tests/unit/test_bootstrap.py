"""What `bootstrap` refuses before it begins."""

from __future__ import annotations

import shutil
from collections import namedtuple

import pytest

from devtools.install.bootstrap import InstallError, Workspace, check_machine, locked, main

Usage = namedtuple("Usage", "total used free")


def test_too_little_space_is_said_before_any_work(tmp_path, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(10**10, 10**10 - 10**8, 10**8))
    with pytest.raises(InstallError, match="only 95 MiB are free"):
        check_machine(Workspace(tmp_path))


def test_a_package_of_the_lock_is_found_with_its_hashes(tmp_path):
    (tmp_path / "requirements.lock").write_text(
        "uv-build==1 \\\n    --hash=a\nuv==2 \\\n    --hash=b\n    --hash=c\nx==3\n"
    )
    assert locked(Workspace(tmp_path), "uv") == "uv==2 \\\n    --hash=b\n    --hash=c\n"
    with pytest.raises(InstallError, match="does not hold ruff"):
        locked(Workspace(tmp_path), "ruff")


def test_a_folder_that_cannot_be_written_is_one_line(tmp_path, capsys):
    (tmp_path / "requirements.lock").write_text("")
    (tmp_path / ".devtools").write_text("a file where a folder should be")
    assert main([str(tmp_path)]) == 1
    assert "Traceback" not in capsys.readouterr().err
