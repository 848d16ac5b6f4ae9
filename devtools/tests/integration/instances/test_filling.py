"""What an instance need not do again: tasks whose work is in its template, a validation just kept."""

from __future__ import annotations

import time

import psycopg
import pytest

from devtools.instances import database, filling, life, running
from devtools.validation import report
from devtools.validation.kept import Kept
from devtools.validation.model import Outcome, Step, StepFailed


def migrate_of(home, name: str) -> str:
    """How the instance tells of the task that fills its database."""
    told = home.run("instance", "exec", name, "--", "devtools", "task", "list").stdout
    (row,) = (line for line in told.splitlines() if line.startswith("migrate "))
    assert "succeeded" in row
    return row


def test_a_task_that_filled_the_template_at_the_same_commits_is_not_run_again(home_with_database):
    home = home_with_database
    (home.root / "migrations" / "0003.sql").write_text("SELECT 3;\n")
    home.git(home.root, "add", "--all")
    home.git(home.root, "commit", "--quiet", "-m", "a template of its own")
    home.run("instance", "create", "same")
    assert filling.REASON in migrate_of(home, "same")
    home.run("instance", "exec", "same", "--", "devtools", "task", "start", "migrate")
    assert "not run" not in migrate_of(home, "same"), "asked for by name, it runs"

    (home.root / "migrate.py").write_text((home.root / "migrate.py").read_text() + 'print("and seeds")\n')
    home.git(home.root, "commit", "--quiet", "-am", "the template is the same, what fills it is not")
    home.run("instance", "create", "other")
    assert "not run" not in migrate_of(home, "other")
    assert "and seeds" in (home.tree("other") / ".devtools" / "logs" / "migrate.log").read_text()
    for name in ("same", "other"):
        home.run("instance", "remove", name)


def test_a_template_that_a_killed_call_began_is_filled_anew(
    home_with_database, here_with_database, monkeypatch
):
    home, here = home_with_database, here_with_database
    (home.root / "migrations" / "0004.sql").write_text("CREATE TABLE IF NOT EXISTS four (id int);\n")
    home.git(home.root, "add", "--all")
    home.git(home.root, "commit", "--quiet", "-m", "one more template")
    ask = running.devtools

    def cut_off(instance, *words, **more):
        if words == ("down",):
            raise InterruptedError  # the tasks have run, their supervisor lives
        return ask(instance, *words, **more)

    monkeypatch.setattr(running, "devtools", cut_off)
    with pytest.raises(InterruptedError):
        life.create(here, "one")
    assert running.lives(life.there(here, "one"))
    monkeypatch.setattr(running, "devtools", ask)
    made = life.create(here, "one")
    with psycopg.connect(database.address(here, made.database)) as conn:
        assert conn.execute("SELECT to_regclass('four') IS NOT NULL").fetchone() == (True,)
    life.remove(here, "one")


def test_what_filled_a_template_is_named_by_commits_settings_and_variables(home, here, monkeypatch):
    made = life.create(here, "one")
    (made.tree / ".env").unlink()
    repositories = life.overlay_of(here).repositories
    known = filling.origin(made, repositories)
    assert known and filling.origin(made, repositories) == known
    monkeypatch.setenv("SEEDS", "5")
    assert filling.origin(made, repositories) not in ("", known)
    monkeypatch.delenv("SEEDS")
    (home.root / ".env").write_text("SEEDS=5\n")
    assert filling.origin(made, repositories) not in ("", known)
    (home.root / ".env").unlink()
    (made.tree / "alpha" / "one").write_text("2\n")
    assert filling.origin(made, repositories) == "", "work that is not committed has no name"
    home.git(made.tree / "alpha", "commit", "--quiet", "-am", "two")
    assert filling.origin(made, repositories) not in ("", known)
    (made.tree / ".env").write_text("SEEDS=6\n")
    assert filling.origin(made, repositories) == ""
    life.remove(here, "one", force=True)


def test_what_is_compiled_when_migrations_run_is_none(home, here):
    made = life.create(here, "one")
    known = database.migrations_hash(made)
    compiled = made.tree / "migrations" / "__pycache__" / "env.cpython-311.pyc"
    compiled.parent.mkdir()
    compiled.write_bytes(b"code")
    assert home.git(made.tree, "status", "--porcelain") == "?? migrations/__pycache__/"
    assert database.migrations_hash(made) == known
    (made.tree / "migrations" / "0009.sql").write_text("SELECT 9;\n")
    assert database.migrations_hash(made) != known
    life.remove(here, "one", force=True)


def test_repositories_that_a_task_is_not_made_of_do_not_count(home, here):
    for part, needs in {"shop": '["base"]', "base": "[]", "pages": '["shop"]'}.items():
        (home.root / part).mkdir()
        text = f'[project]\nname = "{part}"\ndependencies = {needs}\n'
        (home.root / part / "pyproject.toml").write_text(text)
        (home.root / part / "code.py").write_text("1\n")
    overlay = home.root / "workspace.yaml"
    before = overlay.read_text().replace(
        "{alpha: {path: alpha}}",
        "{alpha: {path: alpha}, shop: {path: shop}, base: {path: base}, pages: {path: pages}}",
    )
    automations = home.root / "automations.yaml"
    automations.write_text(automations.read_text() + "tasks: {seed: {name: Seed, command: 'true'}}\n")
    overlay.write_text(before)
    home.git(home.root, "add", "--all")
    home.git(home.root, "commit", "--quiet", "-m", "parts")
    made = life.create(here, "one")
    (made.tree / ".env").unlink()
    repositories = life.overlay_of(here).repositories

    def changes(file: str, text: str) -> bool:
        known = filling.origin(made, repositories, ["seed"])
        place = (made.tree / file).parent
        (made.tree / file).write_text(text)
        home.git(place, "add", "--all")
        home.git(place, "commit", "--quiet", "-m", file)
        assert known
        return filling.origin(made, repositories, ["seed"]) not in ("", known)

    assert changes("pages/code.py", "2\n"), "workspace.yaml does not say whose code the task runs"
    assert changes("workspace.yaml", before + "tasks: {seed: {repository: shop}}\n")
    assert not changes("pages/code.py", "3\n")
    assert not changes("alpha/one", "3\n"), "a repository of its own, by its commit"
    assert changes("shop/code.py", "3\n")
    assert changes("base/code.py", "3\n"), "what it builds on"
    assert changes("seed.sql", "SELECT 1;\n"), "the root's own"
    pages = (made.tree / "pages/pyproject.toml").read_text()
    assert changes("pages/pyproject.toml", pages + 'description = "x"\n'), "what is installed"
    assert filling.origin(made, repositories, ["seed"]) != filling.origin(made, repositories, [])
    life.remove(here, "one", force=True)


def test_the_verdict_of_an_up_is_what_validate_would_have_printed(here):
    made = life.named(here, "one")
    made.state_dir.mkdir(parents=True)
    steps = [Step("a", "A", dict), Step("b", "B", dict)]
    wrong = StepFailed("one", "two", service="web")
    outcomes = [Outcome(steps[0], 0.25, {"id": "pay_1"}), Outcome(steps[1], 0.5, error=wrong)]
    before = time.time()
    record = Kept(made.state_dir, "here", steps)
    record.note(outcomes[0])
    assert running.kept(made, before) is None, "it has not ended"
    record.end(outcomes)
    assert running.kept(made, before) == report.as_json(outcomes)
    assert running.kept(made, time.time() + 60) is None, "an earlier one is not taken for this one's"
