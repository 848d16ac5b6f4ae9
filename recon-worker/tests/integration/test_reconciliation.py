"""Reconciliation against real Postgres: the contract's table, exactly once, failures that stay alone."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Sequence
from typing import Any

import psycopg
import pytest
import pytest_asyncio
from dramatiq.errors import Retry
from payments_schema.errors import PaymentsError
from payments_schema.ledger.audit import integrity
from payments_schema.money import parse_major
from payments_schema.payments.store import NewPayment, create_many
from psycopg import AsyncConnection, Connection

from recon_worker.batcher import Batcher
from recon_worker.database import Line
from recon_worker.reconciliation import actors, operations
from recon_worker.reconciliation.actors import ReconciliationFailed
from recon_worker.reconciliation.operations import JobHeldElsewhere, Reconciler


async def pay(conn: AsyncConnection[Any], *amounts: str) -> list[int]:
    """Payments as `250.00 USD`; returns the ids of their jobs, in order."""
    items = []
    for text in amounts:
        amount, currency = text.split()
        items.append(NewPayment(uuid.uuid4().hex, "ACC-1", parse_major(amount, currency)))
    created = await create_many(conn, "test", items)
    await conn.commit()
    cursor = await conn.execute(
        "SELECT j.id FROM unnest(%s::uuid[]) WITH ORDINALITY AS p (id, n)"
        " JOIN core.recon_job j ON j.payment_id = p.id ORDER BY n",
        [[outcome.payment.id for outcome in created if outcome.payment]],
    )
    ids = [row[0] for row in await cursor.fetchall()]
    await conn.commit()
    return ids


@pytest_asyncio.fixture
async def reconciler(database_url: str) -> AsyncIterator[Reconciler]:
    made = Reconciler(Line(database_url, name="test"), worker="w", patience_s=5)
    yield made
    await made.close()


async def test_the_table_of_the_contract(
    conn: AsyncConnection[Any], reconciler: Reconciler, sql: Connection[Any]
) -> None:
    jobs = await pay(
        conn, "-0.13 USD", "0 USD", "250.13 USD", "0.13 USD", "1.130 BHD", "13 JPY", "250.00 USD"
    )
    assert await reconciler.run(jobs) == {}
    results = sql.execute(
        "SELECT r.status, matched, discrepancy_amount::text, notes, p.status FROM reconciliation_results r"
        " JOIN payments p ON p.id = r.payment_id ORDER BY recon_job_id"
    ).fetchall()
    doubtful = ("completed_with_discrepancy", False, "0.13", "Discrepancy detected in amount", "completed")
    matched = ("completed", True, None, "Successfully reconciled", "completed")
    assert results == [
        ("failed", False, None, "Negative amount not allowed", "failed"),
        ("failed", False, None, "Zero amount not allowed", "failed"),
        doubtful,
        doubtful,
        (*doubtful[:2], "0.130", *doubtful[3:]),
        matched,
        matched,
    ]
    assert sql.execute("SELECT DISTINCT status, attempts, locked_by FROM recon_jobs").fetchall() == [
        ("completed", 1, "w")
    ]
    entries = sql.execute(
        "SELECT account_id, direction, amount::text FROM ledger_entries WHERE payment_id ="
        " (SELECT payment_id::text FROM recon_jobs WHERE id = %s)",
        [jobs[2]],
    ).fetchall()
    assert entries == [
        ("ACC-1", "credit", "250.13"),
        ("settlement_clearing", "debit", "250.00"),
        ("suspense", "debit", "0.13"),
    ]
    assert (await integrity(conn)).ok


async def test_many_reconcilers_of_the_same_jobs_do_each_once(
    conn: AsyncConnection[Any], database_url: str, sql: Connection[Any]
) -> None:
    jobs = await pay(conn, *["10.00 USD"] * 60)
    rivals = [Reconciler(Line(database_url, name="test"), worker=str(n)) for n in range(6)]

    async def insist(reconciler: Reconciler, ids: Sequence[int]) -> None:
        while ids:
            failures = await reconciler.run(ids)
            ids = [job for job, error in failures.items() if isinstance(error, JobHeldElsewhere)]
        await reconciler.close()

    await asyncio.gather(*(insist(rival, jobs[n * 7 :] + jobs[: n * 7]) for n, rival in enumerate(rivals)))
    assert sql.execute(
        "SELECT count(*), count(DISTINCT payment_id) FROM reconciliation_results"
    ).fetchone() == (
        60,
        60,
    )
    assert sql.execute("SELECT count(*) FROM ledger_entries").fetchone() == (120,)
    assert (await integrity(conn)).ok


async def test_a_job_locked_by_another_is_said_to_be(
    conn: AsyncConnection[Any], reconciler: Reconciler
) -> None:
    jobs = await pay(conn, "1 USD", "2 USD")
    await conn.execute("SELECT FROM core.recon_job WHERE id = %s FOR UPDATE", [jobs[0]])
    failures = await reconciler.run(jobs)
    assert {job: type(error) for job, error in failures.items()} == {jobs[0]: JobHeldElsewhere}
    await conn.rollback()
    assert await reconciler.run(jobs) == {}


async def test_a_poisonous_job_fails_alone(
    conn: AsyncConnection[Any], reconciler: Reconciler, sql: Connection[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    jobs = await pay(conn, *[f"{n} USD" for n in range(1, 9)])
    poison_one_amount(monkeypatch)
    failures = await reconciler.run(jobs)
    assert {job: str(error) for job, error in failures.items()} == {jobs[4]: "poison"}
    assert sql.execute("SELECT status, count(*) FROM recon_jobs GROUP BY 1 ORDER BY 1").fetchall() == [
        ("completed", 7),
        ("pending", 1),
    ]


def poison_one_amount(monkeypatch: pytest.MonkeyPatch) -> None:
    """The fifth payment cannot be decided: a bug of ours, as it were."""
    decide = operations.decide

    def poisoned(job: Any) -> Any:
        if job.amount_minor == 500:
            raise ZeroDivisionError("poison")
        return decide(job)

    monkeypatch.setattr(operations, "decide", poisoned)


async def test_failures_of_a_message_of_many_go_on_in_messages_of_their_own(
    conn: AsyncConnection[Any], reconciler: Reconciler, sql: Connection[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    jobs = await pay(conn, *[f"{n} USD" for n in range(1, 9)])
    sql.execute("DELETE FROM dramatiq.queue")
    poison_one_amount(monkeypatch)
    failures = await reconciler.run(jobs)
    await settle(reconciler, jobs, failures)
    assert sql.execute("SELECT message->'args' FROM dramatiq.queue WHERE due_at > now()").fetchall() == [
        ([[jobs[4]]],)
    ]
    job = sql.execute(
        "SELECT status, attempts, last_error FROM core.recon_job WHERE id = %s", [jobs[4]]
    ).fetchone()
    assert job == ("pending", 1, "ZeroDivisionError: poison")
    with pytest.raises(ReconciliationFailed):
        await settle(reconciler, jobs[4:5], failures, retries=8, is_last=True)
    assert sql.execute("SELECT status, attempts FROM core.recon_job WHERE id = %s", [jobs[4]]).fetchone() == (
        "failed",
        2,
    )
    payment = sql.execute("SELECT DISTINCT status FROM payments WHERE amount = 5").fetchone()
    assert payment == ("pending",)


async def settle(
    reconciler: Reconciler, jobs: list[int], failures: Any, *, retries: int = 0, is_last: bool = False
) -> None:
    await actors.settle(reconciler, jobs, failures, retries=retries, is_last=is_last, delay_s=60)


async def test_what_becomes_of_failures(
    conn: AsyncConnection[Any], reconciler: Reconciler, sql: Connection[Any]
) -> None:
    jobs = await pay(conn, "1 USD", "2 USD")
    with pytest.raises(Retry) as held:
        await settle(reconciler, jobs, {jobs[0]: JobHeldElsewhere("held")}, retries=3)
    assert held.value.delay == 4000
    with pytest.raises(psycopg.OperationalError):
        await settle(reconciler, jobs, {jobs[0]: psycopg.OperationalError("gone")})
    assert sql.execute("SELECT DISTINCT status, attempts FROM recon_jobs").fetchall() == [("pending", 0)]
    with pytest.raises(PaymentsError):
        await settle(reconciler, jobs[:1], {jobs[0]: PaymentsError("refused")})
    assert sql.execute("SELECT status FROM core.recon_job ORDER BY id").fetchall() == [
        ("failed",),
        ("pending",),
    ]


async def test_a_lost_connection_is_waited_out(
    conn: AsyncConnection[Any], reconciler: Reconciler, superuser: Connection[Any], sql: Connection[Any]
) -> None:
    jobs = await pay(conn, *["10 USD"] * 200)
    batcher = Batcher(reconciler.run, 20)
    work = asyncio.gather(*(batcher.submit([job]) for job in jobs))
    for _ in range(5):
        await asyncio.sleep(0.02)
        superuser.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'test'"
            " AND datname = current_database() AND pid <> pg_backend_pid()"
        )
    assert all(failures == {} for failures in await work)
    assert sql.execute(
        "SELECT count(*), max(attempts) FROM recon_jobs WHERE status = 'completed'"
    ).fetchone() == (
        200,
        1,
    )


async def test_without_a_database_the_batch_fails_in_time() -> None:
    reconciler = Reconciler(Line("postgresql://x@127.0.0.1:1/x", name="test"), worker="w", patience_s=0.3)
    with pytest.raises(psycopg.OperationalError):
        await reconciler.run([1, 2])


async def test_the_sweep_sends_again_what_has_no_message_and_fails_what_was_given_up(
    conn: AsyncConnection[Any], reconciler: Reconciler, sql: Connection[Any]
) -> None:
    lost, given_up, alive = (
        (await pay(conn, "1 USD"))[0],
        (await pay(conn, "2 USD"))[0],
        (await pay(conn, "3 USD"))[0],
    )
    message = "(SELECT message_id FROM core.recon_job WHERE id = %s)"
    sql.execute("DELETE FROM dramatiq.queue WHERE message_id = " + message, [lost])
    sql.execute(
        "UPDATE dramatiq.queue SET state = 'rejected', error = 'worker lost, 5 of 5' WHERE message_id = "
        + message,
        [given_up],
    )
    assert await reconciler.sweep(older_than_s=30) == 0
    assert await reconciler.sweep(older_than_s=0) == 1
    jobs = sql.execute("SELECT id, status, last_error FROM core.recon_job ORDER BY id").fetchall()
    assert jobs == [
        (lost, "pending", None),
        (given_up, "failed", "given up: worker lost, 5 of 5"),
        (alive, "pending", None),
    ]
    assert await reconciler.sweep(older_than_s=0) == 0
    assert sql.execute("SELECT count(*) FROM dramatiq.queue WHERE state = 'queued'").fetchone() == (2,)
