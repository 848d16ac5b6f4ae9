"""Jobs are claimed once, completed with all that belongs to them, or left exactly as they were."""

import psycopg
import pytest
from builders import a_payment, decided, fetch, one, open_job_ids, reconcile_all, some_payments, usd
from psycopg import AsyncConnection

from payments_schema.ledger import audit
from payments_schema.payments import store as payments
from payments_schema.reconciliation import store


async def test_a_batch_of_every_verdict_is_completed_in_one_go(conn):
    await some_payments(
        conn, a_payment("good"), a_payment("odd", amount=usd(25013)), a_payment("bad", amount=usd(-5))
    )
    jobs = await store.claim(conn, await open_job_ids(conn), "w1")
    good, odd, bad = jobs
    done = await store.complete_many(
        conn, [decided(good), decided(odd, discrepancy_minor=13), decided(bad, is_refused=True)], worker="w1"
    )
    await conn.commit()
    assert done == 3
    shown = await fetch(
        conn,
        "SELECT p.idempotency_key, p.status, r.status, r.matched, r.discrepancy_minor "
        "FROM core.payment p JOIN core.reconciliation_result r ON r.payment_id = p.id ORDER BY p.id",
    )
    assert shown == [
        ("good", "completed", "completed", True, None),
        ("odd", "completed", "completed_with_discrepancy", False, 13),
        ("bad", "failed", "failed", False, None),
    ]
    assert await fetch(conn, "SELECT DISTINCT status, attempts, locked_by FROM core.recon_job") == [
        ("completed", 1, "w1")
    ]
    assert await fetch(conn, "SELECT type, count(*) FROM core.event GROUP BY 1 ORDER BY 1") == [
        ("payment.completed", 2),
        ("payment.created", 3),
        ("payment.failed", 1),
    ]
    assert (await payments.balance(conn, "ACC-1", "USD")).balance == "500.13"
    assert (await audit.integrity(conn)).ok


async def test_what_one_worker_holds_another_passes_over(conn, database_url):
    await some_payments(conn, a_payment(), a_payment())
    ids = await open_job_ids(conn)
    await conn.commit()
    assert len(await store.claim(conn, ids[:1], "w1")) == 1
    async with await AsyncConnection.connect(database_url) as other:
        assert [job.id for job in await store.claim(other, ids, "w2")] == ids[1:]


async def test_a_job_done_is_not_claimed_again(conn):
    await some_payments(conn)
    ids = await open_job_ids(conn)
    await reconcile_all(conn)
    assert await store.claim(conn, ids, "w") == []


async def test_completing_twice_is_refused_and_changes_nothing(conn):
    await some_payments(conn)
    jobs = await store.claim(conn, await open_job_ids(conn), "w")
    outcomes = [decided(job) for job in jobs]
    await store.complete_many(conn, outcomes, worker="w")
    await conn.commit()
    with pytest.raises(psycopg.errors.ObjectNotInPrerequisiteState):
        await store.complete_many(conn, outcomes, worker="w")
    await conn.rollback()
    assert (await audit.integrity(conn)).ok
    assert await one(conn, "SELECT count(*) FROM ledger.transaction") == 1


async def test_a_crash_before_commit_leaves_the_job_open(conn):
    await some_payments(conn)
    jobs = await store.claim(conn, await open_job_ids(conn), "w")
    await store.complete_many(conn, [decided(job) for job in jobs], worker="w")
    await conn.rollback()
    assert await one(conn, "SELECT count(*) FROM ledger.entry") == 0
    assert await reconcile_all(conn) == 1


async def test_a_failed_attempt_is_noted_and_the_last_one_gives_up(conn):
    await some_payments(conn)
    ids = await open_job_ids(conn)
    await store.record_failure(conn, ids, "w", "timeout", is_final=False, retry_in_s=60)
    assert await fetch(
        conn, "SELECT status, attempts, last_error, due_at > now() + interval '50 s' FROM core.recon_job"
    ) == [("pending", 1, "timeout", True)]
    await store.record_failure(conn, ids, "w", "no", is_final=True)
    assert await fetch(conn, "SELECT status, attempts, locked_by FROM core.recon_job") == [("failed", 2, "w")]


async def test_the_sweep_sends_lost_jobs_again_in_one_message(conn):
    await some_payments(conn, *[a_payment() for _ in range(3)])
    assert await store.sweep(conn, older_than_s=-1) == []
    await conn.execute("DELETE FROM dramatiq.queue")
    assert await store.sweep(conn, older_than_s=3600) == []
    swept = await store.sweep(conn, older_than_s=-1)
    assert swept == await open_job_ids(conn)
    assert await one(conn, "SELECT message->'args' FROM dramatiq.queue") == [swept]
    assert await store.sweep(conn, older_than_s=-1) == []


async def test_nothing_to_complete_is_nothing(conn):
    assert await store.complete_many(conn, [], worker="w") == 0
