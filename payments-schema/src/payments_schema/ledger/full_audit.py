"""The whole audit at once: every check and the chain of digests, side by side on a few connections.

Must not need one snapshot for all: each check is one statement and judges what it sees.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, NamedTuple, TypeVar

from payments_schema.database.pool import Pool, unit_of_work
from payments_schema.ledger import audit, seals
from payments_schema.ledger.audit import Look
from payments_schema.ledger.rolling import CHAIN
from payments_schema.wire.ledger import Integrity, IntegrityCheck

AT_ONCE = 3
PIECES = 2

T = TypeVar("T")
Say = Callable[[str], None]


class _Piece(NamedTuple):
    broken: list[dict[str, Any]]
    are_related: bool


async def run(pool: Pool, say: Say, checks: Sequence[audit.Check] = audit.ALL_CHECKS) -> Integrity:
    """Check everything; `say` hears the progress. Results in the order of `checks`, the chain last."""
    free = asyncio.Semaphore(AT_ONCE)

    async def taking_turns(work: Coroutine[Any, Any, T]) -> T:
        async with free:
            return await work

    async with unit_of_work(pool) as conn:
        newest = await seals.newest(conn)
    # A block's digest needs only its rows and the digest stored before it: the chain is checked in pieces.
    # They come first: they are the longest, and a check that waits for one would end after it.
    pieces = [(newest.number * n // PIECES, newest.number * (n + 1) // PIECES) for n in range(PIECES)]
    chain, entries, tail, at_once = await asyncio.gather(
        asyncio.gather(*(taking_turns(_chain(pool, say, *piece)) for piece in pieces)),
        taking_turns(_look(pool, say, Look.ENTRIES)),
        taking_turns(_look(pool, say, Look.RELATED, newest.through_id)),
        asyncio.gather(
            *(taking_turns(_check(pool, say, check)) for check in checks if not check.looks),
        ),
    )
    known = {Look.ENTRIES: entries, Look.RELATED: tail and all(piece.are_related for piece in chain)}
    looked = await asyncio.gather(
        *(taking_turns(_check(pool, say, check, known)) for check in checks if check.looks)
    )
    by_name = {result.name: result for result in (*at_once, *looked)}
    broken = [offender for piece in chain for offender in piece.broken]
    results = [
        *(by_name[check.name] for check in checks),
        IntegrityCheck(name=CHAIN, ok=not broken, offenders=broken[: audit.MOST_OFFENDERS]),
    ]
    return Integrity(ok=all(result.ok for result in results), checks=results)


async def _look(pool: Pool, say: Say, look: Look, after: int = 0) -> bool:
    async with unit_of_work(pool) as conn:
        is_clean = await audit.is_clean(conn, look, after=after)
    say(f"looked at all {look}" if is_clean else f"looked at all {look}: something is wrong")
    return is_clean


async def _check(
    pool: Pool, say: Say, check: audit.Check, known: dict[Look, bool] | None = None
) -> IntegrityCheck:
    async with unit_of_work(pool) as conn:
        [found] = (await audit.integrity(conn, [check], known or audit.NOTHING)).checks
    say(f"checked: {check.name}")
    return found


async def _chain(pool: Pool, say: Say, after_block: int, through_block: int) -> _Piece:
    piece = _Piece([], are_related=True)
    async with unit_of_work(pool) as conn:
        await conn.execute("SET LOCAL jit = off")  # compiling takes longer than it saves
        async for checked in seals.check(conn, after_block=after_block, through_block=through_block):
            say(f"checking the chain: block {checked.blocks:,} of {checked.of:,}")
            piece.broken.extend(block._asdict() for block in checked.broken)
            piece = piece._replace(are_related=piece.are_related and checked.are_related)
    return piece
