"""Many writers at once: nobody deadlocks, nothing is lost, and the books add up."""

import asyncio
import random

import pytest
from builders import a_payment, a_posting, a_withdrawal, decided, fetch, one, open_job_ids, usd
from psycopg import AsyncConnection, errors

from payments_schema.database.pool import open_pool, unit_of_work
from payments_schema.ids import uuid7
from payments_schema.ledger import audit, store
from payments_schema.ledger.posting import CREDIT, DEBIT, Entry, Posting, customer
from payments_schema.payments import store as payments
from payments_schema.reconciliation import store as recon


async def integrity_is_clean(pool):
    async with unit_of_work(pool) as conn:
        found = await audit.integrity(conn)
        assert found.ok, [check for check in found.checks if not check.ok]


def a_transfer(source: str, target: str, minor: int) -> Posting:
    return Posting(
        "transfer",
        str(uuid7()),
        "k",
        (Entry(customer(target), CREDIT, usd(minor)), Entry(customer(source), DEBIT, usd(minor))),
    )


async def test_writers_single_and_in_batches_on_the_same_accounts(pool):
    dice = random.Random(7)
    accounts = [f"A{n}" for n in range(6)]

    async def writer(number):
        for _ in range(15):
            some = [
                a_transfer(*dice.sample(accounts, 2), dice.randint(1, 500))
                for _ in range(dice.choice([1, 1, 7]))
            ]
            async with unit_of_work(pool) as conn:
                if len(some) == 1:
                    await store.post(conn, some[0])
                else:
                    await store.post_many(conn, some)

    await asyncio.gather(*(writer(number) for number in range(8)))
    await integrity_is_clean(pool)


async def test_opposing_batches_of_payments_never_deadlock(pool):
    """The same keys in opposite orders, in many sessions: each is created once."""
    keys = [f"key-{n}" for n in range(40)]

    async def client(number):
        ordered = keys if number % 2 else keys[::-1]
        async with unit_of_work(pool) as conn:
            return [
                o.outcome for o in await payments.create_many(conn, "c", [a_payment(key) for key in ordered])
            ]

    outcomes = await asyncio.gather(*(client(number) for number in range(16)))
    assert sum(answer.count("created") for answer in outcomes) == len(keys)
    assert sum(answer.count("replayed") for answer in outcomes) == 15 * len(keys)
    async with unit_of_work(pool) as conn:
        assert await one(conn, "SELECT count(*) FROM core.payment") == len(keys)
        assert await one(conn, "SELECT count(*) FROM core.recon_job") == len(keys)
    await integrity_is_clean(pool)


async def test_five_hundred_requests_with_one_key_make_one_payment(database_url):
    async with open_pool(database_url, max_waiting=1000, timeout_s=60) as pool:
        await five_hundred_requests(pool)


async def five_hundred_requests(pool):
    async def request():
        async with unit_of_work(pool) as conn:
            [outcome] = await payments.create_many(conn, "c", [a_payment("the key")])
            return outcome.outcome, outcome.payment.id

    answers = await asyncio.gather(*(request() for _ in range(500)))
    assert sorted(outcome for outcome, _ in answers) == ["created"] + ["replayed"] * 499
    assert len({payment_id for _, payment_id in answers}) == 1
    async with unit_of_work(pool) as conn:
        assert await one(conn, "SELECT count(*) FROM core.recon_job") == 1
        assert await one(conn, "SELECT count(*) FROM dramatiq.queue") == 1


async def test_one_posting_key_in_many_sessions_posts_once(pool):
    posting = a_posting("alice")

    async def session(number):
        async with unit_of_work(pool) as conn:
            if number % 2:
                return (await store.post(conn, posting)).outcome
            return (await store.post_many(conn, [a_posting("bob"), posting]))[1].outcome

    outcomes = await asyncio.gather(*(session(number) for number in range(16)))
    assert sorted(outcomes) == ["duplicate"] * 15 + ["posted"]
    async with unit_of_work(pool) as conn:
        assert (await store.balance(conn, customer("alice"), "USD")).posted == usd(100)
    await integrity_is_clean(pool)


async def test_an_account_with_a_minimum_is_never_overdrawn(pool):
    async with unit_of_work(pool) as conn:
        await store.post(conn, a_posting("alice", usd(1000)))
        await store.set_minimum(conn, customer("alice"), "USD", usd(0))

    async def withdraw(number):
        async with unit_of_work(pool) as conn:
            some = [a_withdrawal("alice", usd(70)) for _ in range(1 + number % 3)]
            return sum(o.outcome == "posted" for o in await store.post_many(conn, some))

    taken = sum(await asyncio.gather(*(withdraw(number) for number in range(24))))
    assert taken == 1000 // 70
    async with unit_of_work(pool) as conn:
        assert (await store.balance(conn, customer("alice"), "USD")).posted == usd(1000 - 70 * taken)
    await integrity_is_clean(pool)


async def test_new_accounts_made_by_many_sessions_at_once_exist_once(pool):
    names = [f"new-{n}" for n in range(20)]

    async def session(number):
        async with unit_of_work(pool) as conn:
            ordered = names if number % 2 else names[::-1]
            await store.post_many(conn, [a_posting(name) for name in ordered])

    await asyncio.gather(*(session(number) for number in range(8)))
    async with unit_of_work(pool) as conn:
        assert (
            await one(conn, "SELECT count(*) FROM ledger.account WHERE code LIKE 'new-%%' AND %s", True) == 20
        )
    await integrity_is_clean(pool)


async def test_workers_share_out_the_jobs_and_each_is_done_once(pool):
    async with unit_of_work(pool) as conn:
        await payments.create_many(conn, "c", [a_payment(account=f"A{n % 5}") for n in range(120)])
        ids = await open_job_ids(conn)

    async def worker(number):
        done = 0
        for start in range(0, len(ids), 10):
            async with unit_of_work(pool) as conn:
                jobs = await recon.claim(conn, ids[start : start + 10], f"w{number}")
                done += await recon.complete_many(conn, [decided(job) for job in jobs], worker=f"w{number}")
        return done

    assert sum(await asyncio.gather(*(worker(number) for number in range(4)))) == 120
    await integrity_is_clean(pool)


@pytest.mark.parametrize("seed", range(3))
async def test_sessions_cut_in_the_middle_leave_nothing_or_all(pool, server_url, database_name, seed):
    """A server process killed at a random moment is what a crash looks like from inside the database."""
    dice = random.Random(seed)
    confirmed: list[str] = []

    async def client(number):
        for step in range(12):
            key = f"{number}-{step}"
            try:
                async with unit_of_work(pool) as conn:
                    await payments.create_many(conn, "c", [a_payment(key)])
                    ids = await open_job_ids(conn)
                    jobs = await recon.claim(conn, ids[:3], "w")
                    await recon.complete_many(conn, [decided(job) for job in jobs], worker="w")
                confirmed.append(key)
            except (errors.OperationalError, errors.AdminShutdown):
                continue

    async def killer():
        async with await AsyncConnection.connect(server_url, autocommit=True) as admin:
            for _ in range(10):
                await asyncio.sleep(dice.uniform(0.005, 0.05))
                await admin.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s "
                    "AND state <> 'idle' ORDER BY random() LIMIT 1",
                    [database_name],
                )

    await asyncio.gather(killer(), *(client(number) for number in range(4)))
    async with unit_of_work(pool) as conn:
        kept = {row[0] for row in await fetch(conn, "SELECT idempotency_key FROM core.payment")}
    assert set(confirmed) <= kept
    await integrity_is_clean(pool)
