"""`payments-schema ledger …`: audit, seal, import, export. Must not hold what those do."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from collections.abc import Awaitable, Callable
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

from payments_schema.database.pool import Pool, open_pool, unit_of_work
from payments_schema.ledger import full_audit, seals
from payments_schema.ledger.exchange import exporting, importing
from payments_schema.ledger.exchange.reading import read, text_lines

OK, FAILED, WRONG_USE = 0, 1, 2
FORMS = ("csv", "jsonl")
MOST_LINES_SHOWN = 20


def add_commands(commands: Any, add_common: Callable[[argparse.ArgumentParser], None]) -> None:
    """Hang `ledger` and its verbs under the program's commands."""
    ledger = commands.add_parser("ledger", help="Prove, import and export the books.")
    verbs = ledger.add_subparsers(required=True, metavar="VERB")

    def add(name: str, run: Callable[[Pool, argparse.Namespace], Awaitable[int]], text: str) -> Any:
        verb = verbs.add_parser(name, help=text, description=text)
        add_common(verb)
        verb.set_defaults(run=partial(_blocking, run))
        return verb

    add(
        "audit",
        _audit,
        "Check everything the books promise; exit 1 and name the offenders where one is broken.",
    )
    add("seal", _seal, "Seal the transactions that are settled into the chain of digests.")
    importing_ = add("import", _import, "Read historical transactions; a dry run unless --commit is given.")
    importing_.add_argument("file", type=Path)
    importing_.add_argument("--form", choices=FORMS, help="default: by the file's ending")
    importing_.add_argument("--source", help="where it comes from (default: the file's name)")
    importing_.add_argument("--commit", action="store_true", help="post; without it nothing is written")
    exporting_ = add("export", _export, "Write the journal to standard output.")
    exporting_.add_argument("--form", choices=("csv", "jsonl", "beancount"), default="jsonl")
    exporting_.add_argument("--since", type=_moment, metavar="TIME", help="effective then or later")
    exporting_.add_argument("--until", type=_moment, metavar="TIME", help="effective before")


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise argparse.ArgumentTypeError("needs a time zone, as in 2026-03-01T00:00:00Z")
    return moment


def _blocking(
    run: Callable[[Pool, argparse.Namespace], Awaitable[int]], url: str, arguments: argparse.Namespace
) -> int:
    async def with_pool() -> int:
        async with open_pool(url, name="payments-schema ledger", timeout_s=30) as pool:
            return await run(pool, arguments)

    return asyncio.run(with_pool())


async def _audit(pool: Pool, arguments: argparse.Namespace) -> int:
    async with unit_of_work(pool) as conn:
        await seals.seal(conn)
    books = await full_audit.run(pool, _progress)
    if arguments.json:
        _out(books.model_dump_json())
    else:
        for check in books.checks:
            _out(f"{'ok    ' if check.ok else 'BROKEN'} {check.name}")
            for offender in check.offenders:
                _out(f"       {json.dumps(offender)}")
    return OK if books.ok else FAILED


async def _seal(pool: Pool, arguments: argparse.Namespace) -> int:
    async with unit_of_work(pool) as conn:
        sealed = await seals.seal(conn)
    _out(json.dumps({"sealed": sealed}) if arguments.json else f"sealed {sealed:,} transactions")
    return OK


async def _import(pool: Pool, arguments: argparse.Namespace) -> int:
    file: Path = arguments.file
    form = arguments.form or file.suffix.lstrip(".")
    if form not in FORMS:
        return _wrong(f"{file}: cannot tell its form by the ending", "pass --form csv or --form jsonl")
    try:
        lines = text_lines(await asyncio.to_thread(file.read_bytes))
    except OSError as error:
        return _wrong(f"{file}: {error.strerror}", None)
    except UnicodeDecodeError as error:
        return _wrong(f"{file}: is not UTF-8 at byte {error.start}", None)
    plan = importing.plan(read(lines, form, arguments.source or file.name))
    bad = [*plan.bad, *await importing.unknown_accounts(pool, plan.transactions)]
    if bad:
        for line in sorted(bad)[:MOST_LINES_SHOWN]:
            _progress(f"{file}:{line.line}: {line.reason}")
        return _wrong(f"{file}: {len(bad):,} bad lines; nothing was posted", "mend them and run it again")
    posted = known = 0
    if arguments.commit:
        async for progress in importing.execute(pool, plan.transactions):
            posted, known = progress.posted, progress.known
            _progress(f"posted {progress.done:,} of {progress.of:,}")
    facts = {
        "transactions": len(plan.transactions),
        "committed": arguments.commit,
        "posted": posted,
        "known": known,
    }
    _out(json.dumps(facts) if arguments.json else _import_line(facts))
    return OK


def _import_line(facts: dict[str, Any]) -> str:
    if not facts["committed"]:
        return f"{facts['transactions']:,} transactions can be posted; run it again with --commit"
    return f"posted {facts['posted']:,} transactions; {facts['known']:,} were there already"


async def _export(pool: Pool, arguments: argparse.Namespace) -> int:
    async with unit_of_work(pool) as conn:
        journal = exporting.legs(conn, since=arguments.since, until=arguments.until)
        async for piece in exporting.write(journal, arguments.form):
            sys.stdout.write(piece)
    return OK


def _out(line: str) -> None:
    sys.stdout.write(line + "\n")


def _progress(line: str) -> None:
    sys.stderr.write(line + "\n")


def _wrong(reason: str, hint: str | None) -> int:
    _progress(f"error: {reason}")
    if hint:
        _progress(f"hint: {hint}")
    return WRONG_USE
