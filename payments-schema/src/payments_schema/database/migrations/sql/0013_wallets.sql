-- Mobile-money payments: one row a payment, one a conversation with a provider, one a step of the audit trail;
-- what providers told us by callback and by statement; the risk lists and the daily reports.

CREATE TABLE core.wallet_payment (
    id text COLLATE "C" PRIMARY KEY CHECK (id LIKE 'pay\_%'),
    client text NOT NULL,
    user_id text,
    direction text NOT NULL CHECK (direction IN ('disburse', 'collect')),
    amount_minor bigint NOT NULL CHECK (amount_minor > 0),
    currency text NOT NULL,
    phone text NOT NULL,
    network text NOT NULL,
    recipient_name text NOT NULL,
    description text,
    metadata jsonb NOT NULL DEFAULT '{}',
    wanted_provider text,
    provider text,
    status text NOT NULL CHECK (status IN (
        'INITIATED', 'VALIDATING', 'PENDING', 'PROCESSING', 'CONFIRMED', 'FAILED', 'EXPIRED', 'CANCELLED', 'REFUNDED')),
    review text CHECK (review IN ('required', 'approved', 'rejected')),
    risk jsonb,
    routing jsonb NOT NULL DEFAULT '[]',
    failure_code text,
    failure_reason text,
    late_outcome text,
    -- The payer's one-time code, from the moment it is given until it is sent.
    voucher text,
    -- When to look at it again; a worker that takes it moves this on, which is its lease.
    due_at timestamptz,
    traceparent text,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL
) WITH (fillfactor = 60, autovacuum_vacuum_scale_factor = 0.05);
CREATE INDEX wallet_payment_due ON core.wallet_payment (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX wallet_payment_by_status ON core.wallet_payment (status, id);
CREATE INDEX wallet_payment_by_client ON core.wallet_payment (client, id);
CREATE INDEX wallet_payment_by_payee ON core.wallet_payment (phone, created_at);
CREATE INDEX wallet_payment_by_payer ON core.wallet_payment (client, user_id, created_at) WHERE user_id IS NOT NULL;
CREATE INDEX wallet_payment_by_time ON core.wallet_payment (created_at);

CREATE TABLE core.wallet_attempt (
    payment_id text COLLATE "C",
    purpose text CHECK (purpose IN ('payment', 'refund')),
    number integer CHECK (number > 0),
    provider text NOT NULL,
    reference uuid NOT NULL UNIQUE,
    state text NOT NULL CHECK (state IN (
        'sending', 'accepted', 'unknown', 'voucher', 'resend', 'succeeded', 'failed')),
    fee_minor bigint NOT NULL CHECK (fee_minor >= 0),
    sends integer NOT NULL,
    inquiries integer NOT NULL,
    code text,
    raw text,
    provider_id text,
    created_at timestamptz NOT NULL,
    resolved_at timestamptz,
    PRIMARY KEY (payment_id, purpose, number),
    CONSTRAINT resolved_when_definite CHECK ((state IN ('succeeded', 'failed')) = (resolved_at IS NOT NULL))
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.05);
-- Never two conversations at once, never two successes: said by the database as well.
CREATE UNIQUE INDEX wallet_attempt_one_open ON core.wallet_attempt (payment_id, purpose)
WHERE state <> 'failed';
CREATE INDEX wallet_attempt_resolved ON core.wallet_attempt (provider, resolved_at) WHERE resolved_at IS NOT NULL;

CREATE TABLE core.wallet_transition (
    payment_id text COLLATE "C",
    number integer CHECK (number > 0),
    from_status text,
    to_status text NOT NULL,
    actor text NOT NULL,
    reason text NOT NULL,
    at timestamptz NOT NULL,
    PRIMARY KEY (payment_id, number)
);

CREATE FUNCTION core.refuse_to_rewrite_history() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog AS $$
BEGIN
    RAISE EXCEPTION 'rows of % are never changed', tg_table_name USING ERRCODE = 'restrict_violation';
END
$$;
CREATE TRIGGER wallet_transition_is_history
BEFORE UPDATE OR DELETE OR TRUNCATE ON core.wallet_transition
FOR EACH STATEMENT EXECUTE FUNCTION core.refuse_to_rewrite_history();

-- Who may never be paid, who is always reviewed, who is known to be fine; by phone or by payer.
CREATE TABLE core.wallet_risk_list (
    subject text PRIMARY KEY,
    verdict text NOT NULL CHECK (verdict IN ('allow', 'review', 'block')),
    reason text NOT NULL,
    added_by text NOT NULL,
    added_at timestamptz NOT NULL DEFAULT now()
);

-- The rules in force are the newest row; older ones stay, so that a past decision can be replayed.
CREATE TABLE core.wallet_rules (
    version integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    risk jsonb,
    routing jsonb,
    set_by text NOT NULL,
    set_at timestamptz NOT NULL DEFAULT now()
);

-- What is known of each provider beside its attempts.
CREATE TABLE core.wallet_provider (
    provider text,
    currency text,
    balance_minor bigint,
    checked_at timestamptz NOT NULL,
    error text,
    PRIMARY KEY (provider, currency)
);

CREATE TABLE core.wallet_statement_line (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    provider text NOT NULL,
    provider_id text NOT NULL,
    reference text NOT NULL,
    effect_minor bigint NOT NULL CHECK (effect_minor <> 0),
    fee_minor bigint NOT NULL DEFAULT 0,
    currency text NOT NULL,
    at timestamptz NOT NULL,
    imported_at timestamptz NOT NULL DEFAULT now(),
    state text NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'proposed', 'matched', 'suspense')),
    UNIQUE (provider, provider_id)
);
CREATE INDEX wallet_statement_line_open ON core.wallet_statement_line (provider, at) WHERE state <> 'matched';

CREATE TABLE core.wallet_match (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    provider text NOT NULL,
    kind text NOT NULL CHECK (kind IN ('one_to_one', 'one_to_many', 'many_to_one', 'suspense')),
    lines bigint [] NOT NULL,
    attempts uuid [] NOT NULL,
    difference_minor bigint NOT NULL,
    currency text NOT NULL,
    state text NOT NULL CHECK (state IN ('proposed', 'confirmed', 'rejected')),
    decided_by text,
    decided_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE core.wallet_report (
    day date,
    provider text,
    currency text,
    figures jsonb NOT NULL,
    made_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (day, provider, currency)
);

INSERT INTO ledger.chart (code, type, normal_side, purpose) VALUES
    ('wallet', 'liability', 'credit', 'What we owe those on whose behalf wallets are paid and charged'),
    ('wallet_clearing', 'liability', 'credit', 'Wallet money between its owner and a provider'),
    ('wallet_suspense', 'asset', 'debit', 'Statement lines without a payment, until an operator resolves them'),
    ('provider_fees', 'expense', 'debit', 'What mobile-money providers charge us'),
    ('provider_float_mtn', 'asset', 'debit', 'Our money with MTN'),
    ('provider_float_telecel', 'asset', 'debit', 'Our money with Telecel'),
    ('provider_float_airteltigo', 'asset', 'debit', 'Our money with AirtelTigo');
SELECT ledger.ensure_accounts(
    array_agg('platform'::text), array_agg(chart.code), array_agg('GHS'::text))
FROM ledger.chart AS chart
WHERE chart.code LIKE 'provider\_%' OR chart.code IN ('wallet_clearing', 'wallet_suspense');

GRANT SELECT, INSERT, UPDATE ON core.wallet_payment, core.wallet_attempt TO payments_app;
GRANT SELECT, INSERT ON core.wallet_transition, core.wallet_rules TO payments_app;
GRANT SELECT, INSERT, UPDATE, DELETE ON core.wallet_risk_list, core.wallet_provider TO payments_app;
GRANT SELECT, INSERT, UPDATE ON core.wallet_statement_line, core.wallet_match, core.wallet_report TO payments_app;
GRANT USAGE ON ALL SEQUENCES IN SCHEMA core TO payments_app;
