"""Files that nobody can read: told in one line with exit code 2, never a traceback, never long."""

from __future__ import annotations

import random
import time

import pytest

from devtools.cli.app import main

ALPHABET = "abc:{}[]-&*!|>'\"%@`#,?\n\t  \\\x85é0~<=."
SEED_TEXT = """
services:
  a: {name: A, triggeredBy: [postEnvironmentStart], commands: {start: &s exec sleep 600, ready: *s}}
tasks:
  t: {name: T, command: "true", dependsOn: [a]}
"""
OVERLAY_TEXT = "services: {a: {ready: {http: {port: 80}}, replicas: 2, watch: [x], restart: {max: 3}}}\n"
LIMIT_S, HANGS_S = 0.3, 5.0  # the first is told, not asserted: machines differ


def mutated(text: str, chance: random.Random) -> str:
    """The text with a few characters, lines or ends changed."""
    for _ in range(chance.randint(1, 6)):
        at = chance.randint(0, len(text))
        to = min(len(text), at + chance.choice((0, 0, 1, 1, 5, 40)))
        text = text[:at] + "".join(chance.choices(ALPHABET, k=chance.randint(0, 6))) + text[to:]
    return text


@pytest.mark.parametrize("count", [100, pytest.param(10_000, marks=pytest.mark.long)])
def test_fuzzed_files_are_judged_with_0_or_2_and_never_a_fault(tmp_path, monkeypatch, capsys, count):
    """In this process: 10,000 starts of Python would be measured instead."""
    monkeypatch.chdir(tmp_path)
    for name in ("DEVTOOLS_STATE_DIR", "DEVTOOLS_WORKSPACE"):
        monkeypatch.delenv(name, raising=False)
    chance = random.Random(2026)
    file, overlay = tmp_path / "automations.yaml", tmp_path / "workspace.yaml"
    refused, late, slowest = 0, 0, 0.0
    for number in range(count):
        is_overlay = number % 2
        file.write_text(SEED_TEXT if is_overlay else mutated(SEED_TEXT, chance), newline="")
        overlay.write_text(mutated(OVERLAY_TEXT, chance) if is_overlay else OVERLAY_TEXT, newline="")
        began = time.process_time()  # other load does not count
        code = main(["status"])
        took = time.process_time() - began
        slowest, late = max(slowest, took), late + (took > LIMIT_S)
        said = capsys.readouterr().err
        assert code == (2 if said else 0), said
        assert "Traceback" not in said
        assert "fault of devtools" not in said
        refused += code == 2
    with capsys.disabled():
        print(f"\n{count} fuzzed: {refused} refused, slowest {slowest:.3f} s, {late} above {LIMIT_S} s")
    assert refused > count / 4
    assert slowest < HANGS_S


def cyclic() -> bytes:
    """An alias that holds itself."""
    return b"services: &a\n  x: *a\n"


def laughing() -> bytes:
    """A billion laughs."""
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 10)]
    return "\n".join(lines).encode()


BAD = {
    "binary": bytes(range(256)) * 16,
    "zeros": bytes(4096),
    "huge": b"services: {}\n" * 100_000,
    "cyclic": cyclic(),
    "laughing": laughing(),
    "deep": b"[" * 50_000,
    "empty": b"",
    "list": b"- a\n- b\n",
    "tabs": b"services:\n\ta: b\n",
    "documents": b"---\n" * 60_000,
    "half": SEED_TEXT.encode()[:60],
}


def test_a_file_that_nobody_may_read_or_that_is_a_folder_is_told(folder):
    (folder.root / "workspace.yaml").mkdir()
    folder.write(SEED_TEXT.replace("&s ", "").replace("*s", "'true'"))
    (folder.root / "other.yaml").symlink_to("other.yaml")
    for name in (".", "other.yaml", "missing.yaml"):
        done = folder.run("automations", "validate", name)
        assert done.returncode == 2, done.stderr
        assert "cannot be read" in done.stdout + done.stderr
        assert "Traceback" not in done.stderr


@pytest.mark.parametrize("kind", sorted(BAD))
def test_a_bad_file_ends_up_with_2_and_one_clear_line(folder, kind):
    (folder.root / "automations.yaml").write_bytes(BAD[kind])
    done = folder.run("up", "--no-validate")
    assert done.returncode == 2, done.stderr
    assert "automations.yaml" in done.stderr
    assert "Traceback" not in done.stderr
    assert folder.processes() == {}


@pytest.mark.parametrize("kind", sorted(BAD))
def test_a_bad_overlay_ends_up_with_2_and_one_clear_line(folder, kind):
    folder.write(SEED_TEXT.replace("&s ", "").replace("*s", "'true'"))
    (folder.root / "workspace.yaml").write_bytes(BAD[kind])
    done = folder.run("up", "--no-validate")
    assert "Traceback" not in done.stderr
    if kind == "empty":
        return  # an overlay that says nothing is one; what it would add is simply not there
    assert done.returncode == 2, done.stderr
    assert "workspace.yaml" in done.stderr
    assert folder.processes() == {}
