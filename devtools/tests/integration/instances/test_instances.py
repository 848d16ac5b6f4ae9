"""Instances from `create` to `remove`, over real worktrees, processes and databases."""

from __future__ import annotations

import gzip
import shlex
import urllib.request
from pathlib import Path

import psycopg
import pytest

from devtools.errors import Blocked, DevtoolsError, WrongUse
from devtools.instances import database, life, refs, running, snapshot
from devtools.workspace import Workspace

README = Path(__file__).parent.parent.parent.parent / "README.md"


def page(port: int) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/mark", timeout=30) as answer:
        return answer.read().decode()


def databases(home) -> set[str]:
    workspace = Workspace(home.root, home.root / "automations.yaml", home.root / ".devtools")
    with psycopg.connect(database.address(workspace)) as conn:
        return {name for (name,) in conn.execute("SELECT datname FROM pg_database")}


ASK = 'import os, psycopg; c = psycopg.connect(os.environ["DATABASE_URL"], autocommit=True); print('
INSERT = 'c.execute("INSERT INTO item VALUES (7)").rowcount)'
START = "devtools up --no-validate && echo running in $DEVTOOLS_INSTANCE"
SELECT = 'c.execute("SELECT id FROM item").fetchall())'


def test_two_instances_run_beside_each_other_and_leave_nothing(home_with_database):
    home = home_with_database
    made = {"left": home.json("instance", "create", "left")}
    templates = {name for name in databases(home) if name.startswith("template_")}
    assert len(templates) == 1
    (home.root / "migrations" / "0002.sql").write_text("INSERT INTO item VALUES (8);\n")
    home.git(home.root, "add", "--all")
    home.git(home.root, "commit", "--quiet", "-m", "another migration has another template")
    made["right"] = home.json("instance", "create", "right")
    assert len({name for name in databases(home) if name.startswith("template_")} - templates) == 1
    for name, row in made.items():
        assert row["state"] == "ready" and row["running"]
        assert row["ports"]["web"] in range(row["first_port"], row["first_port"] + 50)
        assert row["shas"]["alpha"] == home.git(home.root / "alpha", "rev-parse", "HEAD")
        (home.tree(name) / "mark").write_text(name)
        assert page(row["ports"]["web"]) == name
    assert made["left"]["first_port"] != made["right"]["first_port"]
    assert [row["name"] for row in home.json("instance", "list")] == ["left", "right"]
    assert f"http://127.0.0.1:{made['left']['ports']['web']}" in home.run("instance", "open", "left").stdout
    assert home.run("instance", "exec", "left", "--", "python3", "-c", ASK + INSERT).stdout == "1\n"
    assert home.run("instance", "exec", "left", "--", "python3", "-c", ASK + SELECT).stdout == "[(7,)]\n"
    assert "(7,)" not in home.run("instance", "exec", "right", "--", "python3", "-c", ASK + SELECT).stdout

    told = home.run("down").stderr
    assert "instance left is stopped" in told and "instance right is stopped" in told
    assert home.processes() == []
    (home.tree("left") / "mark").unlink()
    (home.tree("right") / "mark").unlink()
    assert "running in" in home.run("instance", "exec", "left", "--", "sh", "-c", START).stdout
    for name in ("left", "right"):  # the first while it runs
        gone = home.json("instance", "remove", name)
        assert gone["gone"] == {"processes": True, "ports": True, "database": True, "worktrees": True}
        assert gone["branches_kept"] == []
    assert home.json("instance", "list") == []
    assert home.worktrees() == set() and home.branches() == {"main"}
    home.run("up", "--no-validate", "--only", "postgres")
    assert not [name for name in databases(home) if name.startswith("instance_")]
    assert not [process for process in home.processes() if str(home.tree("")) in " ".join(process.cmdline())]


def test_a_snapshot_is_made_again_with_its_database(home_with_database, here_with_database, tmp_path):
    home, here = home_with_database, here_with_database
    (home.root / ".env").write_text('API_TOKEN="hush"\nLEVEL=loud\nDATABASE_NOTE=x\n')
    made = life.create(here, "kept")
    with psycopg.connect(database.address(here, made.database)) as conn:
        conn.execute("INSERT INTO item SELECT generate_series(1, 1000)")
        before = conn.execute("SELECT sum(id) FROM item").fetchone()
    alpha = home.tree("kept") / "alpha"
    (alpha / "new").write_bytes(b"binary\0\r\n\xff")
    (alpha / "one").write_text("staged\n")
    home.git(alpha, "add", "one")
    (alpha / "one").write_text("changed after\n")
    file = tmp_path / "kept.tar.gz"
    manifest = snapshot.take(here, "kept", file)
    assert manifest["environment"] == {"API_TOKEN": "***", "DATABASE_NOTE": "x", "LEVEL": "loud"}
    assert b"hush" not in gzip.decompress(file.read_bytes())
    with pytest.raises(Blocked, match="there is an instance kept"):
        snapshot.restore(here, file, "", say=print)

    for _ in range(2):  # the second ends what nothing was left to do of
        again, missing = snapshot.restore(here, file, "again", say=print)
        assert missing == ["API_TOKEN"]
        assert (home.tree("again") / "alpha" / "new").read_bytes() == (alpha / "new").read_bytes()
        assert (home.tree("again") / "alpha" / "one").read_text() == "changed after\n"
        assert home.git(home.tree("again") / "alpha", "show", ":one") == "staged"
        with psycopg.connect(database.address(here, again.database)) as conn:
            assert conn.execute("SELECT sum(id) FROM item").fetchone() == before
        assert 'LEVEL="loud"' in (home.tree("again") / ".env").read_text()
    settings = (home.root / ".env").read_text()
    (home.root / ".env").write_text(f'{settings}DATABASE_URL="postgresql://127.0.0.1:1/none"\n')
    with pytest.raises(Blocked, match="no server of its own"):
        snapshot.restore(here, file, "third", say=print)
    (home.root / ".env").write_text(settings)
    copy = life.create(here, "copy", fill=life.copying(here, "again"))
    with psycopg.connect(database.address(here, copy.database)) as conn:
        assert conn.execute("SELECT sum(id) FROM item").fetchone() == before
    for name in ("kept", "again", "copy"):
        life.remove(here, name, force=True)
    home.run("down")


def test_a_snapshot_leaves_no_database_out_unsaid(home_with_database, here_with_database, tmp_path):
    home, here = home_with_database, here_with_database
    (home.root / ".env").write_text('DATABASE_URL="postgresql://127.0.0.1:1/none"\n')
    life.create(here, "outside")
    file = tmp_path / "outside.tar.gz"
    with pytest.raises(Blocked, match="server from outside") as refused:
        snapshot.take(here, "outside", file)
    assert "--no-database" in str(refused.value.hint)
    assert not file.exists()
    assert snapshot.take(here, "outside", file, with_database=False)["database"] is None
    life.remove(here, "outside", force=True)


def test_a_snapshot_is_made_again_elsewhere(home, here, tmp_path):
    for part in (".", "alpha"):
        home.git(home.root / part, "clone", "--quiet", "--bare", ".", str(tmp_path / f"{part}x.git"))
        home.git(home.root / part, "remote", "add", "origin", str(tmp_path / f"{part}x.git"))
        home.git(home.root / part, "fetch", "--quiet", "origin")
    made = life.create(here, "one")
    alpha = made.tree / "alpha"
    (alpha / "one").write_text("2\n")
    home.git(alpha, "commit", "--quiet", "-am", "nowhere else")
    (alpha / "one").unlink()
    file = tmp_path / "one.tar.gz"
    facts = snapshot.take(here, "one", file)["repositories"]
    assert facts["alpha"]["unpublished_commits"] == 1 and facts["."]["unpublished_commits"] == 0

    other = tmp_path / "elsewhere"
    home.git(tmp_path, "clone", "--quiet", str(tmp_path / ".x.git"), str(other))
    home.git(tmp_path, "clone", "--quiet", str(tmp_path / "alphax.git"), str(other / "alpha"))
    there = Workspace(other, other / "automations.yaml", other / ".devtools")
    again, missing = snapshot.restore(there, file, "", say=print)
    assert missing == [] and not (again.tree / "alpha" / "one").exists()
    assert home.git(again.tree / "alpha", "rev-parse", "HEAD") == facts["alpha"]["sha"]
    (again.tree / "alpha" / "one").write_text("other work\n")
    with pytest.raises(DevtoolsError, match="neither as it was committed nor"):
        snapshot.restore(there, file, "", say=print)
    assert (again.tree / "alpha" / "one").read_text() == "other work\n"
    spoiled = tmp_path / "spoiled.tar.gz"
    for text in (b"", b"x" * 100, file.read_bytes()[:-200]):
        spoiled.write_bytes(text)
        with pytest.raises(WrongUse, match="is no snapshot"):
            snapshot.restore(there, spoiled, "other", say=print)
    for workspace in (here, there):
        life.remove(workspace, "one", force=True)


def test_work_that_is_nowhere_else_is_kept(home, here):
    life.create(here, "one")
    alpha = home.tree("one") / "alpha"
    (alpha / "new").write_text("work\n")
    with pytest.raises(Blocked, match="alpha: new"):
        life.remove(here, "one")
    life.create(here, "one")
    assert (alpha / "new").read_text() == "work\n"
    home.git(alpha, "config", "status.showUntrackedFiles", "no")
    with pytest.raises(Blocked, match="alpha: new"):
        life.remove(here, "one")

    home.git(alpha, "checkout", "--quiet", "--detach")
    home.git(alpha, "add", "new")
    home.git(alpha, "commit", "--quiet", "-m", "work")
    with pytest.raises(Blocked, match=r"alpha: commit .*, on no branch"):
        life.remove(here, "one")
    home.git(alpha, "checkout", "--quiet", "-B", "instance/one")
    (alpha / ".git").rename(alpha / "git")
    with pytest.raises(Blocked, match="no worktree any more"):
        life.remove(here, "one")
    with pytest.raises(WrongUse, match=r"has lost its \.git"):
        life.create(here, "one")
    (alpha / "git").rename(alpha / ".git")
    assert life.remove(here, "one")["branches_kept"] == ["alpha: instance/one"]
    life.create(here, "one")
    assert (alpha / "new").read_text() == "work\n"

    (alpha / "one").write_text("2\n")
    life.remove(here, "one", force=True)
    assert not home.tree("one").exists()


def test_an_instance_begins_where_it_is_told_to(home, here):
    first = home.git(home.root, "rev-parse", "HEAD")
    home.git(home.root / "alpha", "branch", "change/faster")
    (home.root / "alpha" / "one").write_text("2\n")
    home.git(home.root / "alpha", "commit", "--quiet", "-am", "two")
    made = life.create(here, "changed", refs.of_change(here, "faster"))
    assert life.row(made)["shas"] == {
        ".": first,
        "alpha": home.git(home.root / "alpha", "rev-parse", "change/faster"),
    }
    assert (home.tree("changed") / "alpha" / "one").read_text() == "1\n"
    life.create(here, "changed", {"alpha": "main"})  # whole: it is left where it is
    assert (home.tree("changed") / "alpha" / "one").read_text() == "1\n"

    with pytest.raises(WrongUse, match="no repository has a branch of the change unknown"):
        refs.of_change(here, "unknown")
    with pytest.raises(WrongUse, match="has no commit nowhere"):
        life.create(here, "lost", refs.everywhere(here, "nowhere"))
    with pytest.raises(WrongUse, match="beta is no git repository here"):
        life.create(here, "lost", {"beta": "main"})
    with pytest.raises(WrongUse, match="this is an instance itself"):
        life.create(made.workspace(), "nested")
    for name in ("-x", "\u00c4h", "a/b", "..", "A", ""):
        with pytest.raises(WrongUse, match="cannot name an instance"):
            life.create(here, name)
    for verb in (life.remove, life.there):
        with pytest.raises(WrongUse, match="there is no instance z"):
            verb(here, "z")
    for name in ("changed", "lost"):
        life.remove(here, name)
    assert home.worktrees() == set() and home.branches() == {"main", "change/faster\nmain"}


def test_a_shell_that_still_works_in_an_instance_is_named(home):
    home.run("instance", "create", "one", "--no-up")
    process = home.begin("instance", "exec", "one", "--", "sh", "-c", "echo here; exec sleep 1000")
    assert process.stdout is not None and process.stdout.readline() == "here\n"
    refused = home.run("instance", "remove", "one", status=3).stderr
    assert "sleep 1000" in refused
    home.run("instance", "remove", "one", "--force")
    process.communicate(timeout=60)
    assert not home.tree("one").exists()


def test_what_nobody_keeps_gets_no_time_to_end(home, here):
    automations, overlay = home.root / "automations.yaml", home.root / "workspace.yaml"
    automations.write_text(automations.read_text().replace("exec python3", "trap '' TERM; exec python3"))
    overlay.write_text(overlay.read_text().replace("grace: 5s", "grace: 600s"))
    home.git(home.root, "commit", "--quiet", "-am", "web will not end by itself")
    home.run("instance", "create", "one")
    one = life.there(here, "one")
    assert running.lives(one)
    running.stop(one, at_once=True)
    assert not running.lives(one) and home.processes() == []
    life.remove(here, "one")


def test_the_commands_of_the_readme_work(home):
    section = README.read_text().partition("## Instances")[2].partition("\n## ")[0]
    block = section.partition("```console\n")[2].partition("```")[0]
    commands = [shlex.split(line.removeprefix("$ devtools ")) for line in block.splitlines()]
    assert len(commands) == 8
    for words in commands:
        home.run(*words)
    assert home.json("instance", "list") == []
