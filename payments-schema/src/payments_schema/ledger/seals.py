"""The chain of digests over the ledger's transactions: sealed behind the postings, checked block by block.

Must not be called inside a unit of work that posts: what it seals is what others have committed.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import NamedTuple

from psycopg import AsyncConnection
from psycopg.rows import TupleRow

from payments_schema import ids

Connection = AsyncConnection[TupleRow]


class BrokenBlock(NamedTuple):
    """A block whose digest no longer follows from its rows; `transactions` names those that changed."""

    number: int
    first: str
    last: str
    transactions: tuple[str, ...]


class Checked(NamedTuple):
    """How far a check has come: blocks checked of all, and the broken ones among the last few."""

    blocks: int
    of: int
    broken: tuple[BrokenBlock, ...]


async def seal(conn: Connection, *, limit: int = 100_000) -> int:
    """Seal what is settled; returns how many transactions. What is posted now is sealed by a later call."""
    cursor = await conn.execute("SELECT ledger.seal_settled(p_limit => %s)", [limit])
    row = await cursor.fetchone()
    assert row is not None
    return int(row[0])


async def check(conn: Connection, *, after_block: int = 0, step: int = 500) -> AsyncIterator[Checked]:
    """Compute every digest behind `after_block` again, `step` blocks at a time."""
    cursor = await conn.execute("SELECT coalesce(max(number), 0) FROM ledger.seal")
    row = await cursor.fetchone()
    newest = 0 if row is None else int(row[0])
    while after_block < newest:
        through = min(after_block + step, newest)
        yield Checked(through, newest, tuple(await _broken(conn, after_block, through)))
        after_block = through


async def _broken(conn: Connection, after_block: int, through_block: int) -> list[BrokenBlock]:
    cursor = await conn.execute(
        """
        WITH expected AS (
            SELECT n.number, s.after_id, s.through_id, s.checksums,
                s.digest IS NOT DISTINCT FROM ledger.block_digest(
                    coalesce(p.digest, ''::bytea), s.after_id, s.through_id)
                AND s.after_id >= coalesce(p.through_id, 0) AS holds
            FROM generate_series(%s::bigint + 1, %s::bigint) AS n (number)
            LEFT JOIN ledger.seal AS s ON s.number = n.number
            LEFT JOIN ledger.seal AS p ON p.number = n.number - 1
        )
        SELECT number, after_id, through_id, checksums FROM expected
        WHERE NOT coalesce(holds, false) ORDER BY number
        """,
        [after_block, through_block],
    )
    return [await _named(conn, *row) for row in await cursor.fetchall()]


async def _named(
    conn: Connection, number: int, after_id: int | None, through_id: int | None, checksums: list[int] | None
) -> BrokenBlock:
    """Which transactions of a broken block changed, were added or are gone (then their neighbours)."""
    if after_id is None or through_id is None or checksums is None:
        return BrokenBlock(number, "", "", ())
    cursor = await conn.execute("SELECT ledger.block_checksums(%s, %s)", [after_id, through_id])
    row = await cursor.fetchone()
    now: list[int] = [] if row is None else row[0]
    numbers = await (
        await conn.execute(
            "SELECT id FROM ledger.transaction WHERE id > %s AND id <= %s ORDER BY id", [after_id, through_id]
        )
    ).fetchall()
    stored = set(checksums)
    changed = [
        ids.sequence_id("txn", number)
        for (number,), checksum in zip(numbers, now, strict=True)
        if checksum not in stored
    ]
    return BrokenBlock(
        number, ids.sequence_id("txn", after_id + 1), ids.sequence_id("txn", through_id), tuple(changed)
    )
