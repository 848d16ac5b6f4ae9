"""`up --watch`: a save restarts what its repository reaches and nothing else; real files, real processes."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from devtools_waiting import until

PYTHON = "[project]\nname = '{}'\ndependencies = [{}]\n"
AUTOMATIONS = """\
services:
  base: {name: B, triggeredBy: [postEnvironmentStart], commands: {start: exec sleep 600}}
  api: {name: A, triggeredBy: [postEnvironmentStart], commands: {start: exec python3 -u api/src/api.py}}
  page: {name: P, triggeredBy: [postEnvironmentStart], commands: {start: exec python3 -u page/src/page.py}}
  edge: {name: E, triggeredBy: [postEnvironmentStart], commands: {start: exec sleep 600}}
tasks:
  migrate: {name: M, triggeredBy: [postEnvironmentStart], command: cat wire/migrations/*.sql >> applied}
"""
OVERLAY = """\
repositories: {wire: {}, api: {}, page: {}, other: {}}
services:
  base: {watch: conf}
  api:
    repository: api
    dependsOn: {base: ready, migrate: completed}
    ready: {log: served, timeout: 60s}
    restart: {policy: on-failure, backoff: 60s, max: 5}
  page: {repository: page, dependsOn: {api: ready}}
  edge: {restartWith: page}
tasks:
  migrate: {repository: wire, dependsOn: {base: ready}}
"""
MAIN = """\
import os, sys, time
os.system('cp applied seen 2>/dev/null')
sys.path.insert(0, 'wire/src')
import wire
print('served', flush=True)
time.sleep(600)
"""


def save(file: Path, text: str) -> None:
    """As editors do it: nobody ever sees half of it."""
    (file.parent / ".new").write_text(text)
    (file.parent / ".new").rename(file)


@pytest.fixture
def written(folder):
    """wire ← api; page and other alone."""
    for name, needs in (("wire", ""), ("api", "'wire'"), ("page", ""), ("other", "")):
        (folder.root / name / "src").mkdir(parents=True)
        (folder.root / "conf").mkdir(exist_ok=True)
        save(folder.root / name / "pyproject.toml", PYTHON.format(name, needs))
        save(folder.root / name / "src" / f"{name}.py", "import time\ntime.sleep(600)\n")
    save(folder.root / "wire/src/wire.py", "RATE = 1\n")
    (folder.root / "wire/migrations").mkdir()
    save(folder.root / "wire/migrations/1.sql", "one\n")
    save(folder.root / "api/src/api.py", MAIN)
    return folder.write(AUTOMATIONS, OVERLAY)


@pytest.fixture
def watching(written):
    """Everything runs, and saves are followed."""
    written.told = written.up("--watch").stderr
    return written


@pytest.fixture
def git(written):
    """Its one checkout, with a branch `next` on which api and page have fifty modules more."""

    def run(*arguments: str) -> None:
        own = ["-c", "user.name=A", "-c", "user.email=a@example.org", "-c", "core.hooksPath=/dev/null"]
        subprocess.run(["git", "-C", str(written.root), *own, *arguments], check=True, capture_output=True)

    (written.root / ".gitignore").write_text("generated.py\n.devtools/\n")
    run("init", "--quiet", "--initial-branch=main")
    run("add", "--all")
    run("commit", "--quiet", "-m", "first")
    run("switch", "--quiet", "-c", "next")
    for path in [f"{name}/src/m{number}.py" for name in ("api", "page") for number in range(50)]:
        (written.root / path).write_text("1")
    run("add", "--all")
    run("commit", "--quiet", "-m", "second")
    run("switch", "--quiet", "main")
    return run


class Since:
    """Which services have been restarted since this was made; it knows them by their processes."""

    def __init__(self, folder) -> None:
        self.folder = folder
        self.before = self._pids()

    def _pids(self) -> dict[str, int | None]:
        return {name: self.folder.node(name)["pid"] for name in ("base", "api", "page", "edge")}

    def renewed(self) -> set[str]:
        """Those that run again; {"?"} while one is on its way."""
        nodes = {name: self.folder.node(name) for name in self.before}
        if not all(node["phase"] == "running" and node["ready"] for node in nodes.values()):
            return {"?"}
        return {name for name, node in nodes.items() if node["pid"] != self.before[name]}

    def until(self, *names: str) -> None:
        """Wait until exactly these have been restarted."""
        until(lambda: self.renewed() == set(names), f"exactly {names} have been restarted")


def words(folder) -> list[str]:
    """What the watcher said it does."""
    said = (folder.state / "logs" / "supervisor.log").read_text().splitlines()
    return [line.removeprefix("watch: ") for line in said if line.startswith("watch: ")]


def test_a_save_restarts_what_builds_on_its_repository_and_nothing_else(watching):
    since = Since(watching)
    save(watching.root / "wire/src/wire.py", "RATE = 2\n")
    since.until("api")  # not the page, which only speaks to it
    since = Since(watching)
    save(watching.root / "page/src/page.py", "import time\ntime.sleep(601)\n")
    since.until("page", "edge")
    assert words(watching) == [
        "wire/src/wire.py changed: restarts api",
        "page/src/page.py changed: restarts page, edge",
    ]
    assert (watching.root / "applied").read_text() == "one\n"
    watching.run("service", "stop", "edge")
    before = watching.node("page")["pid"]
    save(watching.root / "page/src/page.py", "import time\ntime.sleep(602)\n")
    until(lambda: watching.node("page")["pid"] not in (None, before), "the page has been restarted")
    assert watching.node("edge")["phase"] == "stopped"  # as somebody wanted it


def test_a_switch_of_branches_is_one_restart_when_git_is_done_and_none_where_it_ends_as_it_began(
    git, watching
):
    for branch in ("next", "main"):
        since, said = Since(watching), len(words(watching))
        git("switch", "--quiet", branch)
        since.until("api", "page", "edge")
        renewed = [line for line in words(watching)[said:] if "changed" in line]
        assert len(renewed) == 1
        assert renewed[0].endswith("changed: restarts api, page, edge")
    since = Since(watching)
    for name in ("api", "page"):  # git takes them for changed, and writes them as they are
        (watching.root / name / "src" / f"{name}.py").touch()
    git("checkout-index", "--force", "--all", "--index")
    save(watching.root / "wire/src/wire.py", "RATE = 3\n")
    since.until("api")

    # While a git holds its lock nothing is restarted.
    since, said = Since(watching), len(words(watching))
    lock = watching.root / ".git/index.lock"
    lock.touch()
    save(watching.root / "page/src/page.py", "half done")
    until(lambda: len(words(watching)) > said, "it is said that a git is at work")
    save(watching.root / "page/src/page.py", "import time\ntime.sleep(603)\n")
    lock.unlink()
    since.until("page", "edge")
    assert words(watching)[said:] == [
        "a git is at work (index.lock): waits for its end",
        "page/src/page.py changed: restarts page, edge",
    ]


def test_no_noise_restarts_anything_and_a_syntax_error_is_told_until_the_next_save(git, watching):
    root = watching.root
    since = Since(watching)
    save(root / "api/README.md", "prose")
    (root / "api/tests").mkdir()
    save(root / "api/tests/test_api.py", "1")
    (root / "conf/__pycache__").mkdir()  # base restarts at any change in this folder, but not at noise
    save(root / "conf/__pycache__/x.pyc", "1")
    (root / "api/src/__pycache__").mkdir()
    save(root / "api/src/__pycache__/api.cpython-311.pyc", "1")
    save(root / "api/src/.api.py.swp", "1")
    save(root / "api/src/generated.py", "ignored by git")
    save(root / "other/src/other.py", "nobody runs it")
    save(root / "api/src/api.py", MAIN)  # the same content once more
    save(root / "page/src/page.py", "import time\ntime.sleep(601)\n")  # and one that counts, after all
    since.until("page", "edge")
    assert words(watching) == ["page/src/page.py changed: restarts page, edge"]
    save(watching.root / "wire/src/wire.py", "RATE = (\n")
    until(lambda: watching.node("api")["phase"] == "failed", "it has failed")  # its restarts wait a minute
    reason = watching.node("api")["reason"]
    assert reason == "exited 1 before it was ready: SyntaxError: '(' was never closed; a save tries it again"
    assert watching.node("page")["phase"] == "running"
    save(watching.root / "wire/src/wire.py", "RATE = 4\n")
    until(lambda: watching.node("api")["phase"] == "running", "it runs again")
    assert watching.node("api")["restarts"] == 0


def test_a_migration_is_applied_before_what_needs_it_and_one_that_fails_is_mended_by_a_save(watching):
    since = Since(watching)
    save(watching.root / "wire/migrations/2.sql", "two\n")
    since.until("api")
    assert (watching.root / "applied").read_text() == "one\none\ntwo\n"
    assert words(watching) == ["wire/migrations/2.sql changed: runs migrate again, restarts api"]
    assert (watching.root / "seen").read_text() == "one\none\ntwo\n"
    (watching.root / "applied").rename(watching.root / "kept")
    (watching.root / "applied").mkdir()  # nothing can be appended to it
    save(watching.root / "wire/migrations/3.sql", "three\n")
    until(lambda: watching.node("api")["phase"] == "failed", "the migration has failed")
    assert watching.node("api")["reason"].startswith("dependency migrate failed")
    (watching.root / "applied").rmdir()
    save(watching.root / "wire/migrations/3.sql", "three.\n")
    until(lambda: watching.node("api")["ready"], "it runs again")
    assert (watching.root / "applied").read_text() == "one\ntwo\nthree.\n"


def test_who_fell_with_another_comes_back_with_it(folder):
    """A save in wire restarts api and page; api fails, page with it; a save in api alone mends both."""
    for name, needs in (("wire", ""), ("api", "'wire'"), ("page", "'wire'")):
        (folder.root / name / "src").mkdir(parents=True)
        save(folder.root / name / "pyproject.toml", PYTHON.format(name, needs))
        save(folder.root / name / "src" / f"{name}.py", "import time\ntime.sleep(600)\n")
    save(folder.root / "wire/src/wire.py", "RATE = 1\n")
    save(folder.root / "api/src/api.py", MAIN + "wire.RATE\n")
    lines = AUTOMATIONS.splitlines()
    services = "\n".join([lines[0], *lines[2:4]]) + "\n"
    folder.write(services, "services: {api: {ready: {log: served, timeout: 60s}}}\n")
    assert "no service in workspace.yaml says which `repository` it runs" in folder.up("--watch").stderr
    folder.write(
        services,
        "repositories: {wire: {}, api: {}, page: {}}\nservices:\n"
        "  api: {repository: api, ready: {log: served, timeout: 60s}}\n"
        "  page: {repository: page, dependsOn: {api: ready}}\n",
    )
    folder.up("--watch")
    save(folder.root / "wire/src/wire.py", "RATE = (\n")
    until(lambda: folder.node("page")["phase"] == "failed", "both have failed")
    save(folder.root / "api/src/api.py", MAIN.replace("import wire\n", ""))
    until(lambda: folder.node("page")["phase"] == "running", "both run again")


def test_saves_are_followed_until_told_otherwise_and_it_is_said_what_each_restarts(watching):
    assert "watches wire: a save restarts api; migrate where a migration changes" in watching.told
    assert "watches api: a save restarts api\n" in watching.told
    assert "watches page: a save restarts page, edge\n" in watching.told
    assert "watches other" not in watching.told  # it reaches nothing
    assert "watches api: api\n" in watching.run("status").stdout
    assert "watches" not in watching.up("--no-watch").stderr
    since = Since(watching)
    save(watching.root / "page/src/page.py", "import time\ntime.sleep(601)\n")
    assert watching.ask("GET /v1/status")[1]["watches"] == {}
    watching.up("--watch")
    save(watching.root / "api/src/api.py", MAIN + "# other\n")
    since.until("api")
    watching.up()  # says nothing about it, so it stays
    since = Since(watching)
    save(watching.root / "api/src/api.py", MAIN + "# another\n")
    since.until("api")
