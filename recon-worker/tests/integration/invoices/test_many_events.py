"""Ten thousand events, half doubled, all shuffled, workers that are killed: the sums are the oracle's."""

from __future__ import annotations

import asyncio
import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID, uuid4

import pytest
from payments_schema.invoices import inbox
from payments_schema.invoices.inbox import Arrived
from payments_schema.ledger.audit import integrity
from psycopg import AsyncConnection, Connection

WORKERS = 4
KILLS = 20
PATIENCE_S = 900


class Herd:
    """Worker processes; one that is killed has a successor at once."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._all = [self._start() for _ in range(WORKERS)]

    def _start(self) -> subprocess.Popen[bytes]:
        drop = ("BROKER_URL", "WORKER_HEALTH_PORT")
        environment = {name: value for name, value in os.environ.items() if name not in drop}
        return subprocess.Popen(
            [sys.executable, "-m", "recon_worker.main"],
            env=environment | {"DATABASE_URL": self._url, "LOG_LEVEL": "ERROR"},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def kill(self, place: int) -> None:
        self._all[place].kill()
        self._all[place].wait()
        self._all[place] = self._start()

    def end(self) -> None:
        for one in self._all:
            one.terminate()
        for one in self._all:
            one.wait(60)


@contextmanager
def working(url: str) -> Iterator[Herd]:
    herd = Herd(url)
    try:
        yield herd
    finally:
        herd.end()


@pytest.mark.long
async def test_ten_thousand_events_equal_the_oracle(
    conn: AsyncConnection[Any], database_url: str, sql: Connection[Any]
) -> None:
    dice = random.Random(7)
    totals = {uuid4(): dice.randint(500, 50_000) for _ in range(200)}
    for id_, total in totals.items():
        await conn.execute(
            "INSERT INTO core.invoice (id, currency, total_minor, customer) VALUES (%s, 'USD', %s, 'C')",
            [id_, total],
        )
    await conn.commit()
    ids = list(totals)
    sent = [Arrived(uuid4(), dice.choice(ids), dice.randint(1, 900), "{}") for _ in range(10_000)]
    stream = sent + dice.sample(sent, 5_000)
    dice.shuffle(stream)
    kill_at = set(dice.sample(range(0, len(stream), 10), KILLS))
    with working(database_url) as herd:
        for at in range(0, len(stream), 10):
            await inbox.accept(conn, stream[at : at + 10])
            await conn.commit()
            if at in kill_at:
                herd.kill(dice.randrange(WORKERS))
        deadline = time.monotonic() + PATIENCE_S
        while sql.execute("SELECT 1 FROM core.payment_event WHERE status = 'waiting' LIMIT 1").fetchone():
            assert time.monotonic() < deadline, f"not applied within {PATIENCE_S} s"
            await asyncio.sleep(0.5)
    check(sql, totals, sent)
    assert (await integrity(conn)).ok


def check(sql: Connection[Any], totals: dict[UUID, int], sent: list[Arrived]) -> None:
    """Each event is posted once, each invoice has the sums of all its events, and none ever had less."""
    due = dict.fromkeys(totals, 0)
    for event in sent:
        due[event.invoice_id] += event.amount_minor
    rows = sql.execute("SELECT id, paid_minor, credit_minor::bigint, status FROM core.invoice").fetchall()
    shown = {row[0]: row[1:] for row in rows if row[0] in totals}
    assert shown == {
        id_: (min(due[id_], total), max(0, due[id_] - total), status_of(due[id_], total))
        for id_, total in totals.items()
    }
    posted = "SELECT count(*), count(DISTINCT key) FROM ledger.transaction WHERE kind = 'invoice_payment'"
    assert sql.execute(posted).fetchone() == (len(sent), len(sent))
    regressed = sql.execute(
        "SELECT count(*) FROM (SELECT (data ->> 'paid_cents')::bigint AS now,"
        " lag((data ->> 'paid_cents')::bigint)"
        " OVER (PARTITION BY subject ORDER BY id) AS before FROM core.event"
        " WHERE type = 'invoice.payment_applied') AS told WHERE now < before"
    ).fetchone()
    assert regressed == (0,)


def status_of(due: int, total: int) -> str:
    return "paid" if due >= total else "partially_paid" if due else "sent"
