-- What others may read: the public views of the contract. Money becomes numeric with its currency's decimals.

CREATE VIEW public.payments AS
SELECT
    p.id, p.idempotency_key, p.account_id, p.amount_minor * c.unit AS amount, p.currency, p.status, p.description,
    p.created_at, p.updated_at
FROM core.payment AS p
JOIN core.currency AS c ON c.code = p.currency;

CREATE VIEW public.recon_jobs AS
SELECT id, payment_id, status, attempts, locked_at, locked_by, created_at, updated_at
FROM core.recon_job;

CREATE VIEW public.reconciliation_results AS
SELECT
    r.id, r.payment_id, r.recon_job_id, r.status, r.matched, r.discrepancy_minor * c.unit AS discrepancy_amount,
    r.notes, r.created_at
FROM core.reconciliation_result AS r
JOIN core.payment AS p ON p.id = r.payment_id
JOIN core.currency AS c ON c.code = p.currency;

-- Legs are numbered customer first. The order stands in the view because a plan may read them otherwise.
CREATE VIEW public.ledger_entries AS
SELECT
    'ent_' || lpad(t.id::text, 16, '0') || lpad(e.leg::text, 4, '0') AS id,
    'txn_' || lpad(t.id::text, 16, '0') AS transaction_id,
    a.code AS account_id,
    t.reference AS payment_id,
    t.kind AS entry_type,
    e.direction,
    a.currency,
    e.amount_minor * c.unit AS amount,
    e.balance_after * c.unit AS balance_after,
    t.recorded_at AS created_at
FROM ledger.transaction AS t
JOIN ledger.entry AS e ON e.transaction_id = t.id
JOIN ledger.account AS a ON a.id = e.account_id
JOIN core.currency AS c ON c.code = a.currency
ORDER BY t.id, e.leg;

CREATE VIEW public.invoices AS
SELECT id, total_minor AS total_cents, paid_minor AS paid_cents, status
FROM core.invoice;
