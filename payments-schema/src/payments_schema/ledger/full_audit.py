"""The whole audit at once: every check and the chain of digests, side by side on a few connections.

Must not need one snapshot for all: each check is one statement and judges what it sees.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

from payments_schema.database.pool import Pool, unit_of_work
from payments_schema.ledger import audit, seals
from payments_schema.wire.ledger import Integrity, IntegrityCheck

AT_ONCE = 3
CHAIN = "the chain of digests holds"

Say = Callable[[str], None]


async def run(pool: Pool, say: Say, checks: Sequence[audit.Check] = audit.ALL_CHECKS) -> Integrity:
    """Check everything; `say` hears the progress. Results in the order of `checks`, the chain last."""
    free = asyncio.Semaphore(AT_ONCE)

    async def taking_turns(work: Coroutine[Any, Any, IntegrityCheck]) -> IntegrityCheck:
        async with free:
            return await work

    # The chain first: it is the longest, and a check that waits for it would end after it.
    works = [_chain(pool, say), *(_check(pool, say, check) for check in checks)]
    chain, *results = await asyncio.gather(*(taking_turns(work) for work in works))
    results.append(chain)
    return Integrity(ok=all(result.ok for result in results), checks=results)


async def _check(pool: Pool, say: Say, check: audit.Check) -> IntegrityCheck:
    async with unit_of_work(pool) as conn:
        [found] = (await audit.integrity(conn, [check])).checks
    say(f"checked: {check.name}")
    return found


async def _chain(pool: Pool, say: Say) -> IntegrityCheck:
    offenders: list[dict[str, Any]] = []
    async with unit_of_work(pool) as conn:
        async for checked in seals.check(conn):
            say(f"checking the chain: block {checked.blocks:,} of {checked.of:,}")
            offenders += [block._asdict() for block in checked.broken]
    return IntegrityCheck(name=CHAIN, ok=not offenders, offenders=offenders[: audit.MOST_OFFENDERS])
