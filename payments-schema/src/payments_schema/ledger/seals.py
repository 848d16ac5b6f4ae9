"""The chain of digests over the ledger's transactions: sealed behind the postings, checked block by block.

Must not be called inside a unit of work that posts: what it seals is what others have committed.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from hashlib import sha256
from typing import LiteralString, NamedTuple

from psycopg import AsyncConnection
from psycopg.pq.abc import PGresult
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
    """How far a check has come: blocks checked of all, and the broken ones among the last few.

    are_related: none of their transactions is without entries, no entry without a transaction of its phase.
    """

    blocks: int
    of: int
    broken: tuple[BrokenBlock, ...]
    are_related: bool = True


class Newest(NamedTuple):
    """The newest sealed block and its last transaction; both 0 where nothing is sealed."""

    number: int
    through_id: int


UNSEALED: LiteralString = """
(SELECT coalesce(max(id), 0) FROM ledger.transaction)
> coalesce((SELECT through_id FROM ledger.seal ORDER BY number DESC LIMIT 1), 0)
"""
"""As an expression: whether `seal` is worth calling; it may have to be called twice."""


async def seal(conn: Connection, *, limit: int = 100_000) -> int:
    """Seal what is settled; returns how many transactions. What is posted now is sealed by a later call."""
    cursor = await conn.execute("SELECT ledger.seal_settled(p_limit => %s)", [limit])
    row = await cursor.fetchone()
    assert row is not None
    return int(row[0])


async def newest(conn: Connection) -> Newest:
    """How far the chain reaches."""
    cursor = await conn.execute("SELECT number, through_id FROM ledger.seal ORDER BY number DESC LIMIT 1")
    row = await cursor.fetchone()
    return Newest(0, 0) if row is None else Newest(*row)


async def check(
    conn: Connection, *, after_block: int = 0, through_block: int | None = None, step: int = 20
) -> AsyncIterator[Checked]:
    """Compute every digest behind `after_block` (through `through_block`) again, `step` blocks at a time."""
    last = (await newest(conn)).number if through_block is None else through_block
    while after_block < last:
        through = min(after_block + step, last)
        broken, are_related = await _check(conn, after_block, through)
        yield Checked(through, last, broken, are_related)
        after_block = through


# What ledger.block_digest digests, told a second time and digested here: a changed function hides nothing,
# and a digest costs a third. Each column comes as it is on the wire: joined in the server, the same bytes
# would be copied a dozen times. The rows are read anyway, so it is seen at once whether they belong together.
_BLOCKS: LiteralString = """
SELECT n.number, s.after_id >= coalesce(p.through_id, 0), p.digest, s.digest,
    t.id IS NOT DISTINCT FROM e.ids AND (t.is_posted AND e.is_posted OR NOT EXISTS (
        SELECT FROM ledger.entry AS l LEFT JOIN ledger.transaction AS o ON o.id = l.transaction_id
        WHERE l.transaction_id > s.after_id AND l.transaction_id <= s.through_id
            AND l.is_pending IS DISTINCT FROM (o.phase = 'pending'))),
    t.id, t.reference, t.key, t.kind, t.phase, t.effective_at, t.recorded_at, t.stated_at, t.reverses,
    e.account_id, e.version, e.amount_minor, e.balance_after, e.direction, e.is_pending
FROM generate_series(%s::bigint + 1, %s::bigint) AS n (number)
LEFT JOIN ledger.seal AS s ON s.number = n.number
LEFT JOIN ledger.seal AS p ON p.number = n.number - 1
CROSS JOIN LATERAL (
    SELECT bool_and(t.phase = 'posted') AS is_posted,
        array_agg(t.id) AS id, array_agg(t.reference) AS reference, array_agg(t.key) AS key,
        array_agg(t.kind) AS kind, array_agg(t.phase) AS phase,
        array_agg(t.effective_at) AS effective_at, array_agg(t.recorded_at) AS recorded_at,
        array_agg(t.stated_at) AS stated_at, array_agg(t.reverses) AS reverses
    FROM (
        SELECT * FROM ledger.transaction WHERE id > s.after_id AND id <= s.through_id ORDER BY id
    ) AS t
) AS t
CROSS JOIN LATERAL (
    SELECT array_agg(DISTINCT e.transaction_id) AS ids, bool_and(NOT e.is_pending) AS is_posted,
        array_agg(e.account_id) AS account_id, array_agg(e.version) AS version,
        array_agg(e.amount_minor) AS amount_minor, array_agg(e.balance_after) AS balance_after,
        array_agg(e.direction) AS direction, array_agg(e.is_pending) AS is_pending
    FROM (
        SELECT * FROM ledger.entry
        WHERE transaction_id > s.after_id AND transaction_id <= s.through_id ORDER BY transaction_id, leg
    ) AS e
) AS e
ORDER BY n.number
"""
_FIRST_DIGESTED, _COLUMNS = 5, 20
_TRUE = b"\x01"


async def _check(
    conn: Connection, after_block: int, through_block: int
) -> tuple[tuple[BrokenBlock, ...], bool]:
    async with conn.cursor(binary=True) as cursor:
        await cursor.execute(_BLOCKS, [after_block, through_block])
        rows = cursor.pgresult
        assert rows is not None
        wrong, are_related = await asyncio.to_thread(_wrong, rows)
    return tuple([await _named(conn, number) for number in wrong]), are_related


def _wrong(rows: PGresult) -> tuple[list[int], bool]:
    """Blocks that are gone, overlap the one before, or whose rows are not those that were sealed."""
    wrong: list[int] = []
    are_related = True
    for row in range(rows.ntuples):
        digest = sha256(rows.get_value(row, 2) or b"")
        for column in range(_FIRST_DIGESTED, _COLUMNS):
            digest.update(rows.get_value(row, column) or b"")
        if rows.get_value(row, 1) != _TRUE or digest.digest() != rows.get_value(row, 3):
            wrong.append(int.from_bytes(rows.get_value(row, 0) or b""))
        are_related = are_related and rows.get_value(row, 4) == _TRUE
    return wrong, are_related


async def _named(conn: Connection, number: int) -> BrokenBlock:
    """Which transactions of a broken block changed, were added or are gone (then their neighbours)."""
    cursor = await conn.execute(
        """
        SELECT after_id, through_id, checksums, ledger.block_checksums(after_id, through_id)
        FROM ledger.seal WHERE number = %s
        """,
        [number],
    )
    row = await cursor.fetchone()
    if row is None:
        return BrokenBlock(number, "", "", ())
    after_id, through_id, checksums, now = row
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
