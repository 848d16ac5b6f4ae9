-- Card payments: one row a payment with its sums, one a capture, one a refund and one for each part of a
-- capture that a refund returned. What may change is decided in Python; what may never be is said here again.

CREATE TABLE core.card_payment (
    -- Prefixed and time-ordered: byte order is the order of creation.
    id text COLLATE "C" PRIMARY KEY CHECK (id LIKE 'pay\_%'),
    client text NOT NULL,
    account_id text,
    currency text NOT NULL,
    status text NOT NULL,
    authorized_minor bigint NOT NULL CHECK (authorized_minor BETWEEN 1 AND 99999999),
    captured_minor bigint NOT NULL DEFAULT 0 CHECK (captured_minor >= 0),
    released_minor bigint NOT NULL DEFAULT 0 CHECK (released_minor >= 0),
    fee_minor bigint NOT NULL DEFAULT 0,
    refunded_minor bigint NOT NULL DEFAULT 0,
    fee_refunded_minor bigint NOT NULL DEFAULT 0,
    settled_minor bigint NOT NULL DEFAULT 0,
    -- As it was at the authorization, so that the fees of later captures add up with those of earlier ones.
    fee_bps integer NOT NULL CHECK (fee_bps BETWEEN 0 AND 10000),
    refunds integer NOT NULL DEFAULT 0,
    description text,
    metadata jsonb NOT NULL DEFAULT '{}',
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    CONSTRAINT no_more_than_held CHECK (captured_minor + released_minor <= authorized_minor),
    CONSTRAINT no_more_than_captured CHECK (refunded_minor BETWEEN 0 AND captured_minor),
    CONSTRAINT fee_is_of_the_captured CHECK (fee_minor = captured_minor * fee_bps / 10000),
    CONSTRAINT fee_is_returned_once CHECK (fee_refunded_minor BETWEEN 0 AND least(fee_minor, refunded_minor)),
    CONSTRAINT merchant_is_paid_once CHECK (settled_minor BETWEEN 0 AND captured_minor - fee_minor),
    CONSTRAINT status_follows_from_sums CHECK (CASE status
        WHEN 'authorized' THEN captured_minor = 0 AND released_minor = 0
        WHEN 'captured' THEN captured_minor > 0 AND refunded_minor = 0 AND settled_minor = 0
        WHEN 'voided' THEN released_minor = authorized_minor
        WHEN 'expired' THEN released_minor = authorized_minor
        WHEN 'settled' THEN settled_minor > 0 AND captured_minor + released_minor = authorized_minor
        WHEN 'partially_refunded' THEN refunded_minor BETWEEN 1 AND captured_minor - 1
            AND captured_minor + released_minor = authorized_minor
        WHEN 'refunded' THEN refunded_minor = captured_minor AND captured_minor > 0
            AND captured_minor + released_minor = authorized_minor
        ELSE false
    END)
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.05);
CREATE INDEX card_payment_by_status ON core.card_payment (status, id);
CREATE INDEX card_payment_by_client ON core.card_payment (client, id);
CREATE INDEX card_payment_held ON core.card_payment (expires_at)
WHERE captured_minor + released_minor < authorized_minor;

CREATE TABLE core.card_capture (
    payment_id text COLLATE "C",
    number integer CHECK (number > 0),
    amount_minor bigint NOT NULL CHECK (amount_minor > 0),
    fee_minor bigint NOT NULL CHECK (fee_minor BETWEEN 0 AND amount_minor),
    merchant_returned_minor bigint NOT NULL DEFAULT 0,
    fee_returned_minor bigint NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (payment_id, number),
    CONSTRAINT merchant_part_is_returned_once CHECK (merchant_returned_minor BETWEEN 0 AND amount_minor - fee_minor),
    CONSTRAINT fee_part_is_returned_once CHECK (fee_returned_minor BETWEEN 0 AND fee_minor)
) WITH (fillfactor = 90);

CREATE TABLE core.card_refund (
    payment_id text COLLATE "C",
    number integer CHECK (number > 0),
    merchant_minor bigint NOT NULL CHECK (merchant_minor >= 0),
    fee_minor bigint NOT NULL CHECK (fee_minor >= 0),
    reason text,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (payment_id, number),
    CONSTRAINT returns_something CHECK (merchant_minor + fee_minor > 0)
);

CREATE TABLE core.card_refund_part (
    payment_id text COLLATE "C",
    refund integer,
    capture integer,
    merchant_minor bigint NOT NULL CHECK (merchant_minor >= 0),
    fee_minor bigint NOT NULL CHECK (fee_minor >= 0),
    PRIMARY KEY (payment_id, refund, capture),
    CONSTRAINT returns_something CHECK (merchant_minor + fee_minor > 0)
);
COMMENT ON TABLE core.card_refund_part IS 'Provenance: what each refund took back from which capture.';

-- Keys of a batch of requests: taken for this transaction where nobody else has them, with what is stored.
-- Two statements, so that the second sees what the lock's last holder committed.
CREATE FUNCTION core.claim_keys(p_clients text[], p_keys text[])
RETURNS TABLE (is_ours boolean, route text, request jsonb, status smallint, response jsonb)
LANGUAGE plpgsql AS $$
DECLARE
    ours boolean[];
BEGIN
    SELECT array_agg(pg_try_advisory_xact_lock(core.idempotency_lock_id(i.client, i.key)) ORDER BY i.n) INTO ours
    FROM unnest(p_clients, p_keys) WITH ORDINALITY AS i (client, key, n);
    RETURN QUERY
    SELECT ours[i.n], k.route, k.request, k.status, k.response
    FROM unnest(p_clients, p_keys) WITH ORDINALITY AS i (client, key, n)
    LEFT JOIN core.idempotency_key AS k ON k.client = i.client AND k.key = i.key
    ORDER BY i.n;
END
$$;

REVOKE ALL ON FUNCTION core.claim_keys FROM PUBLIC;
GRANT EXECUTE ON FUNCTION core.claim_keys TO payments_app;
GRANT SELECT, INSERT ON core.card_payment, core.card_capture, core.card_refund, core.card_refund_part TO payments_app;
GRANT UPDATE (
    status, captured_minor, released_minor, fee_minor, refunded_minor, fee_refunded_minor, settled_minor, refunds,
    updated_at
) ON core.card_payment TO payments_app;
GRANT UPDATE (merchant_returned_minor, fee_returned_minor) ON core.card_capture TO payments_app;
