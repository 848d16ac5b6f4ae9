"""Signs hasten a question: a file that the probe names, a line in the log; never more than one a pause."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections import Counter
from pathlib import Path

import pytest

from devtools.supervisor import probes
from devtools.supervisor.logs import Logs
from devtools.supervisor.signs import Appearances, Signs, files_named_in

LONG_S = 60.0  # a rest that only a sign can end within the test's deadline
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="signs are the kernel's inotify")


def test_the_words_of_a_probe_are_paths_where_their_folder_is_there(tmp_path):
    (tmp_path / "run").mkdir()
    found = files_named_in('test -e run/api.ok && [ -f "web.ok" ] || cat gone/x', str(tmp_path))
    assert {f"{tmp_path}/run/api.ok", f"{tmp_path}/web.ok"} <= found
    assert f"{tmp_path}/gone/x" not in found
    assert f"{tmp_path}/-e" not in found


async def rested(tmp_path, sign, *, soonest_s: float = LONG_S) -> bool:
    """True where a long rest ended by `sign`, which is done once the rest has begun."""
    logs, appearances = Logs(tmp_path / "logs"), Appearances()
    (tmp_path / "logs").mkdir(exist_ok=True)
    logs.install()
    log = logs.open("api")
    signs = Signs("api", logs, appearances, {str(tmp_path / "api.ok")})
    try:
        resting = asyncio.create_task(signs.rest(LONG_S, soonest_s))
        await asyncio.sleep(0)
        sign(log.path)
        done, _ = await asyncio.wait([resting], timeout=LONG_S / 2)
        resting.cancel()
        return bool(done)
    finally:
        signs.close()


def test_a_named_file_that_appears_ends_the_rest(tmp_path):
    assert asyncio.run(rested(tmp_path, lambda _: (tmp_path / "api.ok").touch()))


def test_a_named_file_that_is_moved_there_ends_the_rest(tmp_path):
    (tmp_path / "new").touch()
    assert asyncio.run(rested(tmp_path, lambda _: (tmp_path / "new").rename(tmp_path / "api.ok")))


def test_a_line_in_the_log_ends_the_rest_at_its_soonest(tmp_path):
    def says(log) -> None:
        with log.open("a") as stream:
            stream.write("listening\n")

    assert asyncio.run(rested(tmp_path, says, soonest_s=0.01))


def test_a_file_that_appeared_during_the_question_is_not_missed(tmp_path):
    async def scene() -> None:
        logs, appearances = Logs(tmp_path / "logs"), Appearances()
        (tmp_path / "logs").mkdir()
        signs = Signs("api", logs, appearances, {str(tmp_path / "api.ok")})
        (tmp_path / "api.ok").touch()
        await asyncio.wait_for(signs.rest(LONG_S, LONG_S), LONG_S / 2)
        signs.close()

    asyncio.run(scene())


def test_who_waits_next_is_told_by_the_same_watch_and_rest_is_rest(tmp_path):
    """To close an inotify takes the kernel 15 ms and more: no start may wait for that."""

    async def scene() -> None:
        logs, appearances = Logs(tmp_path / "logs"), Appearances()
        (tmp_path / "logs").mkdir()
        before = open_watches()
        for number in range(3):
            file = tmp_path / f"{number}.ok"
            signs = Signs("api", logs, appearances, {str(file)})
            file.touch()
            await asyncio.wait_for(signs.rest(LONG_S, LONG_S), LONG_S / 2)
            assert open_watches() - before == Counter([1])
            signs.close()
            assert open_watches() - before == Counter([0]), "nobody waits, and the kernel still tells"

    asyncio.run(scene())


def open_watches() -> Counter[int]:
    """How many of this process's inotifies have how many watches."""
    found: Counter[int] = Counter()
    for place in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(OSError):
            if place.readlink() == Path("anon_inode:inotify"):
                text = Path(f"/proc/self/fdinfo/{place.name}").read_text()
                found[text.count("inotify wd:")] += 1
    return found


def test_signs_do_not_outpace_the_number_of_those_asked():
    assert probes.soonest(0.0, 1) == probes.FIRST_INTERVAL_S
    assert probes.soonest(0.0, 40) == 40 * probes.PACE_S
    assert probes.soonest(0.1, 1) == pytest.approx(0.1 * probes.BUSY_SHARE)
    assert probes.soonest(30.0, 1) == probes.LAST_INTERVAL_S
