"""`devtools postgres …`: the embedded Postgres by hand. Must not do what the room `postgres` does."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from devtools import console
from devtools.errors import DevtoolsError

app = typer.Typer(no_args_is_help=True, add_completion=False, help="The embedded Postgres.")

Owner = Annotated[bool, typer.Option("--owner", help="As the role that owns the objects.")]
Superuser = Annotated[bool, typer.Option("--superuser", help="As the cluster's superuser.")]


@app.command()
def run() -> None:
    """Become the server (the service's start command); the cluster is made where it is missing."""
    from devtools.postgres import place, run

    run.become_server(place.here())


@app.command()
def ready() -> None:
    """Exit 0 once the application's role can log in to its database."""
    import psycopg

    from devtools.postgres import place, run
    from devtools.workspace import locate

    workspace = locate()
    target = place.external_url(workspace) or run.running_url(place.place_of(workspace))
    try:
        with psycopg.connect(target, connect_timeout=3) as conn:
            conn.execute("SELECT 1")
    except psycopg.Error as fault:
        raise DevtoolsError(f"not ready: {str(fault).strip()}") from fault


@app.command()
def stop() -> None:
    """Stop the server cleanly; clients are cut, nothing is lost."""
    from devtools.postgres import place, run

    console.say("stopped" if run.stop_server(place.here()) else "not running")


@app.command()
def url(owner: Owner = False, superuser: Superuser = False) -> None:
    """Print the address of the database, password included."""
    console.out(_target(owner=owner, superuser=superuser))


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def psql(context: typer.Context, owner: Owner = False, superuser: Superuser = False) -> None:
    """Open psql on the database; arguments are passed on."""
    from devtools.postgres.home import installed_binaries

    program = str(installed_binaries() / "bin" / "psql")
    target = _target(owner=owner, superuser=superuser)
    # The URL goes by the environment: a command line can be read by everyone on the machine.
    environment = {**os.environ, **_libpq(target)}
    os.execve(program, [program, *context.args], environment)  # noqa: S606  (psql takes this terminal over)


@app.command("test-server")
def test_server(stop: Annotated[bool, typer.Option("--stop", help="Stop it instead.")] = False) -> None:
    """Print the superuser URL of a throw-away server for tests, started where it does not run yet."""
    from pathlib import Path

    from devtools.postgres import run
    from devtools.workspace import locate

    workspace = locate(required=False)
    state_dir = workspace.state_dir if workspace.file else Path.home() / ".cache" / "devtools"
    if stop:
        console.say("stopped" if run.stop_throw_away(state_dir, run.TEST_CLUSTER) else "not running")
        return
    address, started = run.start_throw_away(state_dir, run.TEST_CLUSTER)
    if started:
        console.say("started a test server; `devtools postgres test-server --stop` ends it")
    console.out(address)


def _target(*, owner: bool, superuser: bool) -> str:
    from devtools.postgres import place, run
    from devtools.postgres.credentials import SUPERUSER
    from devtools.workspace import locate

    workspace = locate()
    if external := place.external_url(workspace):
        return os.environ.get("MIGRATION_DATABASE_URL", external) if owner else external
    here = place.place_of(workspace)
    return run.running_url(here, SUPERUSER if superuser else here.database.owner if owner else None)


def _libpq(target: str) -> dict[str, str]:
    from psycopg.conninfo import conninfo_to_dict

    names = {
        "host": "PGHOST",
        "port": "PGPORT",
        "dbname": "PGDATABASE",
        "user": "PGUSER",
        "password": "PGPASSWORD",
    }
    names |= {"sslmode": "PGSSLMODE", "options": "PGOPTIONS", "application_name": "PGAPPNAME"}
    return {names[key]: str(value) for key, value in conninfo_to_dict(target).items() if key in names}
