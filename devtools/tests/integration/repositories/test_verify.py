"""What a verification proves in its instance: the tests that the change reaches, and the old code's life."""

from __future__ import annotations

import json
import os
import random
import sys
import time

import pytest
from devtools_waiting import until

from devtools.changes import impact, suites
from devtools.changes.steps import Steps
from devtools.instances.place import Instance
from devtools.manifest.model import Repository
from devtools.workspace import Workspace

from ..instances.conftest import Home
from ..instances.test_kills import kill_at, left
from .test_changes import begun, built, told  # noqa: F401  (fixtures)

SERVE = """\
import os, psycopg
with psycopg.connect(os.environ["DATABASE_URL"]) as conn:
    conn.execute("SELECT {column} FROM item")
os.execvp("python3", ["python3", "-m", "http.server", os.environ["PORT"], "--bind", "127.0.0.1"])
"""

PATIENT = """\
import os, pathlib, sys, time
def is_nicer():
    return os.getpriority(os.PRIO_PROCESS, 0) > int(sys.argv[1])
while not is_nicer():
    time.sleep(0.01)
pathlib.Path("aside").touch()
while is_nicer() and os.getuid() == 0:
    time.sleep(0.01)
"""


def failed(verdict):
    return {step["name"]: step["error"] for step in verdict["steps"] if not step["passed"]}


def project(folder, name, *needs):
    (folder / name).mkdir(parents=True)
    wanted = ", ".join(f'"{need}>=1"' for need in needs)
    (folder / name / "pyproject.toml").write_text(
        f'[project]\nname = "{name}"\nversion = "1"\ndependencies = [{wanted}]\n'
    )


def test_a_change_reaches_what_builds_on_it_and_nothing_else(tmp_path):
    project(tmp_path, "page", "service")
    project(tmp_path, "service", "library")
    project(tmp_path, "library")
    project(tmp_path, "other")
    known = {name: Repository(name, name) for name in ("page", "service", "library", "other")}
    reached = [item.id for item in impact.reached(tmp_path, known, ["library/src/a.py", "README.md"])]
    assert reached == ["library", "service", "page"]
    assert [item.id for item in impact.reached(tmp_path, known, ["page/a.py"])] == ["page"]
    assert impact.migrating(known, ["library/a/migrations/1.sql", "page/migrations.py"]) == ["library"]
    assert impact.migrating(known, ["migrations/1.sql"]) == ["."]


def test_the_tests_of_whoever_builds_on_a_change_are_run_and_named(built):  # noqa: F811
    overlay = built.folder / "workspace.yaml"
    text = overlay.read_text().replace("group: libraries", "group: libraries, test: cat src/alpha/states.py")
    overlay.write_text(
        text.replace("group: services", "group: services, test: grep PENDING ../../alpha/FINAL")
    )
    told(built, "start", "hold", "--repo", "alpha")
    (built.folder / ".devtools/changes/hold/tree/alpha/FINAL").write_text("COMPLETED\n")
    told(built, "commit", "hold", "-m", "Says what is final")
    verdict = told(built, "verify", "hold", status=1)
    assert [step["name"] for step in verdict["steps"]][-3:] == ["start", "tests: alpha", "tests: beta"]
    assert list(failed(verdict)) == ["tests: beta"]
    assert "beta: `grep PENDING ../../alpha/FINAL` ended with 1" in failed(verdict)["tests: beta"]
    log = built.folder / verdict["evidence"] / "logs/tests-alpha.log"
    assert log.read_text() == "PENDING = 1\n"


def test_tests_give_way_to_the_start_and_only_as_long(tmp_path):
    made = Instance(Workspace(tmp_path, None, tmp_path / ".devtools"), "one")
    folder = made.tree / "alpha"
    folder.mkdir(parents=True)
    (folder / "patient.py").write_text(PATIENT)
    ours = os.getpriority(os.PRIO_PROCESS, 0)
    alpha = Repository("alpha", "alpha", test=f"{sys.executable} patient.py {ours}")
    steps = Steps(lambda _: None)
    suites.run(made, [alpha], steps, lambda: until((folder / "aside").exists, "the tests give way") and None)
    assert [(step["name"], step["error"]) for step in steps.done] == [("tests: alpha", None)]


@pytest.fixture
def shop(tmp_path):
    """A home whose service asks for a column when it starts."""
    made = Home(tmp_path / "home").make(database=True)
    (made.root / "serve.py").write_text(SERVE.format(column="id"))
    automations = made.root / "automations.yaml"
    text = automations.read_text().replace(
        "exec python3 -u -m http.server $PORT --bind 127.0.0.1", "exec python3 -P serve.py"
    )
    automations.write_text(text)
    overlay = made.root / "workspace.yaml"
    overlay.write_text(
        overlay.read_text().replace("  web: {", "  web: {dependsOn: {postgres: ready, migrate: completed}, ")
    )
    made.git(made.root, "add", "--all")
    made.git(made.root, "commit", "--quiet", "-m", "asks")
    yield made
    made.clear()


def verified(shop, name, migration, column, status):
    shop.run("change", "start", name, "--repo", ".")
    tree = shop.root / ".devtools/changes" / name / "tree"
    (tree / "migrations/0002.sql").write_text(migration)
    (tree / "serve.py").write_text(SERVE.format(column=column))
    shop.run("change", "commit", name, "-m", name)
    process = shop.begin("change", "verify", name, "--json")
    told, words = process.communicate(timeout=600)
    assert process.returncode == status, words
    return json.loads(told)


@pytest.mark.long
def test_old_code_must_live_on_the_new_schema(shop):
    added = "ALTER TABLE item ADD COLUMN IF NOT EXISTS size int;\n"
    verdict = verified(shop, "adds", added, "size", 0)
    assert [step["name"] for step in verdict["steps"]] == [
        "depends-on", "contracts", "install", "migrate", "start",
        "old code, new schema: install", "old code, new schema: start",
    ]  # fmt: skip
    renamed = "ALTER TABLE item ADD COLUMN IF NOT EXISTS number int, DROP COLUMN IF EXISTS id;\n"
    verdict = verified(shop, "renames", renamed, "number", 1)
    assert list(failed(verdict)) == ["old code, new schema: start"]
    assert "web failed" in failed(verdict)["old code, new schema: start"]
    log = shop.root / verdict["evidence"] / "logs/old-web.log"
    assert 'column "id" does not exist' in log.read_text()
    verdict = verified(shop, "breaks", "ALTER TABLE nowhere ADD x int;\n", "id", 1)
    assert list(failed(verdict)) == ["migrate"]
    assert failed(verdict)["migrate"].startswith("the migrations of .: ")
    assert shop.json("instance", "list") == []


@pytest.mark.long
def test_what_a_server_from_outside_leaves_unjudged_is_said(shop):
    (shop.root / ".env").write_text('DATABASE_URL="postgresql://127.0.0.1:1/none"\n')
    added = "ALTER TABLE item ADD COLUMN IF NOT EXISTS size int;\n"
    verdict = verified(shop, "outside", added, "size", 0)
    assert not [step for step in verdict["steps"] if step["name"].startswith("old code")]
    (notice,) = verdict["notices"]
    assert notice.startswith("the old code on the new schema") and "change verify outside" in notice
    page = (shop.root / verdict["evidence"] / "index.html").read_text()
    assert "Not judged: the old code on the new schema" in page


@pytest.mark.long
def test_a_verification_killed_at_fifty_moments_is_ended_by_the_next(shop):
    chance = random.Random(8)
    hits, took_s = 0, 0.0
    for number in range(150):
        if hits == 50:
            break
        name = f"round-{number}"
        shop.run("change", "start", name, "--repo", ".")
        tree = shop.root / ".devtools/changes" / name / "tree"
        (tree / "work").write_text(f"{number}\n")
        if number % 4 == 0:
            added = f"ALTER TABLE item ADD COLUMN IF NOT EXISTS size_{number} int;\n"
            (tree / "migrations/0002.sql").write_text(added)
        shop.run("change", "commit", name, "-m", name)
        before = left(shop)
        if took_s:  # what ends before its kill comes is no hit
            hits += kill_at(shop, chance.uniform(0.05, 1.0), took_s, "change", "verify", name)
        began = time.monotonic()
        assert shop.json("change", "verify", name)["passed"]
        took_s = time.monotonic() - began
        assert shop.json("instance", "list") == []
        assert left(shop) == before
        print(f"{hits} kills hit after {number + 1} turns")
    assert hits == 50
