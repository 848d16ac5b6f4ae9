"""The reconciliation actors: decode a message, call the operation, say what becomes of the message.

Must not touch the database themselves.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

import dramatiq
import psycopg
from dramatiq.broker import Broker
from dramatiq.errors import Retry
from dramatiq.middleware import CurrentMessage
from payments_schema.errors import PaymentsError

from recon_worker.batcher import Batcher
from recon_worker.queue.messages import MalformedMessage

from .operations import JobHeldElsewhere, Reconciler

QUEUE = "reconciliation"
MAINTENANCE_QUEUE = "maintenance"
SWEEP = "sweep_reconciliations"
"""The actor's name, for the schedule."""
HELD_ELSEWHERE_MS = 500


class ReconciliationFailed(Exception):
    """A job failed; the cause is in the text and on the job."""


def job_ids_of(argument: object) -> list[int]:
    """The job ids of a message. Raises MalformedMessage."""
    if not isinstance(argument, list):
        raise MalformedMessage("job ids must be a list")
    items = cast("list[Any]", argument)
    if not items or any(type(item) is not int or not 0 < item < 2**63 for item in items):
        raise MalformedMessage("job ids must be positive integers, and at least one")
    return items


def describe(error: Exception) -> str:
    """What a job may tell of its failure; only the first line, since Postgres tells values in the others."""
    return f"{type(error).__name__}: {str(error).strip().partition(chr(10))[0]}"[:500]


def declare(
    broker: Broker,
    reconciler: Reconciler,
    batcher: Batcher[int],
    *,
    max_retries: int,
    min_backoff_ms: int,
    sweep_older_than_s: float,
) -> None:
    """Put the actors on a broker. batcher: its run must be the reconciler's."""

    async def reconcile(job_ids: object) -> None:
        ids = job_ids_of(job_ids)
        message = CurrentMessage.get_current_message()
        # A message of many that already cost workers their lives is taken apart: the poison then dies alone.
        if len(ids) > 1 and getattr(message, "crashes", 0) >= 2:
            await reconciler.separate(ids, delay_s=0)
            return
        failures = await batcher.submit(ids)
        if failures:
            retries: int = message.options.get("retries", 0) if message is not None else 0
            await settle(
                reconciler,
                ids,
                failures,
                retries=retries,
                is_last=retries >= max_retries,
                delay_s=min_backoff_ms / 1000,
            )

    async def sweep_reconciliations() -> None:
        await reconciler.sweep(older_than_s=sweep_older_than_s)

    dramatiq.actor(
        broker=broker,
        queue_name=QUEUE,
        max_retries=max_retries,
        min_backoff=min_backoff_ms,
        max_backoff=300_000,
        time_limit=120_000,
        throws=(PaymentsError, MalformedMessage),
    )(reconcile)
    # No retries: the next slot is the retry.
    dramatiq.actor(broker=broker, queue_name=MAINTENANCE_QUEUE, max_retries=0)(sweep_reconciliations)


async def settle(
    reconciler: Reconciler,
    job_ids: Sequence[int],
    failures: Mapping[int, Exception],
    *,
    retries: int,
    is_last: bool,
    delay_s: float,
) -> None:
    """Note failures on their jobs, and raise what makes the message be tried again or given up.

    The failed jobs of a message of many get messages of their own, so that each is given up for itself.
    """
    for error in failures.values():
        if isinstance(error, psycopg.OperationalError):
            raise error
    failed = {id_: error for id_, error in failures.items() if not isinstance(error, JobHeldElsewhere)}
    is_alone = len(job_ids) == 1
    for job_id, error in failed.items():
        is_final = is_alone and (is_last or isinstance(error, PaymentsError))
        await reconciler.record_failure([job_id], describe(error), is_final=is_final)
        if is_alone:
            if isinstance(error, PaymentsError):
                raise error
            raise ReconciliationFailed(f"job {job_id}: {describe(error)}") from error
    if failed:
        await reconciler.separate(list(failed), delay_s=delay_s)
    if len(failed) < len(failures):
        raise Retry("jobs are locked by another worker", delay=min(HELD_ELSEWHERE_MS * 2**retries, 10_000))
