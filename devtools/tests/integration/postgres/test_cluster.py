"""The embedded Postgres with real processes: whole, provisioned, private, recovered. Mocks nothing."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
from pathlib import Path

import psutil
import psycopg
import pytest

from devtools.postgres.home import LENT, lent_folder

AS_ROOT = os.geteuid() == 0


def test_a_first_start_makes_the_roles_and_the_database(open_shop):
    with psycopg.connect(open_shop.url()) as conn:
        assert conn.execute("SELECT current_user, current_database()").fetchone() == ("shop_app", "shop")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            conn.execute("CREATE SCHEMA mine")
    with psycopg.connect(open_shop.url("--owner")) as conn:
        conn.execute("CREATE SCHEMA mine")
    assert open_shop.devtools("postgres", "ready").returncode == 0


def test_the_process_started_is_the_server_and_never_root(open_shop):
    process = open_shop.started[0]
    server = psutil.Process(process.pid)
    assert server.name() == "postgres"
    assert int((open_shop.data / "postmaster.pid").read_text().split()[0]) == process.pid
    assert server.uids().real != 0


def test_settings_are_durable_and_only_loopback_listens(open_shop):
    process = open_shop.started[0]
    with psycopg.connect(open_shop.url("--superuser")) as conn:
        names = ("fsync", "synchronous_commit", "full_page_writes", "data_checksums", "listen_addresses")
        values = [conn.execute("SELECT current_setting(%s)", [name]).fetchone()[0] for name in names]
        assert values == ["on", "on", "on", "on", "127.0.0.1"]
        methods = conn.execute("SELECT DISTINCT auth_method FROM pg_hba_file_rules").fetchall()
        assert methods == [("scram-sha-256",)]
    listeners = [c for c in psutil.Process(process.pid).net_connections("inet") if c.status == "LISTEN"]
    assert {c.laddr.ip for c in listeners} == {"127.0.0.1"}


def test_a_wrong_password_and_the_password_of_another_role_are_refused(open_shop):
    for url in (
        open_shop.url().replace("shop_app:", "shop_app:x"),
        open_shop.url().replace("shop_app:", "postgres:"),
    ):
        with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
            psycopg.connect(url)


def test_secrets_and_data_are_for_their_owner_only(open_shop):
    secrets = list((open_shop.state_dir / "passwords").iterdir())
    assert {file.name for file in secrets} == {"postgres", "shop_owner", "shop_app"}
    assert {stat.S_IMODE(file.stat().st_mode) for file in secrets} == {0o600}
    assert stat.S_IMODE(open_shop.data.stat().st_mode) == 0o700
    assert not list(open_shop.data.parent.glob(".pwfile*"))
    assert not any(file.read_text() in open_shop.log() for file in secrets)


def test_what_was_committed_survives_kill_9(shop):
    process = shop.start_ready()
    with psycopg.connect(shop.url("--owner"), autocommit=True) as conn:
        conn.execute("CREATE TABLE kept (n int)")
        conn.execute("INSERT INTO kept SELECT generate_series(1, 1000)")
        process.kill()
    process.wait()
    shop.start_ready()
    with psycopg.connect(shop.url("--owner")) as conn:
        assert conn.execute("SELECT count(*), sum(n) FROM kept").fetchone() == (1000, 500500)
    assert "automatic recovery in progress" in shop.log()


def test_sigint_stops_cleanly_although_a_client_is_connected(shop):
    process = shop.start_ready()
    with psycopg.connect(shop.url()):
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 0
    shop.start_ready()
    assert "automatic recovery" not in shop.log()


def test_the_stop_command_ends_the_server(shop):
    process = shop.start_ready()
    assert shop.devtools("postgres", "stop").stderr == "stopped\n"
    assert process.wait(60) == 0
    assert shop.devtools("postgres", "stop").stderr == "not running\n"


def test_a_half_made_cluster_is_made_anew(shop):
    shop.start_ready()
    assert shop.devtools("postgres", "stop").returncode == 0
    shop.started[-1].wait(60)
    half = shop.data.resolve().with_name("data.new")
    shop.data.resolve().rename(half)
    (half / "PG_VERSION").unlink()
    shop.start_ready()
    assert not half.exists()


def test_lost_passwords_are_replaced_by_the_next_start(shop):
    process = shop.start_ready()
    process.send_signal(signal.SIGINT)
    process.wait(60)
    before = shop.url()
    for file in (shop.state_dir / "passwords").iterdir():
        file.unlink()
    shop.start_ready()
    assert shop.url() != before


def test_a_server_left_by_an_earlier_run_is_stopped_first(shop):
    left = shop.start_ready()
    shop.start_ready()
    assert left.wait(60) == 0
    assert "an earlier run had left" in shop.log()


def test_a_taken_port_is_named_with_its_holder(shop):
    import socket

    with socket.socket() as holder:
        holder.bind(("127.0.0.1", shop.port))
        holder.listen()
        assert shop.start().wait(60) == 1
    assert f"port {shop.port} is taken" in shop.log()
    assert f"(process {os.getpid()})" in shop.log()


def test_a_cluster_that_cannot_start_shows_why(shop):
    shop.start_ready()
    assert shop.devtools("postgres", "stop").stderr == "stopped\n"
    shop.started[-1].wait(60)
    control = shop.data / "global" / "pg_control"
    control.unlink()
    assert shop.start().wait(60) != 0
    assert "pg_control" in shop.log()


@pytest.mark.skipif(not AS_ROOT, reason="only root lends the cluster to another user")
def test_root_may_work_below_a_folder_that_only_root_may_enter(shop):
    shop.root.parent.chmod(0o700)
    process = shop.start_ready()
    folder = lent_folder(shop.state_dir / "postgres")
    assert (shop.state_dir / "postgres").readlink() == folder
    assert folder.parent == LENT
    assert folder.stat().st_uid == 0
    assert (folder / "data").stat().st_uid == psutil.Process(process.pid).uids().real


@pytest.mark.skipif(not AS_ROOT, reason="only root lends the cluster to another user")
def test_what_was_lent_to_a_checkout_that_is_gone_is_removed(shop, tmp_path_factory):
    gone = tmp_path_factory.mktemp("gone") / ".devtools" / "postgres"
    folder = lent_folder(gone)
    (folder / "data").mkdir(parents=True)
    (LENT / f"{folder.name}.checkout").write_bytes(os.fsencode(gone))
    shop.start_ready()
    assert not folder.exists()
    assert not (LENT / f"{folder.name}.checkout").exists()


def test_the_test_server_is_shared_and_stops(shop):
    first = shop.devtools("postgres", "test-server")
    second = shop.devtools("postgres", "test-server")
    assert first.stdout == second.stdout
    with psycopg.connect(first.stdout.strip()) as conn:
        assert conn.execute(
            "SELECT current_setting('fsync'), rolsuper FROM pg_roles WHERE rolname = current_user"
        ).fetchone() == ("off", True)
    assert shop.devtools("postgres", "test-server", "--stop").stderr == "stopped\n"


def test_a_test_server_whose_password_is_lost_is_made_anew(shop):
    import shutil

    first = shop.devtools("postgres", "test-server")
    for link in shop.state_dir.iterdir():
        link.unlink() if not link.is_dir() or link.is_symlink() else shutil.rmtree(link)
    second = shop.devtools("postgres", "test-server")
    assert first.stdout != second.stdout
    psycopg.connect(second.stdout.strip()).close()
    assert shop.devtools("postgres", "test-server", "--stop").stderr == "stopped\n"


def test_psql_speaks_to_the_database_and_hides_the_password(open_shop):
    done = open_shop.devtools("postgres", "psql", "-Atc", "SELECT current_user")
    assert done.stdout == "shop_app\n", done.stderr


def test_a_socket_path_that_would_be_too_long_is_left_out():
    from devtools.postgres.home import Account, Home

    here = Home(Path("/" + "x" * 60), Path("/b"), Account(0, 0))
    deep = Home(Path("/" + "x" * 100), Path("/b"), Account(0, 0))
    assert here.socket_folder == Path("/" + "x" * 60, "run")
    assert deep.socket_folder is None


def test_binaries_out_of_reach_are_brought_into_reach(tmp_path):
    from devtools.postgres.home import Account, _can_enter, _copy_binaries, installed_binaries

    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    assert not _can_enter(closed, Account(65533, 65533))
    moved = _copy_binaries(installed_binaries(), tmp_path)
    done = subprocess.run([moved / "bin" / "postgres", "--version"], capture_output=True, text=True)
    assert done.stdout.startswith("postgres (PostgreSQL)"), done.stderr
    assert _copy_binaries(installed_binaries(), tmp_path) == moved
