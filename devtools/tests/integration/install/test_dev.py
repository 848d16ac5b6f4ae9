"""`./dev` from nothing, again, interrupted, twice at once, on machines that lack something. Mocks nothing."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest

PATIENCE_S = 30


def _until(condition) -> None:
    end = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.005)


def test_the_first_call_installs_and_the_second_only_hands_over(demo):
    first = demo.dev("up", "--json")
    assert first.returncode == 0, first.stderr
    assert first.stdout == "demo up --json\n"
    assert "installed in" in first.stderr
    written = demo.stamp.stat().st_mtime_ns
    second = demo.dev("status")
    assert (second.returncode, second.stdout, second.stderr) == (0, "demo status\n", "")
    assert demo.stamp.stat().st_mtime_ns == written
    # Without the interpreter on the PATH: a second call needs none to find out that nothing is to be done.
    assert demo.dev("install", PATH="/usr/bin:/bin", DEV_PYTHON="/nowhere").returncode == 0


def test_a_changed_pyproject_or_lock_is_installed_by_the_next_call(demo):
    assert demo.dev("install").returncode == 0
    pyproject = demo.folder / "devtools" / "pyproject.toml"
    pyproject.write_text(pyproject.read_text().replace("[tool.hatch", 'other = "demo:main"\n[tool.hatch'))
    again = demo.dev("install")
    assert again.returncode == 0, again.stderr
    assert "installed in" in again.stderr
    assert (demo.folder / ".venv" / "bin" / "other").exists()


def _as_if_cloned(demo) -> str:
    """The package looks as `fetch` leaves one; returns a home where nothing was agreed to yet."""
    (demo.folder / "devtools" / ".git").mkdir()
    (demo.folder / "devtools" / ".git" / "devtools-cloned").write_text('{"url": "https://x/devtools.git"}')
    return str(demo.folder.parent / "home")


def test_a_package_that_devtools_cloned_is_not_built_before_its_commands_are_agreed_to(demo):
    home = _as_if_cloned(demo)
    refused = demo.dev("up", HOME=home)
    assert refused.returncode == 2
    assert "devtools was cloned from https://x/devtools.git" in refused.stderr
    assert not (demo.folder / ".venv").exists()


@pytest.mark.long
def test_a_package_that_devtools_cloned_is_built_once_it_is_agreed_to(demo):
    home = _as_if_cloned(demo)
    agreed = demo.dev("up", "--trust", HOME=home)
    assert (agreed.returncode, agreed.stdout) == (0, "demo up --trust\n")
    assert demo.dev("install", HOME=home).returncode == 0


def test_a_checkout_that_was_moved_is_installed_anew(demo):
    assert demo.dev("install").returncode == 0
    demo.folder = demo.folder.rename(demo.folder.with_name("elsewhere"))
    assert demo.dev("x").stdout == "demo x\n"
    script = (demo.folder / ".venv" / "bin" / "hatchling").read_text()
    assert str(demo.folder) in script


def test_an_install_killed_in_the_middle_converges(demo):
    process = demo.start("install")
    _until((demo.folder / ".venv" / ".installing").exists)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    assert not demo.stamp.exists()
    again = demo.dev("x")
    assert again.returncode == 0, again.stderr
    assert again.stdout == "demo x\n"
    assert "starting over" in again.stderr


def test_an_interrupted_install_exits_130(demo):
    process = demo.start("install")
    _until((demo.folder / ".venv" / ".installing").exists)
    os.killpg(process.pid, signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert "Traceback" not in err
    assert demo.dev("x").stdout == "demo x\n"


def test_of_two_at_once_one_waits_and_both_succeed(demo):
    first = demo.start("a")
    _until((demo.folder / ".venv" / ".installing").exists)
    second = demo.dev("b")
    out, err = first.communicate(timeout=60)
    assert (first.returncode, out) == (0, "demo a\n"), err
    assert (second.returncode, second.stdout) == (0, "demo b\n"), second.stderr
    assert "another install is working" in second.stderr
    assert "installed in" not in second.stderr


def test_plain_pip_installs_the_same(demo):
    done = demo.dev("x", DEV_INSTALLER="pip")
    assert done.returncode == 0, done.stderr
    assert done.stdout == "demo x\n"
    assert "with pip" in done.stderr


def test_a_package_that_does_not_match_its_hash_is_refused(demo):
    lock = demo.folder / "requirements.lock"
    lines = [
        line[: line.index("sha256:") + 7] + "0" * 64 + line[line.index("sha256:") + 71 :]
        if "sha256:" in line
        else line
        for line in lock.read_text().splitlines(keepends=True)
    ]
    lock.write_text("".join(lines))
    done = demo.dev("x")
    assert done.returncode == 1
    assert "hash" in done.stderr.lower()
    assert "Traceback" not in done.stderr
    assert not demo.stamp.exists()


def test_a_python_that_is_too_old_is_named(demo, tmp_path):
    old = tmp_path / "python3.9"
    old.write_text('#!/bin/sh\ncase "$2" in *exit*) exit 1 ;; esac\necho 3.9.18\n')
    old.chmod(0o755)
    done = demo.dev("up", DEV_PYTHON=str(old))
    assert done.returncode == 1
    assert "Python 3.11 or newer is needed" in done.stderr
    assert "3.9.18" in done.stderr
    assert "hint:" in done.stderr


def test_a_python_that_is_missing_is_named(demo):
    done = demo.dev("up", DEV_PYTHON="/nowhere/python3")
    assert done.returncode == 1
    assert "/nowhere/python3 is not on the PATH" in done.stderr


def test_from_another_folder_the_workspace_of_the_script_is_meant(demo, tmp_path):
    assert demo.dev("install").returncode == 0
    (demo.folder / "devtools/src/demo/__init__.py").write_text(
        "import os\ndef main():\n    print(os.getcwd())\n"
    )
    elsewhere = demo.start("x")
    out, _ = elsewhere.communicate(timeout=30)
    assert Path(out.strip()) == demo.folder
