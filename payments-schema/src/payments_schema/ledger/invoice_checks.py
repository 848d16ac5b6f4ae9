"""What must hold for invoices, customers' credit and their entries, as queries whose rows are the offenders.

Must not be the code that posts, told again: the sums are worked out from entries alone.
"""

from __future__ import annotations

from typing import LiteralString

_FOLLOWS: LiteralString = """
WITH told AS (
    SELECT t.reference,
        sum(e.amount_minor) FILTER (WHERE t.kind = 'invoice_issue' AND a.code = 'accounts_receivable')
            AS total,
        coalesce(sum(e.amount_minor) FILTER (WHERE t.kind IN ('invoice_payment', 'credit_allocation')
            AND a.owner_kind = 'platform' AND a.code = 'accounts_receivable'), 0) AS paid,
        coalesce(sum(e.amount_minor) FILTER (WHERE t.kind = 'invoice_credit_note'
            AND a.code = 'accounts_receivable'), 0) AS credited,
        coalesce(sum(e.amount_minor) FILTER (WHERE t.kind = 'invoice_payment'
            AND a.owner_kind = 'customer_credit'), 0) AS credit,
        min(a.currency) AS currency
    FROM ledger.transaction AS t
    JOIN ledger.entry AS e ON e.transaction_id = t.id
    JOIN ledger.account AS a ON a.id = e.account_id
    WHERE t.kind IN ('invoice_issue', 'invoice_payment', 'invoice_credit_note', 'credit_allocation')
    GROUP BY t.reference
)
SELECT coalesce(i.id::text, told.reference) AS invoice_id, i.status, i.total_minor, told.total,
    i.paid_minor, told.paid, i.credited_minor, told.credited, i.credit_minor, told.credit
FROM (SELECT * FROM core.invoice WHERE is_booked OR paid_minor + credited_minor + credit_minor > 0) AS i
FULL JOIN told ON told.reference = i.id::text
WHERE (i.currency, i.total_minor, i.paid_minor, i.credited_minor, i.credit_minor)
    IS DISTINCT FROM (told.currency, told.total, told.paid, told.credited, told.credit)
"""

_CREDIT: LiteralString = """
SELECT coalesce(c.customer, b.code) AS customer, coalesce(c.currency, b.currency) AS currency,
    c.balance_minor, b.on_the_ledger
FROM core.customer_credit AS c
FULL JOIN (
    SELECT a.code, a.currency, b.posted_cr - b.posted_dr AS on_the_ledger
    FROM ledger.account AS a JOIN ledger.balance AS b ON b.account_id = a.id
    WHERE a.owner_kind = 'customer_credit'
) AS b ON b.code = c.customer AND b.currency = c.currency
WHERE coalesce(c.balance_minor, 0) <> coalesce(b.on_the_ledger, 0)
"""

_EVENTS: LiteralString = """
SELECT coalesce(e.invoice_id::text, t.reference) AS invoice_id,
    coalesce('event-' || e.event_id, t.key) AS event,
    e.amount_minor, e.applied_minor, e.credit_minor, t.taken, t.applied, t.credit
FROM (SELECT * FROM core.payment_event WHERE status = 'applied') AS e
FULL JOIN (
    SELECT t.reference, t.key,
        sum(e.amount_minor) FILTER (WHERE a.code = 'settlement_clearing' AND a.owner_kind = 'platform')
            AS taken,
        coalesce(sum(e.amount_minor) FILTER (WHERE a.code = 'accounts_receivable'
            AND a.owner_kind = 'platform'), 0) AS applied,
        coalesce(sum(e.amount_minor) FILTER (WHERE a.owner_kind = 'customer_credit'), 0) AS credit
    FROM ledger.transaction AS t
    JOIN ledger.entry AS e ON e.transaction_id = t.id
    JOIN ledger.account AS a ON a.id = e.account_id
    WHERE t.kind = 'invoice_payment'
    GROUP BY t.reference, t.key
) AS t ON t.reference = e.invoice_id::text AND t.key = 'event-' || e.event_id
WHERE (e.amount_minor, e.applied_minor, e.credit_minor) IS DISTINCT FROM (t.taken, t.applied, t.credit)
"""

_TOLD: LiteralString = """
SELECT i.id AS invoice_id, i.status, i.applied, coalesce(e.applied, 0) AS told_applied,
    coalesce(e.paid, 0) AS told_paid, coalesce(e.voided, 0) AS told_voided
FROM (
    SELECT invoice.id, invoice.status,
        (SELECT count(*) FROM core.payment_event AS p
         WHERE p.invoice_id = invoice.id AND p.status = 'applied') AS applied
    FROM core.invoice
) AS i
LEFT JOIN (
    SELECT subject, count(*) FILTER (WHERE type = 'invoice.payment_applied') AS applied,
        count(*) FILTER (WHERE type = 'invoice.paid') AS paid,
        count(*) FILTER (WHERE type = 'invoice.voided') AS voided
    FROM core.event WHERE starts_with(type, 'invoice.')
    GROUP BY subject
) AS e ON e.subject = i.id::text
WHERE (coalesce(e.applied, 0), coalesce(e.paid, 0) > 0, coalesce(e.voided, 0) > 0)
    IS DISTINCT FROM (i.applied, i.status = 'paid', i.status = 'void')
    OR e.paid > 1 OR e.voided > 1
"""

CHECKS: tuple[tuple[str, LiteralString], ...] = (
    ("every invoice follows from its entries", _FOLLOWS),
    ("every customer's credit is the balance of its account", _CREDIT),
    ("every payment event is posted once, as it was applied", _EVENTS),
    ("every payment of an invoice and its end are told once", _TOLD),
)
"""Each check's name with its query."""
