"""What must hold for card payments and their entries, as queries whose rows are the offenders.

Must not be the code that posts, told again: the state is worked out from entries alone.
"""

from __future__ import annotations

from typing import LiteralString

_FOLLOWS: LiteralString = """
WITH leg AS (
    SELECT t.reference, t.id, t.kind, e.direction, e.amount_minor,
        CASE a.owner_kind WHEN 'platform' THEN a.code ELSE a.owner_kind END AS account
    FROM ledger.transaction AS t
    JOIN ledger.entry AS e ON e.transaction_id = t.id
    JOIN ledger.account AS a ON a.id = e.account_id
    WHERE starts_with(t.kind, 'card_')
),
told AS (
    SELECT reference,
        sum(amount_minor) FILTER (WHERE account = 'customer_holds' AND direction = 'debit') AS authorized,
        coalesce(sum(CASE direction WHEN 'debit' THEN amount_minor ELSE -amount_minor END)
            FILTER (WHERE account = 'customer_holds'), 0) AS held,
        coalesce(sum(amount_minor) FILTER (WHERE kind = 'card_capture' AND direction = 'credit'
            AND account IN ('merchant_payable', 'platform_fees')), 0) AS captured,
        coalesce(sum(amount_minor) FILTER (WHERE kind = 'card_capture' AND account = 'platform_fees'), 0)
            AS fee,
        coalesce(sum(amount_minor) FILTER (WHERE kind = 'card_refund' AND direction = 'debit'
            AND account IN ('merchant_payable', 'platform_fees')), 0) AS refunded,
        coalesce(sum(amount_minor) FILTER (WHERE kind = 'card_refund' AND account = 'platform_fees'), 0)
            AS fee_refunded,
        coalesce(sum(amount_minor) FILTER (WHERE account = 'platform_cash' AND direction = 'credit'), 0)
            AS settled,
        coalesce(sum(CASE direction WHEN 'debit' THEN amount_minor ELSE -amount_minor END)
            FILTER (WHERE account = 'customer_funds'), 0) AS funds,
        bool_or(kind = 'card_void') AS is_voided,
        coalesce(max(id) FILTER (WHERE kind = 'card_settlement'), 0) AS last_settlement,
        coalesce(max(id) FILTER (WHERE kind = 'card_refund'), 0) AS last_refund
    FROM leg
    GROUP BY reference
),
state AS (
    SELECT told.*,
        CASE
            WHEN captured = 0 AND held > 0 THEN 'authorized'
            WHEN captured = 0 AND is_voided THEN 'voided'
            WHEN captured = 0 THEN 'expired'
            WHEN refunded = captured THEN 'refunded'
            WHEN last_settlement > last_refund THEN 'settled'
            WHEN refunded > 0 THEN 'partially_refunded'
            ELSE 'captured'
        END AS status
    FROM told
)
SELECT coalesce(p.id, s.reference) AS payment_id, p.status, s.status AS entries_say,
    p.authorized_minor, s.authorized, p.captured_minor, s.captured, p.fee_minor, s.fee,
    p.refunded_minor, s.refunded, p.fee_refunded_minor, s.fee_refunded, p.settled_minor, s.settled,
    p.authorized_minor - p.captured_minor - p.released_minor AS held_minor, s.held
FROM core.card_payment AS p
FULL JOIN state AS s ON s.reference = p.id
WHERE (p.status, p.authorized_minor, p.captured_minor, p.fee_minor, p.refunded_minor, p.fee_refunded_minor,
        p.settled_minor, p.authorized_minor - p.captured_minor - p.released_minor)
    IS DISTINCT FROM
    (s.status, s.authorized, s.captured, s.fee, s.refunded, s.fee_refunded, s.settled, s.held)
    OR s.funds <> s.captured - s.refunded - s.held
"""

_PARTS: LiteralString = """
SELECT p.id AS payment_id, p.captured_minor, c.captured, p.fee_minor, c.fee,
    p.refunded_minor, r.refunded, p.fee_refunded_minor, r.fee_refunded, p.refunds, r.refunds AS refund_rows
FROM core.card_payment AS p
LEFT JOIN (
    SELECT payment_id, sum(amount_minor) AS captured, sum(fee_minor) AS fee,
        sum(merchant_returned_minor + fee_returned_minor) AS returned, sum(fee_returned_minor) AS fee_returned
    FROM core.card_capture GROUP BY payment_id
) AS c ON c.payment_id = p.id
LEFT JOIN (
    SELECT payment_id, sum(merchant_minor + fee_minor) AS refunded, sum(fee_minor) AS fee_refunded,
        count(*) AS refunds
    FROM core.card_refund GROUP BY payment_id
) AS r ON r.payment_id = p.id
WHERE (p.captured_minor, p.fee_minor, p.refunded_minor, p.fee_refunded_minor, p.refunded_minor,
        p.fee_refunded_minor, p.refunds)
    IS DISTINCT FROM (coalesce(c.captured, 0), coalesce(c.fee, 0), coalesce(r.refunded, 0),
        coalesce(r.fee_refunded, 0), coalesce(c.returned, 0), coalesce(c.fee_returned, 0),
        coalesce(r.refunds, 0))
"""

_PROVENANCE: LiteralString = """
SELECT coalesce(c.payment_id, s.payment_id) AS payment_id, coalesce(c.number, s.capture) AS capture,
    c.merchant_returned_minor, s.merchant, c.fee_returned_minor, s.fee
FROM core.card_capture AS c
FULL JOIN (
    SELECT payment_id, capture, sum(merchant_minor) AS merchant, sum(fee_minor) AS fee
    FROM core.card_refund_part GROUP BY payment_id, capture
) AS s ON s.payment_id = c.payment_id AND s.capture = c.number
WHERE c.payment_id IS NULL
    OR (c.merchant_returned_minor, c.fee_returned_minor) <> (coalesce(s.merchant, 0), coalesce(s.fee, 0))
UNION ALL
SELECT coalesce(r.payment_id, s.payment_id), -coalesce(r.number, s.refund), r.merchant_minor, s.merchant,
    r.fee_minor, s.fee
FROM core.card_refund AS r
FULL JOIN (
    SELECT payment_id, refund, sum(merchant_minor) AS merchant, sum(fee_minor) AS fee
    FROM core.card_refund_part GROUP BY payment_id, refund
) AS s ON s.payment_id = r.payment_id AND s.refund = r.number
WHERE r.payment_id IS NULL OR (r.merchant_minor, r.fee_minor) IS DISTINCT FROM (s.merchant, s.fee)
"""

_BOUNDS: LiteralString = """
SELECT id AS payment_id, authorized_minor, captured_minor, released_minor, fee_minor, settled_minor,
    refunded_minor, fee_refunded_minor
FROM core.card_payment
WHERE captured_minor < 0 OR released_minor < 0 OR captured_minor + released_minor > authorized_minor
    OR refunded_minor NOT BETWEEN 0 AND captured_minor OR fee_minor NOT BETWEEN 0 AND captured_minor
    OR fee_refunded_minor NOT BETWEEN 0 AND least(fee_minor, refunded_minor)
    OR settled_minor NOT BETWEEN 0 AND captured_minor - fee_minor
"""

_HOLDS: LiteralString = """
SELECT coalesce(b.currency, h.currency) AS currency, b.on_the_ledger, h.open
FROM (
    SELECT a.currency, sum(b.posted_dr - b.posted_cr) AS on_the_ledger
    FROM ledger.account AS a JOIN ledger.balance AS b ON b.account_id = a.id
    WHERE a.owner_kind = 'customer_holds' OR a.owner_kind = 'platform' AND a.code = 'customer_holds'
    GROUP BY a.currency
) AS b
FULL JOIN (
    SELECT currency, sum(authorized_minor - captured_minor - released_minor) AS open
    FROM core.card_payment GROUP BY currency
) AS h ON h.currency = b.currency
WHERE coalesce(b.on_the_ledger, 0) <> coalesce(h.open, 0)
"""

_EVENTS: LiteralString = """
SELECT coalesce(t.reference, e.subject) AS payment_id, t.steps, e.events
FROM (
    SELECT reference, count(*) AS steps FROM ledger.transaction WHERE starts_with(kind, 'card_')
    GROUP BY reference
) AS t
FULL JOIN (
    SELECT subject, count(*) AS events FROM core.event WHERE starts_with(type, 'card.') GROUP BY subject
) AS e ON e.subject = t.reference
WHERE t.steps IS DISTINCT FROM e.events
"""

_KEYS: LiteralString = """
SELECT k.client, k.key, k.route, k.resource_id
FROM core.idempotency_key AS k
LEFT JOIN core.card_payment AS p ON p.id = k.resource_id
WHERE starts_with(k.resource_id, 'pay_') AND (p.id IS NULL OR k.response ->> 'id' <> p.id)
    AND k.response ->> 'kind' = 'card'
"""

CHECKS: tuple[tuple[str, LiteralString], ...] = (
    ("every card payment follows from its entries", _FOLLOWS),
    ("no card payment takes more than it held or returns more than it took", _BOUNDS),
    ("captures and refunds sum up to their card payment", _PARTS),
    ("every refund names the captures that it returns", _PROVENANCE),
    ("holds on the ledger are those that are open", _HOLDS),
    ("every step of a card payment has its event, once", _EVENTS),
    ("every idempotency key of a card payment leads to it", _KEYS),
)
"""(what must hold, its offenders), for `audit`."""
