"""How soon a second instance of the workspace is proven, what eight cost at rest, and how quick copies are.

Must not disturb a running workspace: the home has a state folder of its own, and nothing is left at the end.
The warm `up` of the first and the `create` of the second are timed in turns, both with their seven steps. The
remotes of the clones are behind a wire that carries some 600 kB/s for each connection, as a network would.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import psycopg
from devtools.chaos.proxy import Proxy, Toxic
from devtools.instances import database, life, server
from devtools.manifest.model import Repository
from devtools.repositories.clone import clone_missing
from devtools.workspace import Workspace, locate
from payments_schema.money import Money
from payments_schema.payments.store import NewPayment, create_many

ROOT = Path(__file__).resolve().parent.parent
ROUNDS = 2
MANY = 8
IDLE_S = 20.0
SETTLE_S = 15.0
PAYMENTS = 100_000
BATCH = 5_000
CLONES = 5
SIZES_MB = (3, 2, 2, 1, 1)
CHUNK_DELAY_S = 0.1
CHANGE = "bench-verify"
CHANGED = "recon-worker"  # the repository, or in a single checkout the part, that the change is in
AUTHOR = {f"GIT_{who}_{what}": "b@localhost" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
TARGETS = {
    "create_to_seven_steps_s": ("<=", 15.0),
    "create_over_up": ("<=", 1.3),
    "database_clone_s": ("<=", 1.0),
    "verify_over_up": ("<=", 1.5),
    "idle_cpu_percent_of_eight": ("<=", 5.0),
    "five_clones_over_slowest": ("<=", 1.2),
    "validated_at_once": (">=", MANY),
    "left_behind": ("<=", 0),
}


def say(text: str) -> None:
    """Progress, on stderr."""
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


def enter(state: Path) -> None:
    """Forget the workspace that this process was started from; the state folder is ours."""
    for name in list(os.environ):
        if (
            name.startswith(("DEVTOOLS_", "PG", "DATABASE_URL", "MIGRATION_"))
            or name == "PYTHONDONTWRITEBYTECODE"
        ):
            del os.environ[name]
    os.environ["DEVTOOLS_STATE_DIR"] = str(state)


def devtools(*arguments: str, folder: Path = ROOT) -> tuple[float, str]:
    """One command's wall time and output; ends the benchmark with its words where it fails."""
    began = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-P", "-m", "devtools", *arguments],
        cwd=folder,
        env={**os.environ, **AUTHOR},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    if done.returncode != 0:
        raise SystemExit(f"devtools {' '.join(arguments)}: {done.stdout}{done.stderr}")
    return time.monotonic() - began, done.stdout


def second_beside_first() -> tuple[list[float], list[float], list[float]]:
    """Seconds of a warm `up` of the first, of the second's `create`, both proven, and of its `remove`."""
    devtools("up")
    devtools("instance", "create", "warm")
    devtools("instance", "remove", "warm")
    ups: list[float] = []
    creates: list[float] = []
    removes: list[float] = []
    for _ in range(ROUNDS):
        devtools("down")
        ups.append(devtools("up")[0])
        seconds, said = devtools("instance", "create", "second", "--json")
        steps = json.loads(said)["validation"]["steps"]
        if not all(step["passed"] for step in steps):
            raise SystemExit(f"the second instance is not sound: {steps}")
        creates.append(seconds)
        removes.append(devtools("instance", "remove", "second")[0])
        say(f"up {ups[-1]:.1f} s, create {creates[-1]:.1f} s, remove {removes[-1]:.1f} s")
    devtools("down")
    return ups, creates, removes


def change_beside_up(home: Workspace) -> tuple[list[float], list[float]]:
    """Seconds of a warm `up` with its seven steps, and of `change verify` of a change in one repository."""
    is_own = (ROOT / CHANGED / ".git").exists()
    folder = ROOT / CHANGED if is_own else ROOT
    ups: list[float] = []
    verdicts: list[float] = []
    try:
        devtools("change", "start", CHANGE, "--repo", CHANGED if is_own else ".")
        tree = home.state_dir / "changes" / CHANGE / "tree" / CHANGED
        file = next(tree.glob("src/*/__init__.py"))
        file.write_text(f"{file.read_text()}\n# A line that changes nothing but the commit.\n")
        devtools("change", "commit", CHANGE, "-m", "Changes one repository")
        for number in range(ROUNDS + 1):
            devtools("down")
            up = devtools("up")[0]
            verify = devtools("change", "verify", CHANGE, "--json")[0]
            if number:  # the first warms up
                ups.append(up)
                verdicts.append(verify)
            say(f"up {up:.1f} s, change verify {verify:.1f} s")
        devtools("down")
    finally:
        for tree in sorted((home.state_dir / "changes" / CHANGE / "tree").glob("**/.git")):
            subprocess.run(["git", "worktree", "remove", "--force", str(tree.parent)], cwd=folder)
        subprocess.run(["git", "branch", "--quiet", "-D", f"change/{CHANGE}"], cwd=folder)
    return ups, verdicts


async def fill(url: str) -> None:
    """Payments by the statement that the API uses."""
    async with await psycopg.AsyncConnection.connect(url) as conn:
        for start in range(0, PAYMENTS, BATCH):
            numbers = range(start, start + BATCH)
            await create_many(
                conn,
                "bench",
                [NewPayment(f"k{n}", f"acc_{n % 1000}", Money(100 + n, "USD")) for n in numbers],
            )
            await conn.commit()


def cloned_database(home: Workspace) -> tuple[float, float]:
    """Seconds that a copy of a database with many payments takes, and its size in MB."""
    spec = life.overlay_of(home).database
    if spec is None:
        raise SystemExit("this workspace has no database")
    filled = life.create(home, "filled")
    asyncio.run(fill(server.variables(filled, spec, filled.database)["DATABASE_URL"]))
    seconds: list[float] = []
    with psycopg.connect(database.address(home), autocommit=True) as conn:
        conn.execute("CHECKPOINT")  # of what was just written; a copy does not pay for that
        size = conn.execute("SELECT pg_database_size(%s)", (filled.database,)).fetchone()
    for number in range(3):
        copy = life.named(home, f"copy{number}")
        began = time.monotonic()
        database.copy(copy, spec, filled.database)
        seconds.append(time.monotonic() - began)
        database.drop(copy)
    life.remove(home, "filled")
    return statistics.median(seconds), (size[0] if size else 0) / 1e6


def processes(state: Path) -> list[psutil.Process]:
    """Every living process of the home and its instances, the database server's too."""
    found: list[psutil.Process] = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            own = process.environ().get("DEVTOOLS_STATE_DIR", "")
            is_ours = own.startswith(str(state)) or f"devtools.supervisor {state}" in " ".join(
                process.cmdline()
            )
            if is_ours and process.pid != os.getpid() and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
    known = {process.pid for process in found}
    return [*found, *(child for child in _children(found) if child.pid not in known)]


def _children(found: list[psutil.Process]) -> list[psutil.Process]:
    children: dict[int, psutil.Process] = {}
    for process in found:
        with contextlib.suppress(psutil.Error):
            children |= {child.pid: child for child in process.children(recursive=True)}
    return list(children.values())


def ticks(found: list[psutil.Process]) -> float:
    """Seconds of processor time that they have had."""
    total = 0.0
    for process in found:
        with contextlib.suppress(psutil.Error):
            times = process.cpu_times()
            total += times.user + times.system
    return total


def many(home: Workspace) -> dict[str, float]:
    """Many instances at rest, proven all at once, and removed."""
    names = [f"many{number}" for number in range(MANY)]
    for name in names:
        devtools("instance", "create", name, "--no-validate")
        say(f"{name} runs")
    with ThreadPoolExecutor(MANY) as pool:
        verdicts = list(pool.map(_validated, names))
    time.sleep(SETTLE_S)
    running = processes(home.state_dir)
    before, began = ticks(running), time.monotonic()
    time.sleep(IDLE_S)
    share = (ticks(running) - before) / (time.monotonic() - began) * 100
    memory = sum(process.memory_info().rss for process in running) / 1e6
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda name: devtools("instance", "remove", name), names))
    devtools("down")
    return {
        "validated_at_once": float(sum(verdicts)),
        "idle_cpu_percent_of_eight": share,
        "memory_mb_of_eight": memory,
        "left_behind": float(_left(home)),
    }


def _validated(name: str) -> bool:
    done = subprocess.run(
        [
            sys.executable,
            "-P",
            "-m",
            "devtools",
            "instance",
            "exec",
            name,
            "--",
            "devtools",
            "validate",
            "--json",
        ],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    return done.returncode == 0 and bool(json.loads(done.stdout)["passed"])


def _left(home: Workspace) -> int:
    """Processes, instances, worktrees and branches that are still there."""
    listed = subprocess.run(["git", "worktree", "list"], cwd=ROOT, capture_output=True, text=True).stdout
    branches = subprocess.run(["git", "branch", "--list", f"change/{CHANGE}"], cwd=ROOT, capture_output=True)
    trees = listed.count(str(home.state_dir)) + bool(branches.stdout)
    return len(processes(home.state_dir)) + len(life.listing(home)) + trees


@contextlib.contextmanager
def remotes(room: Path) -> Iterator[list[str]]:
    """The URLs of some repositories behind a wire of limited speed."""
    served = room / "served"
    for number in range(CLONES):
        folder = room / f"source{number}"
        folder.mkdir(parents=True)
        _git(folder, "init", "--quiet", "--initial-branch=main")
        (folder / "data").write_bytes(os.urandom(SIZES_MB[number] * 1_000_000))
        _git(folder, "add", "--all")
        _git(folder, "-c", "user.name=b", "-c", "user.email=b@localhost", "commit", "--quiet", "-m", "one")
        _git(room, "clone", "--quiet", "--bare", str(folder), str(served / f"r{number}.git"))
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    listen = ["--listen=127.0.0.1", f"--port={port}", "--reuseaddr"]
    command = ["git", "daemon", "--export-all", f"--base-path={served}", *listen, str(served)]
    daemon = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, daemon=True).start()
    proxy = Proxy(port, Toxic(delay_s=CHUNK_DELAY_S))
    try:
        asyncio.run_coroutine_threadsafe(proxy.start(), loop).result()
        _await_daemon(port)
        yield [f"git://127.0.0.1:{proxy.port}/r{number}.git" for number in range(CLONES)]
    finally:
        asyncio.run_coroutine_threadsafe(proxy.stop(), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        daemon.terminate()
        daemon.wait()


def _await_daemon(port: int) -> None:
    deadline = time.monotonic() + 30
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
        else:
            return


def _git(folder: Path, *arguments: str) -> None:
    subprocess.run(["git", *arguments], cwd=folder, check=True, stdin=subprocess.DEVNULL)


def clones(room: Path) -> tuple[float, float]:
    """Seconds of the slowest single `git clone`, and of all of them as `up` brings them."""
    with remotes(room) as urls:
        singles: list[float] = []
        for number, url in enumerate(urls):
            began = time.monotonic()
            _git(room, "clone", "--quiet", url, str(room / f"single{number}"))
            singles.append(time.monotonic() - began)
        wanted = {
            f"r{number}": Repository(f"r{number}", f"r{number}", url) for number, url in enumerate(urls)
        }
        began = time.monotonic()
        clone_missing(room / "together", wanted, dict(os.environ), say)
        return max(singles), time.monotonic() - began


def measure() -> dict[str, object]:
    """Everything, as the JSON object of `bench`."""
    with tempfile.TemporaryDirectory(prefix="bench-instances-") as name:
        room = Path(name).resolve()
        enter(room / "state")
        home = locate(ROOT)
        try:
            slowest, five = clones(room / "clones")
            say(f"the slowest clone {slowest:.2f} s, five {five:.2f} s")
            ups, creates, removes = second_beside_first()
            ups_again, verifies = change_beside_up(home)
            clone_s, size_mb = cloned_database(home)
            say(f"a database of {size_mb:.0f} MB is copied in {clone_s:.2f} s")
            figures = {
                "up_of_the_first_s": statistics.median(ups),
                "create_to_seven_steps_s": statistics.median(creates),
                "change_verify_s": statistics.median(verifies),
                "remove_s": statistics.median(removes),
                "database_clone_s": clone_s,
                "database_mb": size_mb,
                "slowest_single_clone_s": slowest,
                "five_clones_s": five,
                **many(home),
            }
        finally:
            for row in life.listing(home):
                life.remove(home, row["name"], force=True)
            devtools("down")
    ratios = {
        "create_over_up": statistics.median(create / up for create, up in zip(creates, ups, strict=True)),
        "verify_over_up": statistics.median(
            verify / up for verify, up in zip(verifies, ups_again, strict=True)
        ),
        "five_clones_over_slowest": five / slowest,
    }
    measured = {**figures, **ratios}
    return {
        "bench": "instances",
        "figures": {key: round(value, 3) for key, value in figures.items()},
        "ratios": {key: round(value, 3) for key, value in ratios.items()},
        "targets": {key: f"{sign} {limit:g}" for key, (sign, limit) in TARGETS.items()},
        "holds": all(
            measured[key] <= limit if sign == "<=" else measured[key] >= limit
            for key, (sign, limit) in TARGETS.items()
        ),
    }


def main() -> int:
    """Run the benchmark; 1 where a target is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")
    arguments = parser.parse_args()
    result = measure()
    sys.stdout.write(json.dumps(result, indent=None if arguments.json else 2) + "\n")
    return 0 if result["holds"] else 1


if __name__ == "__main__":
    raise SystemExit(main())
