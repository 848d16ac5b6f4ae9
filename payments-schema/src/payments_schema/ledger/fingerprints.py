"""Quick looks at all entries that say whether a slow check can find anything: sums of hashes over one scan.

Must not be an excuse: each fingerprint is equal for different books only by the chance of a collision, with
numbers drawn anew for every look, so that nobody can prepare for one.
"""

from __future__ import annotations

from typing import LiteralString

ENTRIES: LiteralString = """
WITH seed AS MATERIALIZED (SELECT hashtextextended(gen_random_uuid()::text, 0) AS number),
leg AS (
    SELECT e.account_id, e.amount_minor, e.is_pending, e.balance_after::bigint AS balance,
        CASE e.direction WHEN 'credit' THEN e.amount_minor ELSE -e.amount_minor END AS net,
        -- Where the entry stands: its version, told so that nobody can prepare what hashes alike.
        e.version + (SELECT s.number >> 2 FROM seed AS s) AS place,
        -- Each transaction weighs its entries with a number of its own, of 32 bits.
        hashint8extended(e.transaction_id, (SELECT s.number FROM seed AS s)) >> 32 AS weight
    FROM ledger.entry AS e
    OFFSET 0  -- each expression once a row, not once in every sum below
),
told AS MATERIALIZED (
    SELECT account_id, count(*) AS entries, min(amount_minor) AS least, sum(amount_minor) AS moved,
        coalesce(sum(amount_minor) FILTER (WHERE is_pending), 0) AS pending_moved,
        coalesce(sum(net) FILTER (WHERE is_pending), 0) AS pending_net,
        sum(net * weight) AS weighed,
        bit_xor(hashint8extended(balance, place + 1)) AS leaves,
        -- What an entry began with, by its account's normal side: both, as a join would cost more.
        bit_xor(hashint8extended(CASE WHEN is_pending THEN balance ELSE balance - net END, place))
            AS began_credit,
        bit_xor(hashint8extended(CASE WHEN is_pending THEN balance ELSE balance + net END, place))
            AS began_debit
    FROM leg
    GROUP BY account_id
)
SELECT 1
FROM told AS s
FULL JOIN ledger.balance AS b ON b.account_id = s.account_id
LEFT JOIN ledger.account AS a ON a.id = b.account_id
CROSS JOIN (SELECT number >> 2 AS lift FROM seed) AS z
WHERE b.account_id IS NULL OR a.id IS NULL OR b.sign <> CASE a.normal_side WHEN 'credit' THEN 1 ELSE -1 END
    OR b.version <> coalesce(s.entries, 0) OR s.least <= 0
    OR (b.posted_dr + b.posted_cr, 2 * b.pending_dr, 2 * b.pending_cr) IS DISTINCT FROM (
        coalesce(s.moved - s.pending_moved, 0),
        coalesce(s.pending_moved - s.pending_net, 0), coalesce(s.pending_moved + s.pending_net, 0))
    -- What each entry leaves and what the next one begins with are the same pairs (balance, version), but for
    -- the first and the last: all others cancel out. The first begins with nothing, and the last leaves what
    -- the account has, at the version that the account has: so no version is lacking, and posted debits and
    -- credits, whose sum is compared above, differ by what the entries moved.
    OR s.leaves # CASE b.sign WHEN 1 THEN s.began_credit ELSE s.began_debit END
        <> hashint8extended(0, z.lift + 1)
        # hashint8extended((b.sign * (b.posted_cr - b.posted_dr))::bigint, z.lift + b.version + 1)
UNION ALL
-- What is off in one transaction cannot be set right by another: their weights differ.
SELECT 1 FROM told AS s LEFT JOIN ledger.account AS a ON a.id = s.account_id
GROUP BY a.currency HAVING sum(s.weighed) <> 0
LIMIT 1
"""
"""A row where some account's entries may not sum up to its balance or not continue each other, or where some
transaction's entries may not balance in a currency (a chance of one in 2^32 to overlook that).

Fails with numeric_value_out_of_range where an amount or a balance is so large that it proves nothing.
"""

RELATED: LiteralString = """
SELECT 1
FROM (SELECT transaction_id, is_pending FROM ledger.entry WHERE transaction_id > %(after)s) AS e
FULL JOIN (SELECT id, phase = 'pending' AS is_pending FROM ledger.transaction WHERE id > %(after)s) AS t
    ON t.id = e.transaction_id
WHERE e.transaction_id IS NULL OR t.id IS NULL OR t.is_pending <> e.is_pending
LIMIT 1
"""
"""A row where, behind a transaction's number, one has no entries or some entry has none of its phase."""
