"""Logs read back as they were written, also after rotation; state files survive what they hold."""

from __future__ import annotations

import asyncio
import os

from devtools import identity, logview, statefile
from devtools.supervisor.logs import Logs


def write(folder, name: str, lines: list[str], logs: Logs) -> None:
    """Append lines as a service would."""
    log = logs.open(name)
    os.write(log.descriptor, "".join(f"{line}\n" for line in lines).encode())
    logs.flush()


async def test_the_last_lines_are_found_without_reading_all(tmp_path):
    logs = Logs(tmp_path)
    write(tmp_path, "a", [f"line {i}" for i in range(50_000)], logs)
    assert [line.text for line in logview.tail(tmp_path, ["a"], 3)] == [
        "line 49997",
        "line 49998",
        "line 49999",
    ]
    assert len(logview.tail(tmp_path, ["a"], None)) == 50_000


async def test_logs_are_merged_by_time(tmp_path):
    logs = Logs(tmp_path)
    for number in range(3):
        for name in ("a", "b"):
            write(tmp_path, name, [f"{name}{number}"], logs)
            await asyncio.sleep(0.002)
    assert [line.text for line in logview.tail(tmp_path, ["a", "b"], 10)] == [
        "a0",
        "b0",
        "a1",
        "b1",
        "a2",
        "b2",
    ]


async def test_rotation_loses_no_line_and_moves_no_offset(tmp_path):
    logs = Logs(tmp_path, max_bytes=200_000)
    written = 0
    for _ in range(8):
        write(tmp_path, "a", [f"line {i:06d}" for i in range(written, written + 5000)], logs)
        written += 5000
    assert (tmp_path / "a.log.1").exists()
    blocks = (tmp_path / "a.log").stat().st_blocks * 512
    assert blocks < 300_000  # the old part's blocks have been given back
    found = [line.text for line in logview.tail(tmp_path, ["a"], None)]
    assert found == [f"line {i:06d}" for i in range(written)]


async def test_follow_brings_what_is_written_next(tmp_path):
    logs = Logs(tmp_path)
    write(tmp_path, "a", ["old"], logs)
    following = logview.follow(tmp_path, ["a"], logview.ends(tmp_path, ["a"]))
    write(tmp_path, "a", ["new"], logs)
    assert next(following).text == "new"


def test_a_state_file_is_private_and_whole(tmp_path):
    path = tmp_path / "state.json"
    statefile.write_json(path, {"a": 1})
    assert path.stat().st_mode & 0o777 == 0o600
    assert statefile.read_json(path) == {"a": 1}
    assert [entry.name for entry in tmp_path.iterdir()] == ["state.json"]


def test_a_broken_state_file_is_an_empty_one(tmp_path):
    path = tmp_path / "state.json"
    for text in ("", "[", "[1]", "\x00" * 10, "{" * 100_000):
        path.write_text(text)
        assert statefile.read_json(path) == {}


def test_a_forged_identity_is_none():
    own = identity.own()
    assert identity.is_alive(own)
    assert identity.from_json(own.to_json()) == own
    assert not identity.is_alive(identity.Identity(own.pid, own.started + 1, own.boot))
    assert not identity.is_alive(identity.Identity(own.pid, own.started, "another boot"))
    assert identity.from_json({"pid": "1", "started": 1, "boot": "x"}) is None
    assert identity.from_json({"pid": 1, "started": 1, "boot": "x"}) is None
    assert identity.from_json([1]) is None
