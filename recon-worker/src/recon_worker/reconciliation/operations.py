"""Reconciles jobs: lock, decide, save, post, record, a batch in one unit of work and one commit.

Must not know messages or actors; who calls may call twice, the jobs' own status makes it once.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence

import psycopg
import structlog
from payments_schema.ledger import movements
from payments_schema.money import Money
from payments_schema.reconciliation import store
from payments_schema.reconciliation.store import Connection, Outcome, ReconJob

from recon_worker.database import Line

from . import rules

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)

_RECONNECT_S = 0.1
_RECONNECT_MAX_S = 0.5


class JobHeldElsewhere(Exception):
    """The job is open, and somebody else has it locked at this moment: to be looked at again."""


def decide(job: ReconJob) -> Outcome:
    """The outcome of one job, with its posting where there is something to post."""
    amount = Money(job.amount_minor, job.currency)
    verdict = rules.reconcile(amount)
    posting = None
    if verdict.is_posted:
        posting = movements.direct_payment(
            job.payment_id, job.account_id, amount, job.created_at, verdict.discrepancy
        )
    return Outcome(
        job=job,
        status=verdict.status,
        matched=verdict.matched,
        discrepancy_minor=verdict.discrepancy.minor if verdict.discrepancy else None,
        notes=verdict.notes,
        payment_status=verdict.payment_status,
        posting=posting,
    )


async def reconcile(conn: Connection, job_ids: Sequence[int], worker: str) -> list[Outcome]:
    """Reconcile those of the jobs that are open and not locked by others; returns what was decided."""
    jobs = await store.claim(conn, job_ids, worker)
    outcomes = [decide(job) for job in jobs]
    await store.complete_many(conn, outcomes, worker=worker)
    return outcomes


class Reconciler:
    """Runs batches on a line of its own, survives a lost database, and isolates a job that cannot be done.

    observe: told of every committed batch. patience_s: how long an outage is waited out before giving
    the messages back to be tried again.
    """

    def __init__(
        self,
        line: Line,
        *,
        worker: str,
        observe: Callable[[Mapping[str, int]], None] = lambda verdicts: None,
        patience_s: float = 15.0,
    ) -> None:
        self._line = line
        self._worker = worker
        self._observe = observe
        self._patience_s = patience_s
        self._is_stopping = False

    def stop(self) -> None:
        """Wait for no outage any more."""
        self._is_stopping = True

    async def close(self) -> None:
        """Close the line."""
        await self._line.close()

    async def run(self, job_ids: Sequence[int]) -> Mapping[int, Exception]:
        """Reconcile jobs; returns those that failed with their errors.

        A batch that fails is done again one by one, so that a poisonous job fails alone.
        Raises psycopg.OperationalError where the database stays away.
        """
        try:
            return await self._with_patience(job_ids)
        except psycopg.OperationalError:
            raise
        # An edge: one job's fault, of whatever kind, must not become the fault of all in its batch.
        except Exception as error:  # whatever it is, it belongs to one of them: alone, it is returned
            if len(job_ids) == 1:
                return {job_ids[0]: error}
        failures: dict[int, Exception] = {}
        for job_id in job_ids:
            failures.update(await self.run([job_id]))
        return failures

    async def record_failure(self, job_ids: Sequence[int], error: str, *, is_final: bool) -> None:
        """Note a failed attempt on the jobs themselves; final gives them up."""
        async with self._line.unit_of_work() as conn:
            await store.record_failure(conn, job_ids, self._worker, error, is_final=is_final)

    async def separate(self, job_ids: Sequence[int], *, delay_s: float) -> None:
        """Give each job a message of its own, so that each is tried, and given up, for itself."""
        async with self._line.unit_of_work() as conn:
            await store.separate(conn, job_ids, delay_s=delay_s)

    async def sweep(self, *, older_than_s: float) -> int:
        """Fail jobs whose message was given up, send those that have none; returns how many were sent."""
        async with self._line.unit_of_work() as conn:
            abandoned = await store.fail_abandoned(conn, self._worker)
            swept = await store.sweep(conn, older_than_s=older_than_s)
        if abandoned or swept:
            log.warning("swept", failed=len(abandoned), sent_again=len(swept))
        return len(swept)

    async def _with_patience(self, job_ids: Sequence[int]) -> Mapping[int, Exception]:
        deadline = time.monotonic() + self._patience_s
        wait_s = _RECONNECT_S
        while True:
            try:
                return await self._once(job_ids)
            except psycopg.OperationalError as error:
                # Deadlocks and lost connections alike: nothing is done, or all of it and the claim is empty.
                if self._is_stopping or time.monotonic() >= deadline:
                    raise
                log.warning("reconciliation interrupted, trying again", error=str(error).partition("\n")[0])
                await asyncio.sleep(wait_s)
                wait_s = min(2 * wait_s, _RECONNECT_MAX_S)

    async def _once(self, job_ids: Sequence[int]) -> Mapping[int, Exception]:
        async with self._line.unit_of_work() as conn:
            outcomes = await reconcile(conn, job_ids, self._worker)
        self._observe(Counter(outcome.status.value for outcome in outcomes))
        missing = set(job_ids) - {outcome.job.id for outcome in outcomes}
        if not missing:
            return {}
        async with self._line.unit_of_work() as conn:
            still_open = await store.still_open(conn, sorted(missing))
        return {
            job_id: JobHeldElsewhere(f"job {job_id} is locked by another worker") for job_id in still_open
        }
