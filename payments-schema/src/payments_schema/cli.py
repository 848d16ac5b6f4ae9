"""The command `payments-schema`: migrate, check, snapshot. Must not hold what those do."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from typing import Any

from payments_schema.database import migrate, snapshot
from payments_schema.database.migrate import MigrationBlocked, MigrationFailed
from payments_schema.invoices import command as dead_events
from payments_schema.ledger import command as ledger
from payments_schema.wallets import command as wallets
from payments_schema.webhooks import command as listening

OK, FAILED, WRONG_USE, BLOCKED, INTERRUPTED = 0, 1, 2, 3, 130


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; data on stdout, the rest on stderr. Returns the exit code of the contract (§6)."""
    arguments = _parser().parse_args(argv)
    url = arguments.url or os.environ.get("MIGRATION_DATABASE_URL") or os.environ.get("DATABASE_URL")
    if not url:
        return _fail(
            "no database named", "set MIGRATION_DATABASE_URL or DATABASE_URL, or pass --url", WRONG_USE
        )
    try:
        return arguments.run(url, arguments)
    except MigrationBlocked as error:
        return _fail(error.detail, "try again when it is done", BLOCKED)
    except MigrationFailed as error:
        return _fail(error.detail, None, FAILED)
    except KeyboardInterrupt:
        return _fail("interrupted; running it again continues", None, INTERRUPTED)


def _migrate(url: str, arguments: argparse.Namespace) -> int:
    done = migrate.migrate(url, lock_timeout_s=arguments.lock_timeout, wait_s=arguments.wait, progress=_say)
    if not done.applied:
        _say(f"nothing to do, the database is at {done.revision}")
    _data(arguments, {"applied": list(done.applied), "revision": done.revision}, f"{done.revision}")
    return OK


def _check(url: str, arguments: argparse.Namespace) -> int:
    found, wanted = migrate.current(url), migrate.head()
    _data(
        arguments,
        {"revision": found, "head": wanted, "ok": found == wanted},
        f"{found or 'none'} of {wanted}",
    )
    if found != wanted:
        return _fail(
            f"the database is at {found or 'no migration'}, this version wants {wanted}",
            "payments-schema migrate",
            FAILED,
        )
    return OK


def _snapshot(url: str, arguments: argparse.Namespace) -> int:
    text = snapshot.fresh(url)
    if arguments.stdout:
        sys.stdout.write(text)
        return OK
    changed = not snapshot.FILE.exists() or snapshot.FILE.read_text(encoding="utf-8") != text
    if changed:
        snapshot.FILE.write_text(text, encoding="utf-8")
    _data(
        arguments,
        {"file": str(snapshot.FILE), "changed": changed},
        f"{'written' if changed else 'unchanged'}",
    )
    return OK


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="payments-schema",
        description="Brings a Postgres database to the schema of the payments platform.",
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def add(name: str, run: Any, text: str) -> argparse.ArgumentParser:
        command = commands.add_parser(name, help=text, description=text)
        _add_common(command)
        command.set_defaults(run=run)
        return command

    migrating = add("migrate", _migrate, "Apply the migrations that are missing; safe to repeat and to kill.")
    migrating.add_argument(
        "--lock-timeout", type=int, default=5, metavar="SECONDS", help="wait for a table (5)"
    )
    migrating.add_argument(
        "--wait", type=int, default=30, metavar="SECONDS", help="wait for another migrator (30)"
    )
    add("check", _check, "Say whether the database has the schema of this version; exit 1 where it has not.")
    snapshotting = add(
        "snapshot",
        _snapshot,
        "Write schema.sql from a database built for it; the URL's user must be able to create one.",
    )
    snapshotting.add_argument("--stdout", action="store_true", help="print it and leave the file alone")
    ledger.add_commands(commands, _add_common)
    wallets.add_commands(commands, _add_common)
    told = commands.add_parser("events", help="Listen to what happens; mend events that were given up.")
    verbs = told.add_subparsers(required=True, metavar="VERB")
    listening.add_verbs(verbs, _add_common)
    dead_events.add_verbs(verbs, _add_common)
    return parser


def _add_common(command: argparse.ArgumentParser) -> None:
    command.add_argument("--url", help="database URL (default: MIGRATION_DATABASE_URL, else DATABASE_URL)")
    command.add_argument("--json", action="store_true", help="print one JSON object")


def _data(arguments: argparse.Namespace, facts: dict[str, Any], line: str) -> None:
    sys.stdout.write((json.dumps(facts) if arguments.json else line) + "\n")


def _say(line: str) -> None:
    sys.stderr.write(line + "\n")


def _fail(what: str, hint: str | None, code: int) -> int:
    _say(f"payments-schema: {what}")
    if hint:
        _say(f"hint: {hint}")
    return code


if __name__ == "__main__":
    sys.exit(main())
