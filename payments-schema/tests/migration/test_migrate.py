"""Migrations: one migrator at a time, safe to repeat and to kill, the same database as the snapshot."""

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest

from payments_schema.database import migrate, snapshot
from payments_schema.database.urls import url_of
from payments_schema.testing import create_database, drop_database


@pytest.fixture
def empty_url(server_url):
    name = create_database(server_url)
    yield url_of(server_url, name)
    drop_database(server_url, name)


def run(*arguments, url=None, **rest):
    environment = {key: value for key, value in os.environ.items() if not key.endswith("DATABASE_URL")}
    if url is not None:
        environment["MIGRATION_DATABASE_URL"] = url
    return subprocess.run(
        [sys.executable, "-m", "payments_schema.cli", *arguments],
        env=environment,
        text=True,
        capture_output=True,
        timeout=120,
        check=False,
        **rest,
    )


def test_migrating_twice_does_the_work_once(empty_url):
    first = run("migrate", "--json", url=empty_url)
    assert (first.returncode, first.stderr.count("migrated to")) == (0, len(migrate.sql_files()))
    assert json.loads(first.stdout)["revision"] == migrate.head()
    second = run("migrate", "--json", url=empty_url)
    assert json.loads(second.stdout)["applied"] == []


def test_every_sql_file_has_its_stub_and_they_form_one_line():
    numbers = [file.name[:4] for file in migrate.sql_files()]
    assert numbers == sorted(set(numbers))
    stubs = sorted(file.name for file in (migrate.sql_files()[0].parents[1] / "versions").glob("*.py"))
    assert [file.stem + ".py" for file in migrate.sql_files()] == stubs
    assert migrate.head() == numbers[-1]


def test_check_tells_an_old_database_from_a_new_one(empty_url):
    before = run("check", "--json", url=empty_url)
    assert (before.returncode, json.loads(before.stdout)["ok"]) == (1, False)
    assert "hint: payments-schema migrate" in before.stderr
    migrate.migrate(empty_url)
    after = run("check", url=empty_url)
    assert (after.returncode, after.stderr) == (0, "")


def test_two_migrators_at_once_do_not_disturb_each_other(empty_url):
    results = []
    threads = [threading.Thread(target=lambda: results.append(migrate.migrate(empty_url))) for _ in range(3)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    assert sorted(len(result.applied) for result in results) == [0, 0, len(migrate.sql_files())]


def test_a_migrator_that_waits_too_long_names_the_holder(empty_url):
    with psycopg.connect(empty_url, autocommit=True, application_name="the other one") as other:
        other.execute("SELECT pg_advisory_lock(%s)", [migrate._LOCK_ID])
        blocked = run("migrate", "--wait", "1", url=empty_url)
    assert blocked.returncode == 3
    assert "the other one" in blocked.stderr
    assert "Traceback" not in blocked.stderr


def test_a_table_in_use_blocks_no_longer_than_the_lock_timeout(empty_url):
    with psycopg.connect(empty_url) as other:
        migrate.migrate(empty_url)
        other.execute("SELECT FROM core.migration")
        other.execute("LOCK TABLE core.migration IN ACCESS EXCLUSIVE MODE")
        started = time.monotonic()
        blocked = run("migrate", "--lock-timeout", "1", url=empty_url)
        assert time.monotonic() - started < 30
    assert blocked.returncode == 3
    assert "Traceback" not in blocked.stderr


@pytest.mark.parametrize("after_lines", [0, 2, 7])
def test_a_killed_migrator_leaves_what_the_next_one_continues(empty_url, after_lines):
    process = subprocess.Popen(
        [sys.executable, "-m", "payments_schema.cli", "migrate", "--url", empty_url],
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
    )
    for _ in range(after_lines):
        process.stderr.readline()
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stderr.close()
    migrate.migrate(empty_url)
    assert migrate.current(empty_url) == migrate.head()
    assert run("check", url=empty_url).returncode == 0


@pytest.mark.parametrize(
    ("arguments", "url", "code", "message"),
    [
        (["migrate"], "postgresql://postgres@127.0.0.1:1/nothing", 1, "cannot connect"),
        (["migrate"], None, 2, "no database named"),
        (["check"], "postgresql://x:y@127.0.0.1:1/nothing?sslmode=nonsense", 1, "cannot connect"),
        (["migrate"], "not a url at all", 1, "cannot connect"),
    ],
)
def test_a_mistake_is_one_clear_line(arguments, url, code, message):
    done = run(*arguments, url=url)
    assert (done.returncode, message in done.stderr, "Traceback" in done.stderr) == (code, True, False)


def test_wrong_use_exits_2():
    assert run("nonsense").returncode == run().returncode == 2


def test_migrating_as_a_user_that_may_not_says_what_to_do(server_url, empty_url):
    with psycopg.connect(server_url, autocommit=True) as admin:
        admin.execute("DROP ROLE IF EXISTS test_nobody_special")
        admin.execute("CREATE ROLE test_nobody_special LOGIN PASSWORD 'secret'")
        try:
            place = urlsplit(empty_url)
            netloc = f"test_nobody_special:secret@{place.hostname}:{place.port}"
            refused = run("migrate", url=urlunsplit(place._replace(netloc=netloc)))
        finally:
            admin.execute("DROP ROLE test_nobody_special")
    assert refused.returncode == 1
    assert "CREATE ROLE payments_migrator" in refused.stderr


needs_pg_dump = pytest.mark.skipif(snapshot.pg_dump_binary() is None, reason="no pg_dump here")


@needs_pg_dump
def test_migrations_and_snapshot_build_the_same_database(server_url, empty_url):
    assert snapshot.FILE.exists(), "run payments-schema snapshot"
    committed = snapshot.FILE.read_text(encoding="utf-8")
    assert snapshot.fresh(server_url) == committed, "run payments-schema snapshot and commit schema.sql"
    snapshot.restore(empty_url, committed)
    assert snapshot.dump(empty_url) == committed


@needs_pg_dump
def test_the_snapshot_command_reproduces_the_committed_file(server_url):
    shown = run("snapshot", "--stdout", "--url", server_url)
    assert (shown.returncode, shown.stdout) == (0, snapshot.FILE.read_text(encoding="utf-8"))


def test_squawk_finds_nothing_in_the_migrations():
    squawk = shutil.which("squawk") or str(Path(sys.executable).parent / "squawk")
    config = str(Path(__file__).parents[2] / ".squawk.toml")
    linted = subprocess.run(
        [squawk, "--config", config, *map(str, migrate.sql_files())],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert linted.returncode == 0, linted.stdout + linted.stderr
