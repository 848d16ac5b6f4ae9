-- The newest schema at a glance. Made by `payments-schema snapshot`; edit the migrations, not this.
-- A test proves that this file and the migrations build the same database.

SET check_function_bodies = off;

CREATE SCHEMA core;

ALTER SCHEMA core OWNER TO payments_migrator;

COMMENT ON SCHEMA core IS 'Base tables of the platform; money in bigint minor units.';

CREATE SCHEMA dramatiq;

ALTER SCHEMA dramatiq OWNER TO payments_migrator;

COMMENT ON SCHEMA dramatiq IS 'Message queue, compatible with dramatiq-pg in table and message shape.';

CREATE SCHEMA ledger;

ALTER SCHEMA ledger OWNER TO payments_migrator;

COMMENT ON SCHEMA ledger IS 'Double-entry ledger; written by its own functions only.';

CREATE TYPE dramatiq.state AS ENUM (
    'queued',
    'consumed',
    'rejected',
    'done'
);

ALTER TYPE dramatiq.state OWNER TO payments_migrator;

CREATE FUNCTION core.accept_payment_events(p_event_ids uuid[], p_invoice_ids uuid[], p_amounts bigint[], p_raws jsonb[], p_message_id uuid) RETURNS integer
    LANGUAGE plpgsql
    SET plan_cache_mode TO 'force_generic_plan'
    AS $$
DECLARE
    concerned jsonb;
    fresh integer;
BEGIN
    WITH numbered AS (
        SELECT nextval(pg_get_serial_sequence('core.payment_event', 'id')) AS id, i.*
        FROM unnest(p_event_ids, p_invoice_ids, p_amounts, p_raws)
            AS i (event_id, invoice_id, amount_minor, raw)
    ),
    stored AS (
        INSERT INTO core.payment_event (id, event_id, invoice_id, amount_minor, raw)
        SELECT id, event_id, invoice_id, amount_minor, raw FROM numbered
        ORDER BY event_id, id
        ON CONFLICT (event_id) DO NOTHING
        RETURNING invoice_id
    )
    SELECT count(*), jsonb_agg(DISTINCT invoice_id) INTO fresh, concerned FROM stored;
    IF fresh > 0 THEN
        PERFORM core.enqueue(p_message_id, 'invoices', 'apply_payment_events', jsonb_build_array(concerned));
    END IF;
    RETURN fresh;
END
$$;

ALTER FUNCTION core.accept_payment_events(p_event_ids uuid[], p_invoice_ids uuid[], p_amounts bigint[], p_raws jsonb[], p_message_id uuid) OWNER TO payments_migrator;

CREATE FUNCTION core.adopt_events() RETURNS bigint
    LANGUAGE plpgsql
    AS $$
DECLARE
    adopted bigint;
BEGIN
    UPDATE core.event SET transaction = '3' WHERE transaction > pg_current_xact_id();
    GET DIAGNOSTICS adopted = ROW_COUNT;
    RETURN adopted;
END
$$;

ALTER FUNCTION core.adopt_events() OWNER TO payments_migrator;

CREATE FUNCTION core.claim_keys(p_clients text[], p_keys text[]) RETURNS TABLE(is_ours boolean, route text, request jsonb, status smallint, response jsonb)
    LANGUAGE plpgsql
    AS $$
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

ALTER FUNCTION core.claim_keys(p_clients text[], p_keys text[]) OWNER TO payments_migrator;

CREATE FUNCTION core.complete_reconciliations(p_worker text, p_job_ids bigint[], p_payment_ids uuid[], p_payment_statuses text[], p_statuses text[], p_matched boolean[], p_discrepancies bigint[], p_notes text[], p_references text[], p_keys text[], p_kinds text[], p_effective_at timestamp with time zone[], l_items integer[], l_owner_kinds text[], l_codes text[], l_currencies text[], l_directions text[], l_amounts bigint[]) RETURNS integer
    LANGUAGE plpgsql
    SET plan_cache_mode TO 'force_generic_plan'
    SET enable_seqscan TO 'off'
    AS $$
DECLARE
    done integer;
    refused text;
BEGIN
    UPDATE core.recon_job AS j
    SET status = 'completed', attempts = j.attempts + 1, locked_by = p_worker, locked_at = now(),
        last_error = NULL, updated_at = now()
    FROM unnest(p_job_ids) AS i (id)
    WHERE j.id = i.id AND j.status IN ('pending', 'processing');
    GET DIAGNOSTICS done = ROW_COUNT;
    IF done <> coalesce(cardinality(p_job_ids), 0) THEN
        RAISE EXCEPTION 'only % of % jobs are still open', done, cardinality(p_job_ids)
            USING ERRCODE = 'object_not_in_prerequisite_state', HINT = 'Claim jobs in the same transaction.';
    END IF;
    UPDATE core.payment AS p
    SET status = i.status, updated_at = now()
    FROM unnest(p_payment_ids, p_payment_statuses) AS i (id, status)
    WHERE p.id = i.id AND p.status = 'pending';
    INSERT INTO core.reconciliation_result (payment_id, recon_job_id, status, matched, discrepancy_minor, notes)
    SELECT i.payment_id, i.job_id, i.status, i.matched, i.discrepancy, i.notes
    FROM unnest(p_payment_ids, p_job_ids, p_statuses, p_matched, p_discrepancies, p_notes)
        AS i (payment_id, job_id, status, matched, discrepancy, notes);
    INSERT INTO core.event (type, subject, data)
    SELECT 'payment.' || i.payment_status, i.payment_id::text, jsonb_build_object(
        'id', i.payment_id, 'status', i.payment_status, 'reconciliation', i.status, 'matched', i.matched,
        'discrepancy_minor', i.discrepancy, 'notes', i.notes)
    FROM unnest(p_payment_ids, p_payment_statuses, p_statuses, p_matched, p_discrepancies, p_notes)
        AS i (payment_id, payment_status, status, matched, discrepancy, notes);
    SELECT string_agg(p_references[p.ord] || ': ' || p.reason, '; ') INTO refused
    FROM ledger.post_many(
        p_references, p_keys, p_kinds, array_fill('posted'::text, ARRAY[cardinality(p_references)]),
        p_effective_at, array_fill(NULL::bigint, ARRAY[cardinality(p_references)]),
        l_items, l_owner_kinds, l_codes, l_currencies, l_directions, l_amounts) AS p
    WHERE p.outcome = 'rejected';
    IF refused IS NOT NULL THEN
        RAISE EXCEPTION 'the ledger refused: %', refused USING ERRCODE = 'check_violation';
    END IF;
    RETURN done;
END
$$;

ALTER FUNCTION core.complete_reconciliations(p_worker text, p_job_ids bigint[], p_payment_ids uuid[], p_payment_statuses text[], p_statuses text[], p_matched boolean[], p_discrepancies bigint[], p_notes text[], p_references text[], p_keys text[], p_kinds text[], p_effective_at timestamp with time zone[], l_items integer[], l_owner_kinds text[], l_codes text[], l_currencies text[], l_directions text[], l_amounts bigint[]) OWNER TO payments_migrator;

CREATE FUNCTION core.create_payments(p_client text, p_keys text[], p_ids uuid[], p_account_ids text[], p_amounts bigint[], p_currencies text[], p_descriptions text[], p_route text DEFAULT 'POST /payments'::text, p_options jsonb DEFAULT '{}'::jsonb) RETURNS TABLE(ord integer, outcome text, id uuid, created_at timestamp with time zone, differs text[])
    LANGUAGE plpgsql
    SET plan_cache_mode TO 'force_generic_plan'
    SET enable_seqscan TO 'off'
    AS $$
DECLARE
    size integer := cardinality(p_keys);
    claimed integer;
    fresh integer[];
    jobs bigint[];
    message uuid := gen_random_uuid();
BEGIN
    -- Sorted: two batches with the same keys in another order would wait for each other in a circle.
    INSERT INTO core.idempotency_key (client, key, route, status, resource_id)
    SELECT p_client, i.key, p_route, 201, i.id::text
    FROM unnest(p_keys, p_ids) WITH ORDINALITY AS i (key, id, n)
    ORDER BY i.key, i.n
    ON CONFLICT (client, key) DO NOTHING;
    GET DIAGNOSTICS claimed = ROW_COUNT;
    IF claimed = size THEN
        fresh := ARRAY(SELECT generate_series(1, size));
    ELSE
        SELECT array_agg(i.n::integer ORDER BY i.n) INTO fresh
        FROM unnest(p_keys, p_ids) WITH ORDINALITY AS i (key, id, n)
        JOIN core.idempotency_key AS k ON k.client = p_client AND k.key = i.key AND k.resource_id = i.id::text;
    END IF;

    IF claimed > 0 THEN
        INSERT INTO core.payment (id, client, idempotency_key, account_id, amount_minor, currency, description)
        SELECT p_ids[f], p_client, p_keys[f], p_account_ids[f], p_amounts[f], p_currencies[f], p_descriptions[f]
        FROM unnest(fresh) AS f;
        WITH made AS (
            INSERT INTO core.recon_job AS j (payment_id, message_id)
            SELECT p_ids[f], message FROM unnest(fresh) AS f
            RETURNING j.id
        )
        SELECT array_agg(m.id) INTO jobs FROM made AS m;
        INSERT INTO core.event (type, subject, data)
        SELECT 'payment.created', p_ids[f]::text, jsonb_build_object(
            'id', p_ids[f], 'account_id', p_account_ids[f], 'amount_minor', p_amounts[f],
            'currency', p_currencies[f], 'description', p_descriptions[f], 'status', 'pending')
        FROM unnest(fresh) AS f;
        PERFORM core.enqueue(
            message, 'reconciliation', 'reconcile', jsonb_build_array(to_jsonb(jobs)), p_options => p_options);
    END IF;
    IF claimed = size THEN
        RETURN QUERY SELECT f, 'created', p_ids[f], now(), NULL::text[] FROM unnest(fresh) AS f;
        RETURN;
    END IF;

    RETURN QUERY
    SELECT i.n::integer,
        CASE WHEN i.n = ANY (fresh) THEN 'created' WHEN d.names IS NULL THEN 'replayed' ELSE 'reused' END,
        p.id, p.created_at, d.names
    FROM unnest(p_keys, p_account_ids, p_amounts, p_currencies, p_descriptions)
        WITH ORDINALITY AS i (key, account_id, amount, currency, description, n)
    JOIN core.idempotency_key AS k ON k.client = p_client AND k.key = i.key
    LEFT JOIN core.payment AS p ON p.id = CASE WHEN k.route = p_route THEN k.resource_id::uuid END
    LEFT JOIN core.currency AS theirs ON theirs.code = p.currency
    LEFT JOIN core.currency AS ours ON ours.code = i.currency
    CROSS JOIN LATERAL (
        SELECT nullif(array_remove(ARRAY[
            CASE WHEN k.route <> p_route THEN 'route' END,
            CASE WHEN p.account_id <> i.account_id THEN 'accountId' END,
            CASE WHEN p.amount_minor * theirs.unit <> i.amount * ours.unit THEN 'amount' END,
            CASE WHEN p.currency <> i.currency THEN 'currency' END,
            CASE WHEN p.description IS DISTINCT FROM i.description AND p.id IS NOT NULL THEN 'description' END
        ], NULL), '{}') AS names
    ) AS d
    ORDER BY i.n;
END
$$;

ALTER FUNCTION core.create_payments(p_client text, p_keys text[], p_ids uuid[], p_account_ids text[], p_amounts bigint[], p_currencies text[], p_descriptions text[], p_route text, p_options jsonb) OWNER TO payments_migrator;

CREATE FUNCTION core.enqueue(p_message_id uuid, p_queue text, p_actor text, p_args jsonb, p_kwargs jsonb DEFAULT '{}'::jsonb, p_options jsonb DEFAULT '{}'::jsonb, p_delay_s double precision DEFAULT 0, p_priority integer DEFAULT 0) RETURNS void
    LANGUAGE plpgsql
    AS $$
BEGIN
    INSERT INTO dramatiq.queue (message_id, queue_name, message, due_at, priority)
    VALUES (p_message_id, p_queue, jsonb_build_object(
        'queue_name', p_queue, 'actor_name', p_actor, 'args', p_args, 'kwargs', p_kwargs, 'options', p_options,
        'message_id', p_message_id,
        'message_timestamp', (extract(epoch FROM clock_timestamp()) * 1000)::bigint),
        now() + make_interval(secs => p_delay_s), p_priority);
    PERFORM pg_notify('dramatiq.' || p_queue || '.enqueue', json_build_object('message_id', p_message_id)::text);
END
$$;

ALTER FUNCTION core.enqueue(p_message_id uuid, p_queue text, p_actor text, p_args jsonb, p_kwargs jsonb, p_options jsonb, p_delay_s double precision, p_priority integer) OWNER TO payments_migrator;

CREATE FUNCTION core.idempotency_lock_id(p_client text, p_key text) RETURNS bigint
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN hashtextextended(((p_client || ''::text) || p_key), (7)::bigint);

ALTER FUNCTION core.idempotency_lock_id(p_client text, p_key text) OWNER TO payments_migrator;

CREATE FUNCTION core.refuse_to_rewrite_history() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog'
    AS $$
BEGIN
    RAISE EXCEPTION 'rows of % are never changed', tg_table_name USING ERRCODE = 'restrict_violation';
END
$$;

ALTER FUNCTION core.refuse_to_rewrite_history() OWNER TO payments_migrator;

CREATE FUNCTION ledger.account_ids(p_owner_kinds text[], p_codes text[], p_currencies text[]) RETURNS bigint[]
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET plan_cache_mode TO 'force_generic_plan'
    SET enable_seqscan TO 'off'
    AS $$
DECLARE
    ids bigint[];
    lacking boolean;
BEGIN
    FOR pass IN 1..2 LOOP
        SELECT array_agg(a.id ORDER BY l.ord), bool_or(a.id IS NULL) INTO ids, lacking
        FROM unnest(p_owner_kinds, p_codes, p_currencies) WITH ORDINALITY AS l (owner_kind, code, currency, ord)
        LEFT JOIN ledger.account AS a
            ON a.code = l.code AND a.currency = l.currency AND a.owner_kind = l.owner_kind;
        EXIT WHEN NOT lacking;
        PERFORM ledger.ensure_accounts(p_owner_kinds, p_codes, p_currencies);
    END LOOP;
    RETURN ids;
END
$$;

ALTER FUNCTION ledger.account_ids(p_owner_kinds text[], p_codes text[], p_currencies text[]) OWNER TO payments_migrator;

CREATE FUNCTION ledger.available(p_sign smallint, p_posted_dr numeric, p_posted_cr numeric, p_pending_dr numeric, p_pending_cr numeric) RETURNS numeric
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN (((p_sign)::numeric * (p_posted_cr - p_posted_dr)) - GREATEST(((p_sign)::numeric * (p_pending_dr - p_pending_cr)), (0)::numeric));

ALTER FUNCTION ledger.available(p_sign smallint, p_posted_dr numeric, p_posted_cr numeric, p_pending_dr numeric, p_pending_cr numeric) OWNER TO payments_migrator;

CREATE TABLE ledger.entry (
    account_id bigint NOT NULL,
    version bigint NOT NULL,
    transaction_id bigint NOT NULL,
    amount_minor bigint NOT NULL,
    balance_after numeric(38,0) NOT NULL,
    leg smallint NOT NULL,
    is_pending boolean NOT NULL,
    direction text NOT NULL,
    CONSTRAINT entry_amount_minor_check CHECK ((amount_minor > 0)),
    CONSTRAINT entry_direction_check CHECK ((direction = ANY (ARRAY['debit'::text, 'credit'::text])))
);

ALTER TABLE ledger.entry OWNER TO payments_migrator;

CREATE TABLE ledger.transaction (
    id bigint NOT NULL,
    reference text NOT NULL,
    key text NOT NULL,
    kind text NOT NULL,
    phase text NOT NULL,
    effective_at timestamp with time zone NOT NULL,
    recorded_at timestamp with time zone DEFAULT now() NOT NULL,
    reverses bigint,
    stated_at timestamp with time zone,
    CONSTRAINT transaction_phase_check CHECK ((phase = ANY (ARRAY['pending'::text, 'posted'::text])))
);

ALTER TABLE ledger.transaction OWNER TO payments_migrator;

COMMENT ON COLUMN ledger.transaction.stated_at IS 'The effective time that was asked for, where its period was closed already; else null.';

CREATE FUNCTION ledger.block_checksums(p_after_id bigint, p_through_id bigint) RETURNS bigint[]
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    BEGIN ATOMIC
 SELECT COALESCE(array_agg(hashtextextended(concat_ws('|'::text, t.reference, t.key, t.kind, t.phase, EXTRACT(epoch FROM t.effective_at), EXTRACT(epoch FROM t.recorded_at), EXTRACT(epoch FROM t.stated_at), t.reverses, legs.content), t.id) ORDER BY t.id), '{}'::bigint[]) AS "coalesce"
    FROM (ledger.transaction t
      CROSS JOIN LATERAL ( SELECT string_agg(concat_ws(','::text, e.account_id, e.version, e.direction, e.amount_minor, e.balance_after, e.is_pending), ';'::text ORDER BY e.leg) AS content
            FROM ledger.entry e
           WHERE (e.transaction_id = t.id)) legs)
   WHERE ((t.id > block_checksums.p_after_id) AND (t.id <= block_checksums.p_through_id));

END;

ALTER FUNCTION ledger.block_checksums(p_after_id bigint, p_through_id bigint) OWNER TO payments_migrator;

CREATE FUNCTION ledger.block_digest(p_previous bytea, p_after_id bigint, p_through_id bigint) RETURNS bytea
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    BEGIN ATOMIC
 SELECT sha256(((p_previous || COALESCE(( SELECT ((((((((array_send(array_agg(t.id)) || array_send(array_agg(t.reference))) || array_send(array_agg(t.key))) || array_send(array_agg(t.kind))) || array_send(array_agg(t.phase))) || array_send(array_agg(t.effective_at))) || array_send(array_agg(t.recorded_at))) || array_send(array_agg(t.stated_at))) || array_send(array_agg(t.reverses)))
            FROM ( SELECT transaction.id,
                     transaction.reference,
                     transaction.key,
                     transaction.kind,
                     transaction.phase,
                     transaction.effective_at,
                     transaction.recorded_at,
                     transaction.reverses,
                     transaction.stated_at
                    FROM ledger.transaction
                   WHERE ((transaction.id > block_digest.p_after_id) AND (transaction.id <= block_digest.p_through_id))
                   ORDER BY transaction.id) t), '\x'::bytea)) || COALESCE(( SELECT (((((array_send(array_agg(e.account_id)) || array_send(array_agg(e.version))) || array_send(array_agg(e.amount_minor))) || array_send(array_agg(e.balance_after))) || array_send(array_agg(e.direction))) || array_send(array_agg(e.is_pending)))
            FROM ( SELECT entry.account_id,
                     entry.version,
                     entry.transaction_id,
                     entry.amount_minor,
                     entry.balance_after,
                     entry.leg,
                     entry.is_pending,
                     entry.direction
                    FROM ledger.entry
                   WHERE ((entry.transaction_id > block_digest.p_after_id) AND (entry.transaction_id <= block_digest.p_through_id))
                   ORDER BY entry.transaction_id, entry.leg) e), '\x'::bytea))) AS sha256;

END;

ALTER FUNCTION ledger.block_digest(p_previous bytea, p_after_id bigint, p_through_id bigint) OWNER TO payments_migrator;

CREATE FUNCTION ledger.book(l_items integer[], l_accounts bigint[], l_directions text[], l_amounts bigint[], p_ids bigint[], p_wanted boolean[], p_phases text[]) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET plan_cache_mode TO 'force_generic_plan'
    SET enable_seqscan TO 'off'
    AS $$
BEGIN
    INSERT INTO ledger.entry (
        account_id, version, transaction_id, amount_minor, balance_after, leg, is_pending, direction)
    SELECT r.account_id, b.version + r.step, p_ids[r.item], r.amount,
        b.sign * (b.posted_cr - b.posted_dr + r.moved), r.leg, p_phases[r.item] = 'pending', r.direction
    FROM (
        SELECT l.item, l.account_id, l.direction, l.amount,
            row_number() OVER (PARTITION BY l.item ORDER BY l.n) AS leg,
            row_number() OVER steps AS step,
            sum(CASE WHEN p_phases[l.item] = 'pending' THEN 0
                WHEN l.direction = 'credit' THEN l.amount ELSE -l.amount END) OVER steps AS moved
        FROM unnest(l_items, l_accounts, l_directions, l_amounts)
            WITH ORDINALITY AS l (item, account_id, direction, amount, n)
        WHERE p_wanted[l.item]
        WINDOW steps AS (PARTITION BY l.account_id ORDER BY l.item, l.n)
    ) AS r
    JOIN ledger.balance AS b ON b.account_id = r.account_id
    ORDER BY r.item, r.leg;

    UPDATE ledger.balance AS b
    SET version = b.version + t.steps,
        posted_dr = b.posted_dr + t.posted_dr, posted_cr = b.posted_cr + t.posted_cr,
        pending_dr = b.pending_dr + t.pending_dr, pending_cr = b.pending_cr + t.pending_cr
    FROM (
        SELECT l.account_id, count(*) AS steps,
            coalesce(sum(l.amount) FILTER (WHERE NOT l.is_pending AND l.direction = 'debit'), 0) AS posted_dr,
            coalesce(sum(l.amount) FILTER (WHERE NOT l.is_pending AND l.direction = 'credit'), 0) AS posted_cr,
            coalesce(sum(l.amount) FILTER (WHERE l.is_pending AND l.direction = 'debit'), 0) AS pending_dr,
            coalesce(sum(l.amount) FILTER (WHERE l.is_pending AND l.direction = 'credit'), 0) AS pending_cr
        FROM (
            SELECT u.account_id, u.direction, u.amount, p_phases[u.item] = 'pending' AS is_pending
            FROM unnest(l_items, l_accounts, l_directions, l_amounts) AS u (item, account_id, direction, amount)
            WHERE p_wanted[u.item]
        ) AS l
        GROUP BY l.account_id
    ) AS t
    WHERE b.account_id = t.account_id;
END
$$;

ALTER FUNCTION ledger.book(l_items integer[], l_accounts bigint[], l_directions text[], l_amounts bigint[], p_ids bigint[], p_wanted boolean[], p_phases text[]) OWNER TO payments_migrator;

CREATE FUNCTION ledger.close_period(p_until timestamp with time zone, p_by text, p_reason text) RETURNS bigint
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
    made bigint;
BEGIN
    -- Waits for postings that may still be dated into the period, and keeps new ones out until we commit.
    LOCK TABLE ledger.transaction IN SHARE ROW EXCLUSIVE MODE;
    IF p_until > now() OR p_until <= (SELECT max(c.closed_until) FROM ledger.period_close AS c) THEN
        RETURN NULL;
    END IF;
    INSERT INTO ledger.period_close (closed_until, closed_by, reason) VALUES (p_until, p_by, p_reason)
    RETURNING id INTO made;
    RETURN made;
END
$$;

ALTER FUNCTION ledger.close_period(p_until timestamp with time zone, p_by text, p_reason text) OWNER TO payments_migrator;

CREATE FUNCTION ledger.continue_timelines(p_accounts bigint[], p_blocks bigint[], p_with_times boolean) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
BEGIN
    INSERT INTO ledger.timeline (account_id, block, through, effective_high, recorded_high,
        effective_lag, recorded_lag, effective, recorded, nets)
    SELECT l.account_id, l.block, l.through, l.effective_high, l.recorded_high,
        greatest(l.effective_lag_before, max(l.effective_lag) OVER upto),
        greatest(l.recorded_lag_before, max(l.recorded_lag) OVER upto),
        l.effective, l.recorded, l.nets
    FROM (
        SELECT h.account_id, h.block, h.through, h.effective, h.recorded, h.nets,
            greatest(h.effective_high_before, h.effective_to) AS effective_high,
            greatest(h.recorded_high_before, h.recorded_to) AS recorded_high,
            ledger.lag_between(h.effective_high_before, h.effective_from) AS effective_lag,
            ledger.lag_between(h.recorded_high_before, h.recorded_from) AS recorded_lag,
            h.effective_lag_before, h.recorded_lag_before
        FROM (
            SELECT s.account_id, s.block, s.effective_from, s.effective_to, s.recorded_from, s.recorded_to,
                v.effective, v.recorded, v.nets,
                coalesce(b.through, 0) + sum(s.net) OVER upto AS through,
                greatest(b.effective_high, max(s.effective_to) OVER before) AS effective_high_before,
                greatest(b.recorded_high, max(s.recorded_to) OVER before) AS recorded_high_before,
                coalesce(b.effective_lag, 0) AS effective_lag_before,
                coalesce(b.recorded_lag, 0) AS recorded_lag_before,
                b.block IS NULL AS is_first, s.block - row_number() OVER upto AS stands,
                coalesce(b.block, -1) AS after_block
            FROM unnest(p_accounts, p_blocks) AS r (account_id, block)
            JOIN ledger.summary AS s ON s.account_id = r.account_id AND s.level = 1 AND s.block = r.block
            LEFT JOIN LATERAL (
                SELECT t.* FROM ledger.timeline AS t WHERE t.account_id = r.account_id ORDER BY t.block DESC LIMIT 1
            ) AS b ON true
            LEFT JOIN LATERAL (
                SELECT array_agg(e.effective_at) AS effective, array_agg(e.recorded_at) AS recorded,
                    array_agg(e.net) AS nets
                FROM (
                    SELECT t.effective_at, t.recorded_at,
                        CASE WHEN n.is_pending THEN 0 WHEN n.direction = 'credit' THEN n.amount_minor
                            ELSE -n.amount_minor END AS net
                    FROM ledger.entry AS n JOIN ledger.transaction AS t ON t.id = n.transaction_id
                    WHERE n.account_id = r.account_id
                        AND n.version > r.block * 64 AND n.version <= (r.block + 1) * 64
                    ORDER BY n.version
                ) AS e
            ) AS v ON p_with_times
            WINDOW upto AS (PARTITION BY s.account_id ORDER BY s.block),
                before AS (PARTITION BY s.account_id ORDER BY s.block
                    ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)
        ) AS h
        -- Without a gap, or not at all: what is not here is read by its summaries.
        WHERE h.stands = h.after_block
    ) AS l
    WINDOW upto AS (PARTITION BY l.account_id ORDER BY l.block)
    ON CONFLICT DO NOTHING;
END
$$;

ALTER FUNCTION ledger.continue_timelines(p_accounts bigint[], p_blocks bigint[], p_with_times boolean) OWNER TO payments_migrator;

CREATE FUNCTION ledger.date_into_open_period() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
    boundary timestamptz := (SELECT max(p.closed_until) FROM ledger.period_close AS p);
BEGIN
    IF NEW.effective_at < boundary THEN
        NEW.stated_at := NEW.effective_at;
        NEW.effective_at := boundary;
    END IF;
    RETURN NEW;
END
$$;

ALTER FUNCTION ledger.date_into_open_period() OWNER TO payments_migrator;

CREATE FUNCTION ledger.ensure_accounts(p_owner_kinds text[], p_codes text[], p_currencies text[]) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET plan_cache_mode TO 'force_generic_plan'
    SET enable_seqscan TO 'off'
    AS $$
DECLARE
    stranger text;
BEGIN
    SELECT l.owner_kind || ':' || l.code || ':' || l.currency INTO stranger
    FROM unnest(p_owner_kinds, p_codes, p_currencies) AS l (owner_kind, code, currency)
    WHERE NOT EXISTS (
            SELECT FROM ledger.chart AS c
            WHERE c.code = CASE l.owner_kind WHEN 'platform' THEN l.code ELSE l.owner_kind END)
        OR NOT EXISTS (SELECT FROM core.currency AS c WHERE c.code = l.currency)
    LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'no such account in the chart: %', stranger USING ERRCODE = 'foreign_key_violation';
    END IF;
    -- Sorted, so that two sessions that make the same accounts never wait for each other in a circle.
    WITH made AS (
        INSERT INTO ledger.account (owner_kind, code, currency, type, normal_side)
        SELECT DISTINCT
            l.owner_kind, l.code, l.currency, c.type, c.normal_side
        FROM unnest(p_owner_kinds, p_codes, p_currencies) AS l (owner_kind, code, currency)
        JOIN ledger.chart AS c ON c.code = CASE l.owner_kind WHEN 'platform' THEN l.code ELSE l.owner_kind END
        ORDER BY l.owner_kind, l.code, l.currency
        ON CONFLICT (code, currency, owner_kind) DO NOTHING
        RETURNING id, normal_side
    )
    INSERT INTO ledger.balance (account_id, sign)
    SELECT id, CASE normal_side WHEN 'credit' THEN 1 ELSE -1 END FROM made;
END
$$;

ALTER FUNCTION ledger.ensure_accounts(p_owner_kinds text[], p_codes text[], p_currencies text[]) OWNER TO payments_migrator;

CREATE FUNCTION ledger.lag_between(p_high timestamp with time zone, p_from timestamp with time zone) RETURNS bigint
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE WHEN (p_high > p_from) THEN (LEAST(ceil((EXTRACT(epoch FROM (p_high - p_from)) * (1000000)::numeric)), ('1000000000000000000'::bigint)::numeric))::bigint ELSE (0)::bigint END;

ALTER FUNCTION ledger.lag_between(p_high timestamp with time zone, p_from timestamp with time zone) OWNER TO payments_migrator;

CREATE FUNCTION ledger.net_at(p_account_id bigint, p_at timestamp with time zone, p_recorded boolean) RETURNS numeric
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET plan_cache_mode TO 'force_generic_plan'
    SET enable_seqscan TO 'off'
    SET enable_bitmapscan TO 'off'
    AS $$
DECLARE
    newest ledger.timeline;
    next ledger.timeline;
    total numeric;
    part numeric;
    -- The last block that ends by the moment, and the last that may begin by it.
    before bigint;
    reaches bigint;
    until timestamptz;
BEGIN
    SELECT t.* INTO newest
    FROM ledger.timeline AS t WHERE t.account_id = p_account_id ORDER BY t.block DESC LIMIT 1;
    IF newest.block IS NULL THEN
        RETURN ledger.net_by_summaries(p_account_id, p_at, p_recorded);
    ELSIF (CASE WHEN p_recorded THEN newest.recorded_high ELSE newest.effective_high END) <= p_at THEN
        total := newest.through;
    ELSE
        IF p_recorded THEN
            SELECT t.block, t.through INTO before, total FROM ledger.timeline AS t
            WHERE t.account_id = p_account_id AND t.recorded_high <= p_at
            ORDER BY t.recorded_high DESC, t.block DESC LIMIT 1;
        ELSE
            SELECT t.block, t.through INTO before, total FROM ledger.timeline AS t
            WHERE t.account_id = p_account_id AND t.effective_high <= p_at
            ORDER BY t.effective_high DESC, t.block DESC LIMIT 1;
        END IF;
        before := coalesce(before, -1);
        total := coalesce(total, 0);
        SELECT t.* INTO next FROM ledger.timeline AS t WHERE t.account_id = p_account_id AND t.block = before + 1;
        -- A millisecond more than needed: the product is not exact beyond centuries.
        until := p_at + interval '1 microsecond'
            * (1000 + CASE WHEN p_recorded THEN newest.recorded_lag ELSE newest.effective_lag END);
        IF next.nets IS NOT NULL
            AND (CASE WHEN p_recorded THEN next.recorded_high ELSE next.effective_high END) > until THEN
            FOR n IN 1..64 LOOP
                IF (CASE WHEN p_recorded THEN next.recorded[n] ELSE next.effective[n] END) <= p_at THEN
                    total := total + next.nets[n];
                END IF;
            END LOOP;
        ELSE
            reaches := least(newest.block, 1 + coalesce(CASE WHEN p_recorded THEN (
                SELECT t.block FROM ledger.timeline AS t
                WHERE t.account_id = p_account_id AND t.recorded_high <= until
                ORDER BY t.recorded_high DESC, t.block DESC LIMIT 1
            ) ELSE (
                SELECT t.block FROM ledger.timeline AS t
                WHERE t.account_id = p_account_id AND t.effective_high <= until
                ORDER BY t.effective_high DESC, t.block DESC LIMIT 1
            ) END, -1));
            IF reaches - before > 16 THEN
                RETURN ledger.net_by_summaries(p_account_id, p_at, p_recorded);
            END IF;
            total := total + ledger.net_within(p_account_id, p_at, p_recorded, before, reaches);
        END IF;
    END IF;
    -- What is not yet in the timeline, entry by entry: fewer than 64 where the sealer has come to the newest.
    SELECT coalesce(sum(CASE WHEN e.direction = 'credit' THEN e.amount_minor ELSE -e.amount_minor END), 0) INTO part
    FROM ledger.entry AS e
    WHERE e.account_id = p_account_id AND e.version > (newest.block + 1) * 64 AND NOT e.is_pending AND (
        SELECT CASE WHEN p_recorded THEN t.recorded_at ELSE t.effective_at END
        FROM ledger.transaction AS t WHERE t.id = e.transaction_id) <= p_at;
    RETURN total + part;
END
$$;

ALTER FUNCTION ledger.net_at(p_account_id bigint, p_at timestamp with time zone, p_recorded boolean) OWNER TO payments_migrator;

CREATE FUNCTION ledger.net_by_summaries(p_account_id bigint, p_at timestamp with time zone, p_recorded boolean) RETURNS numeric
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
    total numeric := 0;
    part numeric;
    inside bigint[] := '{}';
    covered bigint := 0;
    width bigint := 64 ^ 4;
    split bigint[];
    reaches bigint;
BEGIN
    FOR depth IN REVERSE 4..1 LOOP
        -- At each level: the runs below the ones that straddle the moment, and those beyond what is covered.
        SELECT coalesce(sum(s.net) FILTER (WHERE CASE WHEN p_recorded THEN s.recorded_to ELSE s.effective_to END <= p_at), 0),
            array_agg(s.block) FILTER (WHERE p_at >= CASE WHEN p_recorded THEN s.recorded_from ELSE s.effective_from END
                AND p_at < CASE WHEN p_recorded THEN s.recorded_to ELSE s.effective_to END),
            max(s.block) + 1
        INTO part, split, reaches
        FROM (
            SELECT c.* FROM unnest(inside) AS parent
            CROSS JOIN LATERAL (
                SELECT n.* FROM ledger.summary AS n
                WHERE n.account_id = p_account_id AND n.level = depth
                    AND n.block >= parent * 64 AND n.block < (parent + 1) * 64
                OFFSET 0
            ) AS c
            UNION ALL
            SELECT c.* FROM ledger.summary AS c
            WHERE c.account_id = p_account_id AND c.level = depth AND c.block >= covered / width
        ) AS s;
        total := total + part;
        inside := coalesce(split, '{}');
        covered := greatest(covered, coalesce(reaches, 0) * width);
        width := width / 64;
    END LOOP;
    -- A time is looked up entry by entry: these are a few hundred at most, whatever the planner thinks.
    SELECT coalesce(sum(CASE WHEN v.direction = 'credit' THEN v.amount_minor ELSE -v.amount_minor END), 0) INTO part
    FROM (
        SELECT e.direction, e.amount_minor, e.is_pending, e.transaction_id FROM unnest(inside) AS parent
        CROSS JOIN LATERAL (
            SELECT n.* FROM ledger.entry AS n
            WHERE n.account_id = p_account_id AND n.version > parent * 64 AND n.version <= (parent + 1) * 64
            OFFSET 0
        ) AS e
        UNION ALL
        SELECT e.direction, e.amount_minor, e.is_pending, e.transaction_id FROM ledger.entry AS e
        WHERE e.account_id = p_account_id AND e.version > covered
    ) AS v
    WHERE NOT v.is_pending AND (
        SELECT CASE WHEN p_recorded THEN t.recorded_at ELSE t.effective_at END
        FROM ledger.transaction AS t WHERE t.id = v.transaction_id) <= p_at;
    RETURN total + part;
END
$$;

ALTER FUNCTION ledger.net_by_summaries(p_account_id bigint, p_at timestamp with time zone, p_recorded boolean) OWNER TO payments_migrator;

CREATE FUNCTION ledger.net_within(p_account_id bigint, p_at timestamp with time zone, p_recorded boolean, p_after bigint, p_through bigint) RETURNS numeric
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
BEGIN
    RETURN (
        SELECT coalesce(sum(CASE
            WHEN t.nets IS NOT NULL THEN (
                SELECT sum(v.net)
                FROM unnest(CASE WHEN p_recorded THEN t.recorded ELSE t.effective END, t.nets) AS v (at, net)
                WHERE v.at <= p_at)
            ELSE (
                SELECT sum(CASE WHEN e.direction = 'credit' THEN e.amount_minor ELSE -e.amount_minor END)
                FROM ledger.entry AS e
                WHERE e.account_id = p_account_id AND e.version > t.block * 64 AND e.version <= (t.block + 1) * 64
                    AND NOT e.is_pending AND (
                        SELECT CASE WHEN p_recorded THEN o.recorded_at ELSE o.effective_at END
                        FROM ledger.transaction AS o WHERE o.id = e.transaction_id) <= p_at)
            END), 0)
        FROM ledger.timeline AS t
        WHERE t.account_id = p_account_id AND t.block > p_after AND t.block <= p_through);
END
$$;

ALTER FUNCTION ledger.net_within(p_account_id bigint, p_at timestamp with time zone, p_recorded boolean, p_after bigint, p_through bigint) OWNER TO payments_migrator;

CREATE FUNCTION ledger.post(p_reference text, p_key text, p_kind text, p_phase text, p_effective_at timestamp with time zone, p_reverses bigint, p_owner_kinds text[], p_codes text[], p_currencies text[], p_directions text[], p_amounts bigint[], OUT outcome text, OUT transaction_id bigint, OUT reason text) RETURNS record
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET plan_cache_mode TO 'force_generic_plan'
    SET enable_seqscan TO 'off'
    AS $$
DECLARE
    accounts bigint[] := ledger.account_ids(p_owner_kinds, p_codes, p_currencies);
    versions bigint[] := array_fill(0::bigint, ARRAY[cardinality(p_amounts)]);
    balances numeric[] := array_fill(0::numeric, ARRAY[cardinality(p_amounts)]);
    dr numeric;
    cr numeric;
    posted smallint := CASE p_phase WHEN 'posted' THEN 1 ELSE 0 END;
    leg record;
    now_at record;
    previous bigint := 0;
    available numeric;
    available_before numeric;
    short_by_now text;
BEGIN
    PERFORM ledger.require_balanced(
        array_fill(1, ARRAY[cardinality(p_amounts)]), p_currencies, p_directions, p_amounts);
    SELECT t.id INTO transaction_id FROM ledger.transaction AS t WHERE t.reference = p_reference AND t.key = p_key;
    IF FOUND THEN
        outcome := 'duplicate';
        RETURN;
    END IF;
    FOR leg IN
        SELECT l.id, l.direction, l.amount, l.code, l.ord
        FROM unnest(accounts, p_directions, p_amounts, p_codes) WITH ORDINALITY AS l (id, direction, amount, code, ord)
        ORDER BY l.id, l.ord
    LOOP
        dr := CASE leg.direction WHEN 'debit' THEN leg.amount ELSE 0 END;
        cr := CASE leg.direction WHEN 'credit' THEN leg.amount ELSE 0 END;
        UPDATE ledger.balance AS b
        SET posted_dr = b.posted_dr + dr * posted, posted_cr = b.posted_cr + cr * posted,
            pending_dr = b.pending_dr + dr * (1 - posted), pending_cr = b.pending_cr + cr * (1 - posted),
            version = b.version + 1
        WHERE b.account_id = leg.id
        RETURNING b.* INTO now_at;
        versions[leg.ord] := now_at.version;
        balances[leg.ord] := now_at.sign * (now_at.posted_cr - now_at.posted_dr);
        IF now_at.min_balance IS NOT NULL THEN
            IF leg.id <> previous THEN
                reason := coalesce(reason, short_by_now);
                available_before := ledger.available(
                    now_at.sign, now_at.posted_dr - dr * posted, now_at.posted_cr - cr * posted,
                    now_at.pending_dr - dr * (1 - posted), now_at.pending_cr - cr * (1 - posted));
            END IF;
            available := ledger.available(
                now_at.sign, now_at.posted_dr, now_at.posted_cr, now_at.pending_dr, now_at.pending_cr);
            short_by_now := CASE WHEN available < now_at.min_balance AND available < available_before
                THEN format('%s would fall to %s, below its minimum of %s', leg.code, available, now_at.min_balance)
            END;
            previous := leg.id;
        END IF;
    END LOOP;
    reason := coalesce(reason, short_by_now);
    IF reason IS NULL THEN
        INSERT INTO ledger.transaction AS t (reference, key, kind, phase, effective_at, reverses)
        VALUES (p_reference, p_key, p_kind, p_phase, coalesce(p_effective_at, now()), p_reverses)
        ON CONFLICT (reference, key) DO NOTHING
        RETURNING t.id INTO transaction_id;
    END IF;
    IF transaction_id IS NULL THEN
        -- Nobody has seen the new counters, for their rows are locked: put them back.
        UPDATE ledger.balance AS b
        SET posted_dr = b.posted_dr - u.dr * posted, posted_cr = b.posted_cr - u.cr * posted,
            pending_dr = b.pending_dr - u.dr * (1 - posted), pending_cr = b.pending_cr - u.cr * (1 - posted),
            version = b.version - u.steps
        FROM (
            SELECT l.id, count(*) AS steps,
                coalesce(sum(l.amount) FILTER (WHERE l.direction = 'debit'), 0) AS dr,
                coalesce(sum(l.amount) FILTER (WHERE l.direction = 'credit'), 0) AS cr
            FROM unnest(accounts, p_directions, p_amounts) AS l (id, direction, amount)
            GROUP BY l.id
        ) AS u
        WHERE b.account_id = u.id;
        outcome := CASE WHEN reason IS NULL THEN 'duplicate' ELSE 'rejected' END;
        IF reason IS NULL THEN
            SELECT t.id INTO transaction_id FROM ledger.transaction AS t
            WHERE t.reference = p_reference AND t.key = p_key;
        END IF;
        RETURN;
    END IF;
    INSERT INTO ledger.entry (
        account_id, version, transaction_id, amount_minor, balance_after, leg, is_pending, direction)
    SELECT l.id, l.version, post.transaction_id, l.amount, l.balance, l.ord, p_phase = 'pending', l.direction
    FROM unnest(accounts, versions, p_amounts, balances, p_directions)
        WITH ORDINALITY AS l (id, version, amount, balance, direction, ord)
    ORDER BY l.ord;
    outcome := 'posted';
END
$$;

ALTER FUNCTION ledger.post(p_reference text, p_key text, p_kind text, p_phase text, p_effective_at timestamp with time zone, p_reverses bigint, p_owner_kinds text[], p_codes text[], p_currencies text[], p_directions text[], p_amounts bigint[], OUT outcome text, OUT transaction_id bigint, OUT reason text) OWNER TO payments_migrator;

CREATE FUNCTION ledger.post_all(p_references text[], p_keys text[], p_kinds text[], p_phases text[], p_effective_at timestamp with time zone[], p_reverses bigint[], l_items integer[], l_owner_kinds text[], l_codes text[], l_currencies text[], l_directions text[], l_amounts bigint[]) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
    refused text;
BEGIN
    SELECT string_agg(
        format('%s %s: %s', p_references[p.ord], p_keys[p.ord], coalesce(p.reason, p.outcome)), '; ') INTO refused
    FROM ledger.post_many(
        p_references, p_keys, p_kinds, p_phases, p_effective_at, p_reverses,
        l_items, l_owner_kinds, l_codes, l_currencies, l_directions, l_amounts) AS p
    WHERE p.outcome <> 'posted';
    IF refused IS NOT NULL THEN
        RAISE EXCEPTION 'the ledger refused: %', refused USING ERRCODE = 'raise_exception';
    END IF;
END
$$;

ALTER FUNCTION ledger.post_all(p_references text[], p_keys text[], p_kinds text[], p_phases text[], p_effective_at timestamp with time zone[], p_reverses bigint[], l_items integer[], l_owner_kinds text[], l_codes text[], l_currencies text[], l_directions text[], l_amounts bigint[]) OWNER TO payments_migrator;

CREATE FUNCTION ledger.post_many(p_references text[], p_keys text[], p_kinds text[], p_phases text[], p_effective_at timestamp with time zone[], p_reverses bigint[], l_items integer[], l_owner_kinds text[], l_codes text[], l_currencies text[], l_directions text[], l_amounts bigint[]) RETURNS TABLE(ord integer, outcome text, transaction_id bigint, reason text)
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET plan_cache_mode TO 'force_generic_plan'
    SET enable_seqscan TO 'off'
    AS $$
DECLARE
    accounts bigint[];
    ids bigint[];
    firsts integer[];
    is_new boolean[];
    is_guarded boolean;
    refused integer[];
    reasons text[];
BEGIN
    IF coalesce(cardinality(p_references), 0) = 0 THEN
        RETURN;
    END IF;
    PERFORM ledger.require_balanced(l_items, l_currencies, l_directions, l_amounts);
    accounts := ledger.account_ids(l_owner_kinds, l_codes, l_currencies);
    SELECT bool_or(l.min_balance IS NOT NULL) INTO is_guarded
    FROM (
        SELECT b.min_balance FROM ledger.balance AS b
        WHERE b.account_id = ANY (ARRAY(SELECT DISTINCT unnest(accounts)))
        ORDER BY b.account_id
        FOR NO KEY UPDATE
    ) AS l;

    -- Keys are looked at only now: who held these balances before us has committed.
    SELECT array_agg(t.id ORDER BY i.ord), array_agg(i.first_ord ORDER BY i.ord),
        array_agg(t.id IS NULL AND i.first_ord = i.ord ORDER BY i.ord)
    INTO ids, firsts, is_new
    FROM (
        SELECT u.reference, u.key, u.ord::integer AS ord,
            min(u.ord) OVER (PARTITION BY u.reference COLLATE "C", u.key COLLATE "C")::integer AS first_ord
        FROM unnest(p_references, p_keys) WITH ORDINALITY AS u (reference, key, ord)
    ) AS i
    LEFT JOIN ledger.transaction AS t ON t.reference = i.reference AND t.key = i.key;

    IF is_guarded THEN
        SELECT r.items, r.reasons INTO refused, reasons
        FROM ledger.refused_by_minimum(l_items, accounts, l_codes, l_directions, l_amounts, p_phases, is_new) AS r;
        FOR n IN 1..coalesce(cardinality(refused), 0) LOOP
            is_new[refused[n]] := false;
        END LOOP;
    END IF;

    SELECT array_agg(
        CASE WHEN u.fresh THEN nextval('ledger.transaction_id_seq') ELSE u.id END ORDER BY u.n) INTO ids
    FROM unnest(is_new, ids) WITH ORDINALITY AS u (fresh, id, n);
    INSERT INTO ledger.transaction (id, reference, key, kind, phase, effective_at, reverses)
    SELECT u.id, u.reference, u.key, u.kind, u.phase, coalesce(u.effective_at, now()), u.reverses
    FROM unnest(is_new, ids, p_references, p_keys, p_kinds, p_phases, p_effective_at, p_reverses)
        AS u (fresh, id, reference, key, kind, phase, effective_at, reverses)
    WHERE u.fresh
    ORDER BY u.reference COLLATE "C", u.key COLLATE "C";
    PERFORM ledger.book(l_items, accounts, l_directions, l_amounts, ids, is_new, p_phases);

    RETURN QUERY
    SELECT u.n::integer,
        CASE WHEN u.fresh THEN 'posted' WHEN refused @> ARRAY[u.first_ord] THEN 'rejected' ELSE 'duplicate' END,
        coalesce(u.id, ids[u.first_ord]),
        CASE WHEN NOT u.fresh THEN reasons[array_position(refused, u.first_ord)] END
    FROM unnest(is_new, ids, firsts) WITH ORDINALITY AS u (fresh, id, first_ord, n)
    ORDER BY u.n;
END
$$;

ALTER FUNCTION ledger.post_many(p_references text[], p_keys text[], p_kinds text[], p_phases text[], p_effective_at timestamp with time zone[], p_reverses bigint[], l_items integer[], l_owner_kinds text[], l_codes text[], l_currencies text[], l_directions text[], l_amounts bigint[]) OWNER TO payments_migrator;

CREATE FUNCTION ledger.refuse_change() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog'
    AS $$
BEGIN
    RAISE EXCEPTION 'ledger.% is append-only: % refused', TG_TABLE_NAME, TG_OP
        USING ERRCODE = 'insufficient_privilege', HINT = 'Corrections are new transactions.';
END
$$;

ALTER FUNCTION ledger.refuse_change() OWNER TO payments_migrator;

CREATE FUNCTION ledger.refused_by_minimum(p_items integer[], p_accounts bigint[], p_codes text[], p_directions text[], p_amounts bigint[], p_phases text[], p_wanted boolean[], OUT items integer[], OUT reasons text[]) RETURNS record
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET plan_cache_mode TO 'force_generic_plan'
    SET enable_seqscan TO 'off'
    AS $$
DECLARE
    guarded bigint[];
    counters ledger.balance[];
    trial ledger.balance[];
    was numeric;
    becomes numeric;
    broken text;
    item record;
    at integer;
BEGIN
    SELECT array_agg(b.account_id ORDER BY b.account_id), array_agg(b ORDER BY b.account_id)
    INTO guarded, counters
    FROM ledger.balance AS b
    WHERE b.account_id = ANY (p_accounts) AND b.min_balance IS NOT NULL;
    IF guarded IS NULL THEN
        RETURN;
    END IF;
    FOR item IN
        SELECT m.item, array_agg(m.account_id) AS accounts, array_agg(m.code) AS codes,
            array_agg(m.dr) AS dr, array_agg(m.cr) AS cr, p_phases[m.item] = 'pending' AS is_pending
        FROM (
            SELECT l.item, l.account_id, min(l.code) AS code,
                coalesce(sum(l.amount) FILTER (WHERE l.direction = 'debit'), 0) AS dr,
                coalesce(sum(l.amount) FILTER (WHERE l.direction = 'credit'), 0) AS cr
            FROM unnest(p_items, p_accounts, p_codes, p_directions, p_amounts)
                AS l (item, account_id, code, direction, amount)
            WHERE l.account_id = ANY (guarded) AND p_wanted[l.item]
            GROUP BY l.item, l.account_id
        ) AS m
        GROUP BY m.item
        ORDER BY m.item
    LOOP
        trial := counters;
        broken := NULL;
        FOR leg IN 1..cardinality(item.accounts) LOOP
            at := array_position(guarded, item.accounts[leg]);
            was := ledger.available((trial[at]).sign, (trial[at]).posted_dr, (trial[at]).posted_cr,
                (trial[at]).pending_dr, (trial[at]).pending_cr);
            IF item.is_pending THEN
                trial[at].pending_dr := (trial[at]).pending_dr + item.dr[leg];
                trial[at].pending_cr := (trial[at]).pending_cr + item.cr[leg];
            ELSE
                trial[at].posted_dr := (trial[at]).posted_dr + item.dr[leg];
                trial[at].posted_cr := (trial[at]).posted_cr + item.cr[leg];
            END IF;
            becomes := ledger.available((trial[at]).sign, (trial[at]).posted_dr, (trial[at]).posted_cr,
                (trial[at]).pending_dr, (trial[at]).pending_cr);
            IF becomes < (trial[at]).min_balance AND becomes < was THEN
                broken := format('%s would fall to %s, below its minimum of %s',
                    item.codes[leg], becomes, (trial[at]).min_balance);
            END IF;
        END LOOP;
        IF broken IS NULL THEN
            counters := trial;
        ELSE
            items := items || item.item;
            reasons := reasons || broken;
        END IF;
    END LOOP;
END
$$;

ALTER FUNCTION ledger.refused_by_minimum(p_items integer[], p_accounts bigint[], p_codes text[], p_directions text[], p_amounts bigint[], p_phases text[], p_wanted boolean[], OUT items integer[], OUT reasons text[]) OWNER TO payments_migrator;

CREATE FUNCTION ledger.require_balanced(p_items integer[], p_currencies text[], p_directions text[], p_amounts bigint[]) RETURNS void
    LANGUAGE plpgsql IMMUTABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET plan_cache_mode TO 'force_generic_plan'
    SET enable_seqscan TO 'off'
    AS $$
DECLARE
    wrong text;
BEGIN
    SELECT format('item %s: %s is off by %s', l.item, l.currency, l.off_by) INTO wrong
    FROM (
        SELECT u.item, u.currency COLLATE "C" AS currency,
            sum(CASE u.direction WHEN 'debit' THEN u.amount ELSE -u.amount END) AS off_by,
            bool_and(coalesce(u.amount > 0 AND u.direction IN ('debit', 'credit'), false)) AS is_sound
        FROM unnest(p_items, p_currencies, p_directions, p_amounts) AS u (item, currency, direction, amount)
        GROUP BY u.item, u.currency COLLATE "C"
    ) AS l
    WHERE l.off_by <> 0 OR NOT l.is_sound
    LIMIT 1;
    IF FOUND OR coalesce(cardinality(p_items), 0) < 2 THEN
        RAISE EXCEPTION 'unbalanced posting: %', coalesce(wrong, 'no entries') USING ERRCODE = 'check_violation';
    END IF;
END
$$;

ALTER FUNCTION ledger.require_balanced(p_items integer[], p_currencies text[], p_directions text[], p_amounts bigint[]) OWNER TO payments_migrator;

CREATE FUNCTION ledger.seal_settled(p_block integer DEFAULT 1024, p_limit integer DEFAULT 100000) RETURNS bigint
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
    mark ledger.seal_mark;
    through bigint;
    previous bytea;
    block bigint;
    sealed bigint := 0;
    here integer;
BEGIN
    SELECT m.* INTO mark FROM ledger.seal_mark AS m FOR NO KEY UPDATE SKIP LOCKED;
    IF NOT FOUND THEN
        RETURN 0;
    END IF;
    -- A mark from the future is another cluster's (a restored dump): take a new one.
    IF mark.mark_xid <= pg_snapshot_xmin(pg_current_snapshot()) THEN
        SELECT s.number, s.digest INTO block, previous FROM ledger.seal AS s ORDER BY s.number DESC LIMIT 1;
        block := coalesce(block, 0);
        previous := coalesce(previous, ''::bytea);
        WHILE mark.sealed_id < mark.mark_id AND sealed < p_limit LOOP
            SELECT max(b.id), count(*) INTO through, here FROM (
                SELECT t.id FROM ledger.transaction AS t
                WHERE t.id > mark.sealed_id AND t.id <= mark.mark_id
                ORDER BY t.id LIMIT p_block
            ) AS b;
            IF through IS NULL OR here < p_block THEN
                through := mark.mark_id;
            END IF;
            IF here > 0 THEN
                block := block + 1;
                previous := ledger.block_digest(previous, mark.sealed_id, through);
                INSERT INTO ledger.seal (number, after_id, through_id, digest, checksums)
                VALUES (block, mark.sealed_id, through, previous, ledger.block_checksums(mark.sealed_id, through));
                PERFORM ledger.summarise(mark.sealed_id, through);
            END IF;
            sealed := sealed + here;
            mark.sealed_id := through;
        END LOOP;
    END IF;
    IF mark.sealed_id >= mark.mark_id OR mark.mark_xid > pg_snapshot_xmax(pg_current_snapshot()) THEN
        -- The number first, the transaction id after it: whoever owns a number had its id before.
        mark.mark_id := greatest(mark.sealed_id,
            (SELECT CASE WHEN s.is_called THEN s.last_value ELSE 0 END FROM ledger.transaction_id_seq AS s));
        mark.mark_xid := pg_snapshot_xmax(pg_current_snapshot());
    END IF;
    UPDATE ledger.seal_mark AS m
    SET sealed_id = mark.sealed_id, mark_id = mark.mark_id, mark_xid = mark.mark_xid
    WHERE (m.sealed_id, m.mark_id, m.mark_xid) IS DISTINCT FROM (mark.sealed_id, mark.mark_id, mark.mark_xid);
    RETURN sealed;
END
$$;

ALTER FUNCTION ledger.seal_settled(p_block integer, p_limit integer) OWNER TO payments_migrator;

CREATE FUNCTION ledger.set_minimum(p_owner_kind text, p_code text, p_currency text, p_min_balance bigint) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
    -- First, in a statement of its own: the update would not see an account that it makes itself.
    ids bigint[] := ledger.account_ids(ARRAY[p_owner_kind], ARRAY[p_code], ARRAY[p_currency]);
BEGIN
    UPDATE ledger.balance SET min_balance = p_min_balance WHERE account_id = ids[1];
END
$$;

ALTER FUNCTION ledger.set_minimum(p_owner_kind text, p_code text, p_currency text, p_min_balance bigint) OWNER TO payments_migrator;

CREATE FUNCTION ledger.summarise(p_after_id bigint, p_through_id bigint) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
    width bigint := 64;
    accounts bigint[];
    blocks bigint[];
BEGIN
    INSERT INTO ledger.summary
    SELECT r.account_id, 1, r.block, s.*
    FROM (
        SELECT e.account_id, e.version / 64 - 1 AS block
        FROM ledger.entry AS e
        WHERE e.transaction_id > p_after_id AND e.transaction_id <= p_through_id AND e.version % 64 = 0
    ) AS r
    CROSS JOIN LATERAL (
        SELECT
            coalesce(sum(CASE
                WHEN e.is_pending THEN 0 WHEN e.direction = 'credit' THEN e.amount_minor ELSE -e.amount_minor END), 0),
            min(t.effective_at), max(t.effective_at), min(t.recorded_at), max(t.recorded_at)
        FROM ledger.entry AS e
        JOIN ledger.transaction AS t ON t.id = e.transaction_id
        WHERE e.account_id = r.account_id AND e.version > r.block * 64 AND e.version <= (r.block + 1) * 64
    ) AS s
    ON CONFLICT DO NOTHING;
    FOR upper_level IN 2..4 LOOP
        width := width * 64;
        INSERT INTO ledger.summary
        SELECT r.account_id, upper_level, r.block, s.*
        FROM (
            SELECT e.account_id, e.version / width - 1 AS block
            FROM ledger.entry AS e
            WHERE e.transaction_id > p_after_id AND e.transaction_id <= p_through_id AND e.version % width = 0
        ) AS r
        CROSS JOIN LATERAL (
            SELECT sum(c.net), min(c.effective_from), max(c.effective_to), min(c.recorded_from), max(c.recorded_to)
            FROM ledger.summary AS c
            WHERE c.account_id = r.account_id AND c.level = upper_level - 1
                AND c.block >= r.block * 64 AND c.block < (r.block + 1) * 64
            HAVING count(*) = 64
        ) AS s
        ON CONFLICT DO NOTHING;
    END LOOP;
    SELECT array_agg(e.account_id), array_agg(e.version / 64 - 1) INTO accounts, blocks
    FROM ledger.entry AS e
    WHERE e.transaction_id > p_after_id AND e.transaction_id <= p_through_id AND e.version % 64 = 0;
    PERFORM ledger.continue_timelines(accounts, blocks, true);
END
$$;

ALTER FUNCTION ledger.summarise(p_after_id bigint, p_through_id bigint) OWNER TO payments_migrator;

CREATE TABLE core.adjustment (
    id bigint NOT NULL,
    payment_id text NOT NULL,
    action text NOT NULL,
    amount_minor bigint NOT NULL,
    currency text NOT NULL,
    reason text NOT NULL,
    actor text NOT NULL,
    transaction_id bigint NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT adjustment_action_check CHECK ((action = ANY (ARRAY['resolve'::text, 'write_off'::text]))),
    CONSTRAINT adjustment_amount_minor_check CHECK ((amount_minor > 0)),
    CONSTRAINT adjustment_reason_check CHECK (((length(btrim(reason)) >= 1) AND (length(btrim(reason)) <= 1000)))
);

ALTER TABLE core.adjustment OWNER TO payments_migrator;

ALTER TABLE core.adjustment ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME core.adjustment_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE core.approval (
    id bigint NOT NULL,
    kind text NOT NULL,
    subject text NOT NULL COLLATE pg_catalog."C",
    amount_minor bigint NOT NULL,
    currency text NOT NULL,
    reason text NOT NULL,
    asked_by text NOT NULL,
    asked_at timestamp with time zone DEFAULT now() NOT NULL,
    state text DEFAULT 'waiting'::text NOT NULL,
    decided_by text,
    decided_at timestamp with time zone,
    decision_reason text,
    outcome text,
    CONSTRAINT approval_amount_minor_check CHECK ((amount_minor > 0)),
    CONSTRAINT approval_decided CHECK (((decided_by IS NULL) = (state = ANY (ARRAY['waiting'::text, 'withdrawn'::text])))),
    CONSTRAINT approval_kind_check CHECK ((kind = ANY (ARRAY['card_refund'::text, 'wallet_refund'::text, 'write_off'::text, 'credit_refund'::text]))),
    CONSTRAINT approval_second_person CHECK ((decided_by <> asked_by)),
    CONSTRAINT approval_state_check CHECK ((state = ANY (ARRAY['waiting'::text, 'withdrawn'::text, 'rejected'::text, 'approved'::text, 'done'::text, 'failed'::text])))
)
WITH (fillfactor='80');

ALTER TABLE core.approval OWNER TO payments_migrator;

COMMENT ON COLUMN core.approval.state IS 'approved: the second person agreed, and it is being carried out; done and failed say how that went.';

ALTER TABLE core.approval ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME core.approval_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE core.card_capture (
    payment_id text NOT NULL COLLATE pg_catalog."C",
    number integer NOT NULL,
    amount_minor bigint NOT NULL,
    fee_minor bigint NOT NULL,
    merchant_returned_minor bigint DEFAULT 0 NOT NULL,
    fee_returned_minor bigint DEFAULT 0 NOT NULL,
    created_at timestamp with time zone NOT NULL,
    CONSTRAINT card_capture_amount_minor_check CHECK ((amount_minor > 0)),
    CONSTRAINT card_capture_check CHECK (((fee_minor >= 0) AND (fee_minor <= amount_minor))),
    CONSTRAINT card_capture_number_check CHECK ((number > 0)),
    CONSTRAINT fee_part_is_returned_once CHECK (((fee_returned_minor >= 0) AND (fee_returned_minor <= fee_minor))),
    CONSTRAINT merchant_part_is_returned_once CHECK (((merchant_returned_minor >= 0) AND (merchant_returned_minor <= (amount_minor - fee_minor))))
)
WITH (fillfactor='90');

ALTER TABLE core.card_capture OWNER TO payments_migrator;

CREATE TABLE core.card_payment (
    id text NOT NULL COLLATE pg_catalog."C",
    client text NOT NULL,
    account_id text,
    currency text NOT NULL,
    status text NOT NULL,
    authorized_minor bigint NOT NULL,
    captured_minor bigint DEFAULT 0 NOT NULL,
    released_minor bigint DEFAULT 0 NOT NULL,
    fee_minor bigint DEFAULT 0 NOT NULL,
    refunded_minor bigint DEFAULT 0 NOT NULL,
    fee_refunded_minor bigint DEFAULT 0 NOT NULL,
    settled_minor bigint DEFAULT 0 NOT NULL,
    fee_bps integer NOT NULL,
    refunds integer DEFAULT 0 NOT NULL,
    description text,
    metadata jsonb DEFAULT '{}'::jsonb NOT NULL,
    created_at timestamp with time zone NOT NULL,
    updated_at timestamp with time zone NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    CONSTRAINT card_payment_authorized_minor_check CHECK (((authorized_minor >= 1) AND (authorized_minor <= 99999999))),
    CONSTRAINT card_payment_captured_minor_check CHECK ((captured_minor >= 0)),
    CONSTRAINT card_payment_fee_bps_check CHECK (((fee_bps >= 0) AND (fee_bps <= 10000))),
    CONSTRAINT card_payment_id_check CHECK ((id ~~ 'pay\_%'::text)),
    CONSTRAINT card_payment_released_minor_check CHECK ((released_minor >= 0)),
    CONSTRAINT fee_is_of_the_captured CHECK ((fee_minor = ((captured_minor * fee_bps) / 10000))),
    CONSTRAINT fee_is_returned_once CHECK (((fee_refunded_minor >= 0) AND (fee_refunded_minor <= LEAST(fee_minor, refunded_minor)))),
    CONSTRAINT merchant_is_paid_once CHECK (((settled_minor >= 0) AND (settled_minor <= (captured_minor - fee_minor)))),
    CONSTRAINT no_more_than_captured CHECK (((refunded_minor >= 0) AND (refunded_minor <= captured_minor))),
    CONSTRAINT no_more_than_held CHECK (((captured_minor + released_minor) <= authorized_minor)),
    CONSTRAINT status_follows_from_sums CHECK (
CASE status
    WHEN 'authorized'::text THEN ((captured_minor = 0) AND (released_minor = 0))
    WHEN 'captured'::text THEN ((captured_minor > 0) AND (refunded_minor = 0) AND (settled_minor = 0))
    WHEN 'voided'::text THEN (released_minor = authorized_minor)
    WHEN 'expired'::text THEN (released_minor = authorized_minor)
    WHEN 'settled'::text THEN ((settled_minor > 0) AND ((captured_minor + released_minor) = authorized_minor))
    WHEN 'partially_refunded'::text THEN ((refunded_minor >= 1) AND (refunded_minor <= (captured_minor - 1)) AND ((captured_minor + released_minor) = authorized_minor))
    WHEN 'refunded'::text THEN ((refunded_minor = captured_minor) AND (captured_minor > 0) AND ((captured_minor + released_minor) = authorized_minor))
    ELSE false
END)
)
WITH (fillfactor='70', autovacuum_vacuum_scale_factor='0.05');

ALTER TABLE core.card_payment OWNER TO payments_migrator;

CREATE TABLE core.card_refund (
    payment_id text NOT NULL COLLATE pg_catalog."C",
    number integer NOT NULL,
    merchant_minor bigint NOT NULL,
    fee_minor bigint NOT NULL,
    reason text,
    created_at timestamp with time zone NOT NULL,
    CONSTRAINT card_refund_fee_minor_check CHECK ((fee_minor >= 0)),
    CONSTRAINT card_refund_merchant_minor_check CHECK ((merchant_minor >= 0)),
    CONSTRAINT card_refund_number_check CHECK ((number > 0)),
    CONSTRAINT returns_something CHECK (((merchant_minor + fee_minor) > 0))
);

ALTER TABLE core.card_refund OWNER TO payments_migrator;

CREATE TABLE core.card_refund_part (
    payment_id text NOT NULL COLLATE pg_catalog."C",
    refund integer NOT NULL,
    capture integer NOT NULL,
    merchant_minor bigint NOT NULL,
    fee_minor bigint NOT NULL,
    CONSTRAINT card_refund_part_fee_minor_check CHECK ((fee_minor >= 0)),
    CONSTRAINT card_refund_part_merchant_minor_check CHECK ((merchant_minor >= 0)),
    CONSTRAINT returns_something CHECK (((merchant_minor + fee_minor) > 0))
);

ALTER TABLE core.card_refund_part OWNER TO payments_migrator;

COMMENT ON TABLE core.card_refund_part IS 'Provenance: what each refund took back from which capture.';

CREATE TABLE core.currency (
    code text NOT NULL,
    exponent smallint NOT NULL,
    unit numeric NOT NULL,
    name text NOT NULL,
    CONSTRAINT currency_check CHECK ((unit = power((10)::numeric, ((- exponent))::numeric))),
    CONSTRAINT currency_code_check CHECK ((code ~ '^[A-Z]{3}$'::text)),
    CONSTRAINT currency_exponent_check CHECK (((exponent >= 0) AND (exponent <= 4)))
);

ALTER TABLE core.currency OWNER TO payments_migrator;

CREATE TABLE core.customer_credit (
    customer text NOT NULL,
    currency text NOT NULL,
    balance_minor numeric(38,0) NOT NULL,
    steps integer DEFAULT 0 NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT customer_credit_balance_minor_check CHECK ((balance_minor >= (0)::numeric))
)
WITH (fillfactor='70');

ALTER TABLE core.customer_credit OWNER TO payments_migrator;

CREATE TABLE core.event (
    id bigint NOT NULL,
    type text NOT NULL,
    version smallint DEFAULT 1 NOT NULL,
    subject text NOT NULL,
    data jsonb NOT NULL,
    recorded_at timestamp with time zone DEFAULT now() NOT NULL,
    transaction xid8 DEFAULT pg_current_xact_id() NOT NULL
);

ALTER TABLE core.event OWNER TO payments_migrator;

ALTER TABLE core.event ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME core.event_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE core.idempotency_key (
    client text NOT NULL,
    key text NOT NULL,
    route text NOT NULL,
    request jsonb,
    status smallint,
    response jsonb,
    resource_id text,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT idempotency_key_key_check CHECK (((length(key) >= 1) AND (length(key) <= 255)))
);

ALTER TABLE core.idempotency_key OWNER TO payments_migrator;

COMMENT ON COLUMN core.idempotency_key.request IS 'Parsed request; null where the resource itself holds every field of the request (payments).';

COMMENT ON COLUMN core.idempotency_key.response IS 'Stored response; null where it is built from the immutable columns of the resource (payments).';

CREATE TABLE core.invoice (
    id uuid NOT NULL,
    currency text NOT NULL,
    total_minor bigint NOT NULL,
    paid_minor bigint DEFAULT 0 NOT NULL,
    credit_minor numeric(38,0) DEFAULT 0 NOT NULL,
    status text DEFAULT 'sent'::text NOT NULL,
    due_at timestamp with time zone,
    customer text,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    client text DEFAULT 'local'::text NOT NULL,
    credited_minor bigint DEFAULT 0 NOT NULL,
    is_booked boolean DEFAULT false NOT NULL,
    steps integer DEFAULT 0 NOT NULL,
    description text,
    lines jsonb DEFAULT '[]'::jsonb NOT NULL,
    CONSTRAINT invoice_check CHECK (((paid_minor >= 0) AND (paid_minor <= total_minor))),
    CONSTRAINT invoice_credit_minor_check CHECK ((credit_minor >= (0)::numeric)),
    CONSTRAINT invoice_status_follows_from_sums CHECK (((credited_minor >= 0) AND ((paid_minor + credited_minor) <= total_minor) AND
CASE status
    WHEN 'sent'::text THEN ((paid_minor = 0) AND (credited_minor < total_minor))
    WHEN 'partially_paid'::text THEN ((paid_minor > 0) AND ((paid_minor + credited_minor) < total_minor))
    WHEN 'paid'::text THEN ((paid_minor > 0) AND ((paid_minor + credited_minor) = total_minor))
    WHEN 'void'::text THEN ((paid_minor = 0) AND (credited_minor = total_minor))
    ELSE false
END)),
    CONSTRAINT invoice_total_minor_check CHECK ((total_minor > 0))
);

ALTER TABLE core.invoice OWNER TO payments_migrator;

COMMENT ON COLUMN core.invoice.credit_minor IS 'What was paid beyond the total and became the customer''s credit.';

COMMENT ON COLUMN core.invoice.credited_minor IS 'What credit notes took off the total.';

COMMENT ON COLUMN core.invoice.is_booked IS 'Whether the claim stands in the ledger; an invoice of the reference data is booked with its first step.';

CREATE TABLE core.migration (
    version_num character varying(32) NOT NULL
);

ALTER TABLE core.migration OWNER TO payments_migrator;

CREATE TABLE core.payment (
    id uuid NOT NULL,
    client text NOT NULL,
    idempotency_key text NOT NULL,
    account_id text NOT NULL,
    amount_minor bigint NOT NULL,
    currency text NOT NULL,
    status text DEFAULT 'pending'::text NOT NULL,
    description text,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT payment_status_is_known CHECK ((status = ANY (ARRAY['pending'::text, 'completed'::text, 'failed'::text])))
)
WITH (fillfactor='85');

ALTER TABLE core.payment OWNER TO payments_migrator;

CREATE TABLE core.payment_event (
    id bigint NOT NULL,
    event_id uuid NOT NULL,
    invoice_id uuid NOT NULL,
    amount_minor bigint NOT NULL,
    raw jsonb NOT NULL,
    status text DEFAULT 'waiting'::text NOT NULL,
    received_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    waits_since timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    due_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    attempts integer DEFAULT 0 NOT NULL,
    applied_at timestamp with time zone,
    applied_minor bigint,
    credit_minor bigint,
    error text,
    message_id uuid,
    repairs uuid,
    CONSTRAINT every_cent_is_somewhere CHECK (((status <> 'applied'::text) OR ((applied_minor + credit_minor) = amount_minor))),
    CONSTRAINT payment_event_amount_minor_check CHECK ((amount_minor > 0)),
    CONSTRAINT payment_event_status_is_known CHECK ((status = ANY (ARRAY['waiting'::text, 'applied'::text, 'dead'::text, 'repaired'::text, 'discarded'::text])))
)
WITH (fillfactor='80');

ALTER TABLE core.payment_event OWNER TO payments_migrator;

COMMENT ON COLUMN core.payment_event.repairs IS 'The event_id of the dead event that this one is an edited copy of.';

ALTER TABLE core.payment_event ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME core.payment_event_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE core.recon_job (
    id bigint NOT NULL,
    payment_id uuid NOT NULL,
    kind text DEFAULT 'reconcile'::text NOT NULL,
    status text DEFAULT 'pending'::text NOT NULL,
    attempts integer DEFAULT 0 NOT NULL,
    message_id uuid,
    due_at timestamp with time zone DEFAULT now() NOT NULL,
    locked_at timestamp with time zone,
    locked_by text,
    last_error text,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT recon_job_status_is_known CHECK ((status = ANY (ARRAY['pending'::text, 'processing'::text, 'completed'::text, 'failed'::text])))
)
WITH (fillfactor='85');

ALTER TABLE core.recon_job OWNER TO payments_migrator;

ALTER TABLE core.recon_job ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME core.recon_job_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE core.reconciliation_result (
    id bigint NOT NULL,
    payment_id uuid NOT NULL,
    recon_job_id bigint NOT NULL,
    status text NOT NULL,
    matched boolean NOT NULL,
    discrepancy_minor bigint,
    notes text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT result_status_is_known CHECK ((status = ANY (ARRAY['completed'::text, 'completed_with_discrepancy'::text, 'failed'::text])))
);

ALTER TABLE core.reconciliation_result OWNER TO payments_migrator;

ALTER TABLE core.reconciliation_result ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME core.reconciliation_result_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE core.saved_view (
    id bigint NOT NULL,
    owner text NOT NULL COLLATE pg_catalog."C",
    name text NOT NULL,
    folded_name text NOT NULL COLLATE pg_catalog."C",
    filters jsonb NOT NULL,
    is_shared boolean DEFAULT false NOT NULL,
    changed_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT saved_view_filters_check CHECK (((jsonb_typeof(filters) = 'object'::text) AND (octet_length((filters)::text) <= 4096))),
    CONSTRAINT saved_view_name_check CHECK (((char_length(name) >= 1) AND (char_length(name) <= 60)))
);

ALTER TABLE core.saved_view OWNER TO payments_migrator;

COMMENT ON COLUMN core.saved_view.folded_name IS 'The name without its case: two that differ in nothing else are one, whatever the collation of the cluster.';

ALTER TABLE core.saved_view ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME core.saved_view_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE core.schedule (
    name text NOT NULL,
    last_slot timestamp with time zone NOT NULL,
    claimed_by text,
    claimed_at timestamp with time zone DEFAULT now() NOT NULL
);

ALTER TABLE core.schedule OWNER TO payments_migrator;

CREATE TABLE core.wallet_attempt (
    payment_id text NOT NULL COLLATE pg_catalog."C",
    purpose text NOT NULL,
    number integer NOT NULL,
    provider text NOT NULL,
    reference uuid NOT NULL,
    state text NOT NULL,
    fee_minor bigint NOT NULL,
    sends integer NOT NULL,
    inquiries integer NOT NULL,
    code text,
    raw text,
    provider_id text,
    created_at timestamp with time zone NOT NULL,
    resolved_at timestamp with time zone,
    CONSTRAINT resolved_when_definite CHECK (((state = ANY (ARRAY['succeeded'::text, 'failed'::text])) = (resolved_at IS NOT NULL))),
    CONSTRAINT wallet_attempt_fee_minor_check CHECK ((fee_minor >= 0)),
    CONSTRAINT wallet_attempt_number_check CHECK ((number > 0)),
    CONSTRAINT wallet_attempt_purpose_check CHECK ((purpose = ANY (ARRAY['payment'::text, 'refund'::text]))),
    CONSTRAINT wallet_attempt_state_check CHECK ((state = ANY (ARRAY['sending'::text, 'accepted'::text, 'unknown'::text, 'voucher'::text, 'resend'::text, 'succeeded'::text, 'failed'::text])))
)
WITH (fillfactor='70', autovacuum_vacuum_scale_factor='0.05');

ALTER TABLE core.wallet_attempt OWNER TO payments_migrator;

CREATE TABLE core.wallet_match (
    id bigint NOT NULL,
    provider text NOT NULL,
    kind text NOT NULL,
    lines bigint[] NOT NULL,
    attempts uuid[] NOT NULL,
    difference_minor bigint NOT NULL,
    currency text NOT NULL,
    state text NOT NULL,
    decided_by text,
    decided_at timestamp with time zone,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT wallet_match_kind_check CHECK ((kind = ANY (ARRAY['one_to_one'::text, 'one_to_many'::text, 'many_to_one'::text, 'suspense'::text]))),
    CONSTRAINT wallet_match_state_check CHECK ((state = ANY (ARRAY['proposed'::text, 'confirmed'::text, 'rejected'::text])))
);

ALTER TABLE core.wallet_match OWNER TO payments_migrator;

ALTER TABLE core.wallet_match ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME core.wallet_match_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE core.wallet_payment (
    id text NOT NULL COLLATE pg_catalog."C",
    client text NOT NULL,
    user_id text,
    direction text NOT NULL,
    amount_minor bigint NOT NULL,
    currency text NOT NULL,
    phone text NOT NULL,
    network text NOT NULL,
    recipient_name text NOT NULL,
    description text,
    metadata jsonb DEFAULT '{}'::jsonb NOT NULL,
    wanted_provider text,
    provider text,
    status text NOT NULL,
    review text,
    risk jsonb,
    routing jsonb DEFAULT '[]'::jsonb NOT NULL,
    failure_code text,
    failure_reason text,
    late_outcome text,
    voucher text,
    due_at timestamp with time zone,
    traceparent text,
    created_at timestamp with time zone NOT NULL,
    updated_at timestamp with time zone NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    CONSTRAINT wallet_payment_amount_minor_check CHECK ((amount_minor > 0)),
    CONSTRAINT wallet_payment_direction_check CHECK ((direction = ANY (ARRAY['disburse'::text, 'collect'::text]))),
    CONSTRAINT wallet_payment_id_check CHECK ((id ~~ 'pay\_%'::text)),
    CONSTRAINT wallet_payment_review_check CHECK ((review = ANY (ARRAY['required'::text, 'approved'::text, 'rejected'::text]))),
    CONSTRAINT wallet_payment_status_check CHECK ((status = ANY (ARRAY['INITIATED'::text, 'VALIDATING'::text, 'PENDING'::text, 'PROCESSING'::text, 'CONFIRMED'::text, 'FAILED'::text, 'EXPIRED'::text, 'CANCELLED'::text, 'REFUNDED'::text])))
)
WITH (fillfactor='60', autovacuum_vacuum_scale_factor='0.05');

ALTER TABLE core.wallet_payment OWNER TO payments_migrator;

CREATE TABLE core.wallet_provider (
    provider text NOT NULL,
    currency text NOT NULL,
    balance_minor bigint,
    checked_at timestamp with time zone NOT NULL,
    error text
);

ALTER TABLE core.wallet_provider OWNER TO payments_migrator;

CREATE TABLE core.wallet_provider_health (
    provider text NOT NULL,
    breaker text NOT NULL,
    noted_by text NOT NULL,
    noted_at timestamp with time zone NOT NULL,
    CONSTRAINT wallet_provider_health_breaker_check CHECK ((breaker = ANY (ARRAY['closed'::text, 'open'::text, 'half_open'::text])))
);

ALTER TABLE core.wallet_provider_health OWNER TO payments_migrator;

CREATE TABLE core.wallet_report (
    day date NOT NULL,
    provider text NOT NULL,
    currency text NOT NULL,
    figures jsonb NOT NULL,
    made_at timestamp with time zone DEFAULT now() NOT NULL
);

ALTER TABLE core.wallet_report OWNER TO payments_migrator;

CREATE TABLE core.wallet_risk_list (
    subject text NOT NULL,
    verdict text NOT NULL,
    reason text NOT NULL,
    added_by text NOT NULL,
    added_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT wallet_risk_list_verdict_check CHECK ((verdict = ANY (ARRAY['allow'::text, 'review'::text, 'block'::text])))
);

ALTER TABLE core.wallet_risk_list OWNER TO payments_migrator;

CREATE TABLE core.wallet_risk_list_change (
    id bigint NOT NULL,
    subject text NOT NULL,
    verdict text,
    reason text NOT NULL,
    changed_by text NOT NULL,
    changed_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT wallet_risk_list_change_verdict_check CHECK ((verdict = ANY (ARRAY['allow'::text, 'review'::text, 'block'::text])))
);

ALTER TABLE core.wallet_risk_list_change OWNER TO payments_migrator;

ALTER TABLE core.wallet_risk_list_change ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME core.wallet_risk_list_change_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE core.wallet_rules (
    version integer NOT NULL,
    risk jsonb,
    routing jsonb,
    set_by text NOT NULL,
    set_at timestamp with time zone DEFAULT now() NOT NULL
);

ALTER TABLE core.wallet_rules OWNER TO payments_migrator;

ALTER TABLE core.wallet_rules ALTER COLUMN version ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME core.wallet_rules_version_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE core.wallet_statement_line (
    id bigint NOT NULL,
    provider text NOT NULL,
    provider_id text NOT NULL,
    reference text NOT NULL,
    effect_minor bigint NOT NULL,
    fee_minor bigint DEFAULT 0 NOT NULL,
    currency text NOT NULL,
    at timestamp with time zone NOT NULL,
    imported_at timestamp with time zone DEFAULT now() NOT NULL,
    state text DEFAULT 'open'::text NOT NULL,
    CONSTRAINT wallet_statement_line_effect_minor_check CHECK ((effect_minor <> 0)),
    CONSTRAINT wallet_statement_line_state_check CHECK ((state = ANY (ARRAY['open'::text, 'proposed'::text, 'matched'::text, 'suspense'::text])))
);

ALTER TABLE core.wallet_statement_line OWNER TO payments_migrator;

ALTER TABLE core.wallet_statement_line ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME core.wallet_statement_line_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE core.wallet_statement_upload (
    id bigint NOT NULL,
    provider text NOT NULL,
    form text NOT NULL,
    digest text NOT NULL,
    lines integer NOT NULL,
    fresh integer NOT NULL,
    uploaded_by text NOT NULL,
    uploaded_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT wallet_statement_upload_check CHECK (((fresh >= 0) AND (fresh <= lines))),
    CONSTRAINT wallet_statement_upload_form_check CHECK ((form = ANY (ARRAY['csv'::text, 'json'::text]))),
    CONSTRAINT wallet_statement_upload_lines_check CHECK ((lines >= 0))
);

ALTER TABLE core.wallet_statement_upload OWNER TO payments_migrator;

ALTER TABLE core.wallet_statement_upload ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME core.wallet_statement_upload_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE core.wallet_transition (
    payment_id text NOT NULL COLLATE pg_catalog."C",
    number integer NOT NULL,
    from_status text,
    to_status text NOT NULL,
    actor text NOT NULL,
    reason text NOT NULL,
    at timestamp with time zone NOT NULL,
    CONSTRAINT wallet_transition_number_check CHECK ((number > 0))
);

ALTER TABLE core.wallet_transition OWNER TO payments_migrator;

CREATE TABLE core.webhook_attempt (
    delivery_id bigint NOT NULL,
    number integer NOT NULL,
    at timestamp with time zone NOT NULL,
    took_ms integer NOT NULL,
    answer integer,
    error text
);

ALTER TABLE core.webhook_attempt OWNER TO payments_migrator;

CREATE TABLE core.webhook_delivery (
    id bigint NOT NULL,
    subscription_id text NOT NULL COLLATE pg_catalog."C",
    event_id bigint NOT NULL,
    subject text NOT NULL,
    replay integer DEFAULT 0 NOT NULL,
    status text DEFAULT 'pending'::text NOT NULL,
    attempts integer DEFAULT 0 NOT NULL,
    due_at timestamp with time zone DEFAULT now() NOT NULL,
    leased_until timestamp with time zone,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT webhook_delivery_status_check CHECK ((status = ANY (ARRAY['pending'::text, 'delivered'::text, 'failed'::text])))
)
WITH (fillfactor='80');

ALTER TABLE core.webhook_delivery OWNER TO payments_migrator;

ALTER TABLE core.webhook_delivery ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME core.webhook_delivery_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE core.webhook_subscription (
    id text NOT NULL COLLATE pg_catalog."C",
    url text NOT NULL,
    types text[] DEFAULT '{}'::text[] NOT NULL,
    description text,
    secret text NOT NULL,
    old_secret text,
    old_secret_until timestamp with time zone,
    status text DEFAULT 'enabled'::text NOT NULL,
    disabled_reason text,
    failing_since timestamp with time zone,
    seen_transaction xid8 NOT NULL,
    seen_id bigint NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT webhook_subscription_id_check CHECK ((id ~~ 'whk\_%'::text)),
    CONSTRAINT webhook_subscription_status_check CHECK ((status = ANY (ARRAY['enabled'::text, 'disabled'::text])))
)
WITH (fillfactor='70');

ALTER TABLE core.webhook_subscription OWNER TO payments_migrator;

COMMENT ON COLUMN core.webhook_subscription.types IS 'Topics, or prefixes ending in `.*`; empty for all.';

CREATE TABLE dramatiq.queue (
    message_id uuid NOT NULL,
    queue_name text DEFAULT 'default'::text NOT NULL,
    state dramatiq.state DEFAULT 'queued'::dramatiq.state NOT NULL,
    mtime timestamp with time zone DEFAULT now() NOT NULL,
    message jsonb NOT NULL,
    result jsonb,
    result_ttl timestamp with time zone,
    priority smallint DEFAULT 0 NOT NULL,
    due_at timestamp with time zone DEFAULT now() NOT NULL,
    seq bigint NOT NULL,
    owner uuid,
    claims integer DEFAULT 0 NOT NULL,
    crashes integer DEFAULT 0 NOT NULL,
    error text,
    history jsonb DEFAULT '[]'::jsonb NOT NULL
)
WITH (fillfactor='70', autovacuum_vacuum_scale_factor='0.02', autovacuum_vacuum_threshold='500');

ALTER TABLE dramatiq.queue OWNER TO payments_migrator;

COMMENT ON COLUMN dramatiq.queue.crashes IS 'Times its worker died while holding it; retries are in the message.';

COMMENT ON COLUMN dramatiq.queue.history IS 'Array of {at, what, error}: what happened to a message before it was given up.';

ALTER TABLE dramatiq.queue ALTER COLUMN seq ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME dramatiq.queue_seq_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE dramatiq.worker (
    worker_id uuid NOT NULL,
    seen_at timestamp with time zone NOT NULL,
    details jsonb DEFAULT '{}'::jsonb NOT NULL
);

ALTER TABLE dramatiq.worker OWNER TO payments_migrator;

CREATE TABLE ledger.account (
    id bigint NOT NULL,
    owner_kind text NOT NULL,
    code text NOT NULL,
    currency text NOT NULL,
    type text NOT NULL,
    normal_side text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT account_code_check CHECK (((length(code) >= 1) AND (length(code) <= 255))),
    CONSTRAINT account_normal_side_check CHECK ((normal_side = ANY (ARRAY['debit'::text, 'credit'::text]))),
    CONSTRAINT account_type_check CHECK ((type = ANY (ARRAY['asset'::text, 'liability'::text, 'equity'::text, 'income'::text, 'expense'::text])))
);

ALTER TABLE ledger.account OWNER TO payments_migrator;

ALTER TABLE ledger.account ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME ledger.account_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE ledger.balance (
    account_id bigint NOT NULL,
    version bigint DEFAULT 0 NOT NULL,
    sign smallint NOT NULL,
    posted_dr numeric(38,0) DEFAULT 0 NOT NULL,
    posted_cr numeric(38,0) DEFAULT 0 NOT NULL,
    pending_dr numeric(38,0) DEFAULT 0 NOT NULL,
    pending_cr numeric(38,0) DEFAULT 0 NOT NULL,
    min_balance bigint,
    CONSTRAINT balance_pending_cr_check CHECK ((pending_cr >= (0)::numeric)),
    CONSTRAINT balance_pending_dr_check CHECK ((pending_dr >= (0)::numeric)),
    CONSTRAINT balance_posted_cr_check CHECK ((posted_cr >= (0)::numeric)),
    CONSTRAINT balance_posted_dr_check CHECK ((posted_dr >= (0)::numeric)),
    CONSTRAINT balance_sign_check CHECK ((sign = ANY (ARRAY['-1'::integer, 1])))
)
WITH (fillfactor='45', autovacuum_vacuum_scale_factor='0.05', autovacuum_vacuum_threshold='1000');

ALTER TABLE ledger.balance OWNER TO payments_migrator;

CREATE TABLE ledger.chart (
    code text NOT NULL,
    type text NOT NULL,
    normal_side text NOT NULL,
    purpose text NOT NULL,
    CONSTRAINT chart_normal_side_check CHECK ((normal_side = ANY (ARRAY['debit'::text, 'credit'::text]))),
    CONSTRAINT chart_type_check CHECK ((type = ANY (ARRAY['asset'::text, 'liability'::text, 'equity'::text, 'income'::text, 'expense'::text])))
);

ALTER TABLE ledger.chart OWNER TO payments_migrator;

COMMENT ON TABLE ledger.chart IS 'What kinds of account there are: a platform account by its code, an account of somebody else by its owner kind. Each exists once per currency, made on first use.';

CREATE TABLE ledger.period_close (
    id bigint NOT NULL,
    closed_until timestamp with time zone NOT NULL,
    closed_by text NOT NULL,
    reason text NOT NULL,
    closed_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT period_close_reason_check CHECK (((length(reason) >= 1) AND (length(reason) <= 1000)))
);

ALTER TABLE ledger.period_close OWNER TO payments_migrator;

ALTER TABLE ledger.period_close ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME ledger.period_close_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE ledger.seal (
    number bigint NOT NULL,
    after_id bigint NOT NULL,
    through_id bigint NOT NULL,
    digest bytea NOT NULL,
    checksums bigint[] NOT NULL,
    sealed_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT seal_check CHECK ((through_id > after_id))
);

ALTER TABLE ledger.seal OWNER TO payments_migrator;

CREATE TABLE ledger.seal_mark (
    singleton boolean DEFAULT true NOT NULL,
    sealed_id bigint DEFAULT 0 NOT NULL,
    mark_id bigint DEFAULT 0 NOT NULL,
    mark_xid xid8 DEFAULT '3'::xid8 NOT NULL,
    CONSTRAINT seal_mark_singleton_check CHECK (singleton)
);

ALTER TABLE ledger.seal_mark OWNER TO payments_migrator;

CREATE TABLE ledger.summary (
    account_id bigint NOT NULL,
    level smallint NOT NULL,
    block bigint NOT NULL,
    net numeric(38,0) NOT NULL,
    effective_from timestamp with time zone NOT NULL,
    effective_to timestamp with time zone NOT NULL,
    recorded_from timestamp with time zone NOT NULL,
    recorded_to timestamp with time zone NOT NULL
);

ALTER TABLE ledger.summary OWNER TO payments_migrator;

CREATE TABLE ledger.timeline (
    account_id bigint NOT NULL,
    block bigint NOT NULL,
    through numeric(38,0) NOT NULL,
    effective_high timestamp with time zone NOT NULL,
    recorded_high timestamp with time zone NOT NULL,
    effective_lag bigint NOT NULL,
    recorded_lag bigint NOT NULL,
    effective timestamp with time zone[],
    recorded timestamp with time zone[],
    nets bigint[]
);

ALTER TABLE ledger.timeline OWNER TO payments_migrator;

COMMENT ON TABLE ledger.timeline IS 'What an account came to after each 64 versions, and their times; made when they are sealed, from the entries alone.';

ALTER TABLE ledger.transaction ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME ledger.transaction_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE VIEW public.invoices AS
 SELECT id,
    total_minor AS total_cents,
    paid_minor AS paid_cents,
    status
   FROM core.invoice;

ALTER VIEW public.invoices OWNER TO payments_migrator;

CREATE VIEW public.ledger_entries AS
 SELECT (('ent_'::text || lpad((t.id)::text, 16, '0'::text)) || lpad((e.leg)::text, 4, '0'::text)) AS id,
    ('txn_'::text || lpad((t.id)::text, 16, '0'::text)) AS transaction_id,
    a.code AS account_id,
    t.reference AS payment_id,
    t.kind AS entry_type,
    e.direction,
    a.currency,
    ((e.amount_minor)::numeric * c.unit) AS amount,
    (e.balance_after * c.unit) AS balance_after,
    t.recorded_at AS created_at
   FROM (((ledger.transaction t
     JOIN ledger.entry e ON ((e.transaction_id = t.id)))
     JOIN ledger.account a ON ((a.id = e.account_id)))
     JOIN core.currency c ON ((c.code = a.currency)))
  ORDER BY t.id, e.leg;

ALTER VIEW public.ledger_entries OWNER TO payments_migrator;

CREATE VIEW public.payments AS
 SELECT p.id,
    p.idempotency_key,
    p.account_id,
    ((p.amount_minor)::numeric * c.unit) AS amount,
    p.currency,
    p.status,
    p.description,
    p.created_at,
    p.updated_at
   FROM (core.payment p
     JOIN core.currency c ON ((c.code = p.currency)));

ALTER VIEW public.payments OWNER TO payments_migrator;

CREATE VIEW public.recon_jobs AS
 SELECT id,
    payment_id,
    status,
    attempts,
    locked_at,
    locked_by,
    created_at,
    updated_at
   FROM core.recon_job;

ALTER VIEW public.recon_jobs OWNER TO payments_migrator;

CREATE VIEW public.reconciliation_results AS
 SELECT r.id,
    r.payment_id,
    r.recon_job_id,
    r.status,
    r.matched,
    ((r.discrepancy_minor)::numeric * c.unit) AS discrepancy_amount,
    r.notes,
    r.created_at
   FROM ((core.reconciliation_result r
     JOIN core.payment p ON ((p.id = r.payment_id)))
     JOIN core.currency c ON ((c.code = p.currency)));

ALTER VIEW public.reconciliation_results OWNER TO payments_migrator;

ALTER TABLE ONLY core.adjustment
    ADD CONSTRAINT adjustment_pkey PRIMARY KEY (id);

ALTER TABLE ONLY core.adjustment
    ADD CONSTRAINT adjustment_transaction_id_key UNIQUE (transaction_id);

ALTER TABLE ONLY core.approval
    ADD CONSTRAINT approval_pkey PRIMARY KEY (id);

ALTER TABLE ONLY core.card_capture
    ADD CONSTRAINT card_capture_pkey PRIMARY KEY (payment_id, number);

ALTER TABLE ONLY core.card_payment
    ADD CONSTRAINT card_payment_pkey PRIMARY KEY (id);

ALTER TABLE ONLY core.card_refund_part
    ADD CONSTRAINT card_refund_part_pkey PRIMARY KEY (payment_id, refund, capture);

ALTER TABLE ONLY core.card_refund
    ADD CONSTRAINT card_refund_pkey PRIMARY KEY (payment_id, number);

ALTER TABLE ONLY core.currency
    ADD CONSTRAINT currency_pkey PRIMARY KEY (code);

ALTER TABLE ONLY core.customer_credit
    ADD CONSTRAINT customer_credit_pkey PRIMARY KEY (customer, currency);

ALTER TABLE ONLY core.webhook_delivery
    ADD CONSTRAINT delivery_once UNIQUE (subscription_id, event_id, replay);

ALTER TABLE ONLY core.event
    ADD CONSTRAINT event_pkey PRIMARY KEY (id);

ALTER TABLE ONLY core.idempotency_key
    ADD CONSTRAINT idempotency_key_pkey PRIMARY KEY (client, key);

ALTER TABLE ONLY core.invoice
    ADD CONSTRAINT invoice_pkey PRIMARY KEY (id);

ALTER TABLE ONLY core.migration
    ADD CONSTRAINT migration_pkc PRIMARY KEY (version_num);

ALTER TABLE ONLY core.payment_event
    ADD CONSTRAINT payment_event_event_id_key UNIQUE (event_id);

ALTER TABLE ONLY core.payment_event
    ADD CONSTRAINT payment_event_pkey PRIMARY KEY (id);

ALTER TABLE ONLY core.payment
    ADD CONSTRAINT payment_pkey PRIMARY KEY (id);

ALTER TABLE ONLY core.recon_job
    ADD CONSTRAINT recon_job_once UNIQUE (payment_id, kind);

ALTER TABLE ONLY core.recon_job
    ADD CONSTRAINT recon_job_pkey PRIMARY KEY (id);

ALTER TABLE ONLY core.reconciliation_result
    ADD CONSTRAINT reconciliation_result_payment_id_key UNIQUE (payment_id);

ALTER TABLE ONLY core.reconciliation_result
    ADD CONSTRAINT reconciliation_result_pkey PRIMARY KEY (id);

ALTER TABLE ONLY core.saved_view
    ADD CONSTRAINT saved_view_name_is_its_owners_only UNIQUE (owner, folded_name);

ALTER TABLE ONLY core.saved_view
    ADD CONSTRAINT saved_view_pkey PRIMARY KEY (id);

ALTER TABLE ONLY core.schedule
    ADD CONSTRAINT schedule_pkey PRIMARY KEY (name);

ALTER TABLE ONLY core.wallet_attempt
    ADD CONSTRAINT wallet_attempt_pkey PRIMARY KEY (payment_id, purpose, number);

ALTER TABLE ONLY core.wallet_attempt
    ADD CONSTRAINT wallet_attempt_reference_key UNIQUE (reference);

ALTER TABLE ONLY core.wallet_match
    ADD CONSTRAINT wallet_match_pkey PRIMARY KEY (id);

ALTER TABLE ONLY core.wallet_payment
    ADD CONSTRAINT wallet_payment_pkey PRIMARY KEY (id);

ALTER TABLE ONLY core.wallet_provider_health
    ADD CONSTRAINT wallet_provider_health_pkey PRIMARY KEY (provider);

ALTER TABLE ONLY core.wallet_provider
    ADD CONSTRAINT wallet_provider_pkey PRIMARY KEY (provider, currency);

ALTER TABLE ONLY core.wallet_report
    ADD CONSTRAINT wallet_report_pkey PRIMARY KEY (day, provider, currency);

ALTER TABLE ONLY core.wallet_risk_list_change
    ADD CONSTRAINT wallet_risk_list_change_pkey PRIMARY KEY (id);

ALTER TABLE ONLY core.wallet_risk_list
    ADD CONSTRAINT wallet_risk_list_pkey PRIMARY KEY (subject);

ALTER TABLE ONLY core.wallet_rules
    ADD CONSTRAINT wallet_rules_pkey PRIMARY KEY (version);

ALTER TABLE ONLY core.wallet_statement_line
    ADD CONSTRAINT wallet_statement_line_pkey PRIMARY KEY (id);

ALTER TABLE ONLY core.wallet_statement_line
    ADD CONSTRAINT wallet_statement_line_provider_provider_id_key UNIQUE (provider, provider_id);

ALTER TABLE ONLY core.wallet_statement_upload
    ADD CONSTRAINT wallet_statement_upload_pkey PRIMARY KEY (id);

ALTER TABLE ONLY core.wallet_transition
    ADD CONSTRAINT wallet_transition_pkey PRIMARY KEY (payment_id, number);

ALTER TABLE ONLY core.webhook_attempt
    ADD CONSTRAINT webhook_attempt_pkey PRIMARY KEY (delivery_id, number);

ALTER TABLE ONLY core.webhook_delivery
    ADD CONSTRAINT webhook_delivery_pkey PRIMARY KEY (id);

ALTER TABLE ONLY core.webhook_subscription
    ADD CONSTRAINT webhook_subscription_pkey PRIMARY KEY (id);

ALTER TABLE ONLY dramatiq.queue
    ADD CONSTRAINT queue_pkey PRIMARY KEY (message_id);

ALTER TABLE ONLY dramatiq.worker
    ADD CONSTRAINT worker_pkey PRIMARY KEY (worker_id);

ALTER TABLE ONLY ledger.account
    ADD CONSTRAINT account_once UNIQUE (code, currency, owner_kind);

ALTER TABLE ONLY ledger.account
    ADD CONSTRAINT account_pkey PRIMARY KEY (id);

ALTER TABLE ONLY ledger.balance
    ADD CONSTRAINT balance_pkey PRIMARY KEY (account_id);

ALTER TABLE ONLY ledger.chart
    ADD CONSTRAINT chart_pkey PRIMARY KEY (code);

ALTER TABLE ONLY ledger.entry
    ADD CONSTRAINT entry_pkey PRIMARY KEY (account_id, version);

ALTER TABLE ONLY ledger.period_close
    ADD CONSTRAINT period_close_closed_until_key UNIQUE (closed_until);

ALTER TABLE ONLY ledger.period_close
    ADD CONSTRAINT period_close_pkey PRIMARY KEY (id);

ALTER TABLE ONLY ledger.seal_mark
    ADD CONSTRAINT seal_mark_pkey PRIMARY KEY (singleton);

ALTER TABLE ONLY ledger.seal
    ADD CONSTRAINT seal_pkey PRIMARY KEY (number);

ALTER TABLE ONLY ledger.summary
    ADD CONSTRAINT summary_pkey PRIMARY KEY (account_id, level, block);

ALTER TABLE ONLY ledger.timeline
    ADD CONSTRAINT timeline_pkey PRIMARY KEY (account_id, block);

ALTER TABLE ONLY ledger.transaction
    ADD CONSTRAINT transaction_once UNIQUE (reference, key);

ALTER TABLE ONLY ledger.transaction
    ADD CONSTRAINT transaction_pkey PRIMARY KEY (id);

CREATE INDEX adjustment_by_payment ON core.adjustment USING btree (payment_id, id);

CREATE UNIQUE INDEX approval_open ON core.approval USING btree (kind, subject) WHERE (state = ANY (ARRAY['waiting'::text, 'approved'::text]));

CREATE INDEX card_payment_by_client ON core.card_payment USING btree (client, id);

CREATE INDEX card_payment_by_status ON core.card_payment USING btree (status, id);

CREATE INDEX card_payment_held ON core.card_payment USING btree (expires_at) WHERE ((captured_minor + released_minor) < authorized_minor);

CREATE INDEX event_by_subject ON core.event USING btree (subject, id);

CREATE INDEX event_in_order ON core.event USING btree (transaction, id);

CREATE INDEX invoice_by_customer ON core.invoice USING btree (customer, currency);

CREATE INDEX invoice_in_order ON core.invoice USING btree (created_at, id);

CREATE INDEX payment_by_account ON core.payment USING btree (account_id, id);

CREATE INDEX payment_event_by_invoice ON core.payment_event USING btree (invoice_id, id);

CREATE INDEX payment_event_by_message ON core.payment_event USING btree (message_id) WHERE (message_id IS NOT NULL);

CREATE INDEX payment_event_due ON core.payment_event USING btree (due_at) WHERE (status = 'waiting'::text);

CREATE INDEX payment_event_waiting ON core.payment_event USING btree (invoice_id, id) WHERE (status = 'waiting'::text);

CREATE INDEX payment_failed ON core.payment USING btree (id) WHERE (status = 'failed'::text);

CREATE INDEX payment_pending ON core.payment USING btree (id) WHERE (status = 'pending'::text);

CREATE INDEX recon_job_open ON core.recon_job USING btree (due_at) WHERE (status = ANY (ARRAY['pending'::text, 'processing'::text]));

CREATE INDEX saved_view_shared ON core.saved_view USING btree (folded_name) WHERE is_shared;

CREATE UNIQUE INDEX wallet_attempt_one_open ON core.wallet_attempt USING btree (payment_id, purpose) WHERE (state <> 'failed'::text);

CREATE INDEX wallet_attempt_resolved ON core.wallet_attempt USING btree (provider, resolved_at) WHERE (resolved_at IS NOT NULL);

CREATE INDEX wallet_payment_by_client ON core.wallet_payment USING btree (client, id);

CREATE INDEX wallet_payment_by_payee ON core.wallet_payment USING btree (phone, created_at);

CREATE INDEX wallet_payment_by_payer ON core.wallet_payment USING btree (client, user_id, created_at) WHERE (user_id IS NOT NULL);

CREATE INDEX wallet_payment_by_status ON core.wallet_payment USING btree (status, id);

CREATE INDEX wallet_payment_by_time ON core.wallet_payment USING btree (created_at);

CREATE INDEX wallet_payment_due ON core.wallet_payment USING btree (due_at) WHERE (due_at IS NOT NULL);

CREATE INDEX wallet_statement_line_open ON core.wallet_statement_line USING btree (provider, at) WHERE (state <> 'matched'::text);

CREATE INDEX webhook_delivery_pending ON core.webhook_delivery USING btree (subscription_id, id) WHERE (status = 'pending'::text);

CREATE INDEX webhook_delivery_turn ON core.webhook_delivery USING btree (subscription_id, subject, id) WHERE (status = 'pending'::text);

CREATE INDEX queue_finished ON dramatiq.queue USING btree (mtime) WHERE (state = ANY (ARRAY['done'::dramatiq.state, 'rejected'::dramatiq.state]));

CREATE INDEX queue_inflight ON dramatiq.queue USING btree (owner) WHERE (state = 'consumed'::dramatiq.state);

CREATE INDEX queue_ready ON dramatiq.queue USING btree (queue_name, priority, due_at, seq) WHERE (state = 'queued'::dramatiq.state);

CREATE INDEX entry_by_transaction ON ledger.entry USING btree (transaction_id, leg);

CREATE INDEX timeline_by_effective ON ledger.timeline USING btree (account_id, effective_high, block);

CREATE INDEX timeline_by_recorded ON ledger.timeline USING btree (account_id, recorded_high, block);

CREATE UNIQUE INDEX transaction_reversed_once ON ledger.transaction USING btree (reverses) WHERE (reverses IS NOT NULL);

CREATE TRIGGER immutable BEFORE DELETE OR UPDATE ON core.adjustment FOR EACH ROW EXECUTE FUNCTION ledger.refuse_change();

CREATE TRIGGER untruncatable BEFORE TRUNCATE ON core.adjustment FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();

CREATE TRIGGER wallet_risk_list_change_is_history BEFORE DELETE OR UPDATE OR TRUNCATE ON core.wallet_risk_list_change FOR EACH STATEMENT EXECUTE FUNCTION core.refuse_to_rewrite_history();

CREATE TRIGGER wallet_transition_is_history BEFORE DELETE OR UPDATE OR TRUNCATE ON core.wallet_transition FOR EACH STATEMENT EXECUTE FUNCTION core.refuse_to_rewrite_history();

CREATE TRIGGER dated BEFORE INSERT ON ledger.transaction FOR EACH ROW EXECUTE FUNCTION ledger.date_into_open_period();

CREATE TRIGGER immutable BEFORE DELETE OR UPDATE ON ledger.account FOR EACH ROW EXECUTE FUNCTION ledger.refuse_change();

CREATE TRIGGER immutable BEFORE DELETE OR UPDATE ON ledger.entry FOR EACH ROW EXECUTE FUNCTION ledger.refuse_change();

CREATE TRIGGER immutable BEFORE DELETE OR UPDATE ON ledger.period_close FOR EACH ROW EXECUTE FUNCTION ledger.refuse_change();

CREATE TRIGGER immutable BEFORE DELETE OR UPDATE ON ledger.seal FOR EACH ROW EXECUTE FUNCTION ledger.refuse_change();

CREATE TRIGGER immutable BEFORE DELETE OR UPDATE ON ledger.transaction FOR EACH ROW EXECUTE FUNCTION ledger.refuse_change();

CREATE TRIGGER undeletable BEFORE DELETE ON ledger.balance FOR EACH ROW EXECUTE FUNCTION ledger.refuse_change();

CREATE TRIGGER untruncatable BEFORE TRUNCATE ON ledger.account FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();

CREATE TRIGGER untruncatable BEFORE TRUNCATE ON ledger.balance FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();

CREATE TRIGGER untruncatable BEFORE TRUNCATE ON ledger.entry FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();

CREATE TRIGGER untruncatable BEFORE TRUNCATE ON ledger.period_close FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();

CREATE TRIGGER untruncatable BEFORE TRUNCATE ON ledger.seal FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();

CREATE TRIGGER untruncatable BEFORE TRUNCATE ON ledger.transaction FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();

ALTER TABLE ONLY core.adjustment
    ADD CONSTRAINT adjustment_currency_fkey FOREIGN KEY (currency) REFERENCES core.currency(code);

ALTER TABLE ONLY core.invoice
    ADD CONSTRAINT invoice_currency_fkey FOREIGN KEY (currency) REFERENCES core.currency(code);

ALTER TABLE ONLY core.webhook_attempt
    ADD CONSTRAINT webhook_attempt_delivery_id_fkey FOREIGN KEY (delivery_id) REFERENCES core.webhook_delivery(id) ON DELETE CASCADE;

ALTER TABLE ONLY core.webhook_delivery
    ADD CONSTRAINT webhook_delivery_subscription_id_fkey FOREIGN KEY (subscription_id) REFERENCES core.webhook_subscription(id) ON DELETE CASCADE;

ALTER TABLE ONLY ledger.account
    ADD CONSTRAINT account_currency_fkey FOREIGN KEY (currency) REFERENCES core.currency(code);

GRANT USAGE ON SCHEMA core TO payments_app;

GRANT USAGE ON SCHEMA dramatiq TO payments_app;

GRANT USAGE ON SCHEMA ledger TO payments_app;

GRANT ALL ON SCHEMA public TO payments_migrator;

REVOKE ALL ON FUNCTION core.accept_payment_events(p_event_ids uuid[], p_invoice_ids uuid[], p_amounts bigint[], p_raws jsonb[], p_message_id uuid) FROM PUBLIC;

GRANT ALL ON FUNCTION core.accept_payment_events(p_event_ids uuid[], p_invoice_ids uuid[], p_amounts bigint[], p_raws jsonb[], p_message_id uuid) TO payments_app;

REVOKE ALL ON FUNCTION core.adopt_events() FROM PUBLIC;

REVOKE ALL ON FUNCTION core.claim_keys(p_clients text[], p_keys text[]) FROM PUBLIC;

GRANT ALL ON FUNCTION core.claim_keys(p_clients text[], p_keys text[]) TO payments_app;

REVOKE ALL ON FUNCTION core.complete_reconciliations(p_worker text, p_job_ids bigint[], p_payment_ids uuid[], p_payment_statuses text[], p_statuses text[], p_matched boolean[], p_discrepancies bigint[], p_notes text[], p_references text[], p_keys text[], p_kinds text[], p_effective_at timestamp with time zone[], l_items integer[], l_owner_kinds text[], l_codes text[], l_currencies text[], l_directions text[], l_amounts bigint[]) FROM PUBLIC;

GRANT ALL ON FUNCTION core.complete_reconciliations(p_worker text, p_job_ids bigint[], p_payment_ids uuid[], p_payment_statuses text[], p_statuses text[], p_matched boolean[], p_discrepancies bigint[], p_notes text[], p_references text[], p_keys text[], p_kinds text[], p_effective_at timestamp with time zone[], l_items integer[], l_owner_kinds text[], l_codes text[], l_currencies text[], l_directions text[], l_amounts bigint[]) TO payments_app;

REVOKE ALL ON FUNCTION core.create_payments(p_client text, p_keys text[], p_ids uuid[], p_account_ids text[], p_amounts bigint[], p_currencies text[], p_descriptions text[], p_route text, p_options jsonb) FROM PUBLIC;

GRANT ALL ON FUNCTION core.create_payments(p_client text, p_keys text[], p_ids uuid[], p_account_ids text[], p_amounts bigint[], p_currencies text[], p_descriptions text[], p_route text, p_options jsonb) TO payments_app;

REVOKE ALL ON FUNCTION core.enqueue(p_message_id uuid, p_queue text, p_actor text, p_args jsonb, p_kwargs jsonb, p_options jsonb, p_delay_s double precision, p_priority integer) FROM PUBLIC;

GRANT ALL ON FUNCTION core.enqueue(p_message_id uuid, p_queue text, p_actor text, p_args jsonb, p_kwargs jsonb, p_options jsonb, p_delay_s double precision, p_priority integer) TO payments_app;

REVOKE ALL ON FUNCTION core.idempotency_lock_id(p_client text, p_key text) FROM PUBLIC;

GRANT ALL ON FUNCTION core.idempotency_lock_id(p_client text, p_key text) TO payments_app;

REVOKE ALL ON FUNCTION ledger.account_ids(p_owner_kinds text[], p_codes text[], p_currencies text[]) FROM PUBLIC;

GRANT ALL ON FUNCTION ledger.account_ids(p_owner_kinds text[], p_codes text[], p_currencies text[]) TO payments_app;

REVOKE ALL ON FUNCTION ledger.available(p_sign smallint, p_posted_dr numeric, p_posted_cr numeric, p_pending_dr numeric, p_pending_cr numeric) FROM PUBLIC;

GRANT ALL ON FUNCTION ledger.available(p_sign smallint, p_posted_dr numeric, p_posted_cr numeric, p_pending_dr numeric, p_pending_cr numeric) TO payments_app;

GRANT SELECT ON TABLE ledger.entry TO payments_app;

GRANT SELECT ON TABLE ledger.transaction TO payments_app;

REVOKE ALL ON FUNCTION ledger.block_checksums(p_after_id bigint, p_through_id bigint) FROM PUBLIC;

GRANT ALL ON FUNCTION ledger.block_checksums(p_after_id bigint, p_through_id bigint) TO payments_app;

REVOKE ALL ON FUNCTION ledger.block_digest(p_previous bytea, p_after_id bigint, p_through_id bigint) FROM PUBLIC;

GRANT ALL ON FUNCTION ledger.block_digest(p_previous bytea, p_after_id bigint, p_through_id bigint) TO payments_app;

REVOKE ALL ON FUNCTION ledger.book(l_items integer[], l_accounts bigint[], l_directions text[], l_amounts bigint[], p_ids bigint[], p_wanted boolean[], p_phases text[]) FROM PUBLIC;

REVOKE ALL ON FUNCTION ledger.close_period(p_until timestamp with time zone, p_by text, p_reason text) FROM PUBLIC;

GRANT ALL ON FUNCTION ledger.close_period(p_until timestamp with time zone, p_by text, p_reason text) TO payments_app;

REVOKE ALL ON FUNCTION ledger.continue_timelines(p_accounts bigint[], p_blocks bigint[], p_with_times boolean) FROM PUBLIC;

REVOKE ALL ON FUNCTION ledger.date_into_open_period() FROM PUBLIC;

REVOKE ALL ON FUNCTION ledger.ensure_accounts(p_owner_kinds text[], p_codes text[], p_currencies text[]) FROM PUBLIC;

GRANT ALL ON FUNCTION ledger.ensure_accounts(p_owner_kinds text[], p_codes text[], p_currencies text[]) TO payments_app;

REVOKE ALL ON FUNCTION ledger.lag_between(p_high timestamp with time zone, p_from timestamp with time zone) FROM PUBLIC;

REVOKE ALL ON FUNCTION ledger.net_at(p_account_id bigint, p_at timestamp with time zone, p_recorded boolean) FROM PUBLIC;

GRANT ALL ON FUNCTION ledger.net_at(p_account_id bigint, p_at timestamp with time zone, p_recorded boolean) TO payments_app;

REVOKE ALL ON FUNCTION ledger.net_by_summaries(p_account_id bigint, p_at timestamp with time zone, p_recorded boolean) FROM PUBLIC;

REVOKE ALL ON FUNCTION ledger.net_within(p_account_id bigint, p_at timestamp with time zone, p_recorded boolean, p_after bigint, p_through bigint) FROM PUBLIC;

REVOKE ALL ON FUNCTION ledger.post(p_reference text, p_key text, p_kind text, p_phase text, p_effective_at timestamp with time zone, p_reverses bigint, p_owner_kinds text[], p_codes text[], p_currencies text[], p_directions text[], p_amounts bigint[], OUT outcome text, OUT transaction_id bigint, OUT reason text) FROM PUBLIC;

GRANT ALL ON FUNCTION ledger.post(p_reference text, p_key text, p_kind text, p_phase text, p_effective_at timestamp with time zone, p_reverses bigint, p_owner_kinds text[], p_codes text[], p_currencies text[], p_directions text[], p_amounts bigint[], OUT outcome text, OUT transaction_id bigint, OUT reason text) TO payments_app;

REVOKE ALL ON FUNCTION ledger.post_all(p_references text[], p_keys text[], p_kinds text[], p_phases text[], p_effective_at timestamp with time zone[], p_reverses bigint[], l_items integer[], l_owner_kinds text[], l_codes text[], l_currencies text[], l_directions text[], l_amounts bigint[]) FROM PUBLIC;

GRANT ALL ON FUNCTION ledger.post_all(p_references text[], p_keys text[], p_kinds text[], p_phases text[], p_effective_at timestamp with time zone[], p_reverses bigint[], l_items integer[], l_owner_kinds text[], l_codes text[], l_currencies text[], l_directions text[], l_amounts bigint[]) TO payments_app;

REVOKE ALL ON FUNCTION ledger.post_many(p_references text[], p_keys text[], p_kinds text[], p_phases text[], p_effective_at timestamp with time zone[], p_reverses bigint[], l_items integer[], l_owner_kinds text[], l_codes text[], l_currencies text[], l_directions text[], l_amounts bigint[]) FROM PUBLIC;

GRANT ALL ON FUNCTION ledger.post_many(p_references text[], p_keys text[], p_kinds text[], p_phases text[], p_effective_at timestamp with time zone[], p_reverses bigint[], l_items integer[], l_owner_kinds text[], l_codes text[], l_currencies text[], l_directions text[], l_amounts bigint[]) TO payments_app;

REVOKE ALL ON FUNCTION ledger.refuse_change() FROM PUBLIC;

REVOKE ALL ON FUNCTION ledger.refused_by_minimum(p_items integer[], p_accounts bigint[], p_codes text[], p_directions text[], p_amounts bigint[], p_phases text[], p_wanted boolean[], OUT items integer[], OUT reasons text[]) FROM PUBLIC;

REVOKE ALL ON FUNCTION ledger.require_balanced(p_items integer[], p_currencies text[], p_directions text[], p_amounts bigint[]) FROM PUBLIC;

REVOKE ALL ON FUNCTION ledger.seal_settled(p_block integer, p_limit integer) FROM PUBLIC;

GRANT ALL ON FUNCTION ledger.seal_settled(p_block integer, p_limit integer) TO payments_app;

REVOKE ALL ON FUNCTION ledger.set_minimum(p_owner_kind text, p_code text, p_currency text, p_min_balance bigint) FROM PUBLIC;

GRANT ALL ON FUNCTION ledger.set_minimum(p_owner_kind text, p_code text, p_currency text, p_min_balance bigint) TO payments_app;

REVOKE ALL ON FUNCTION ledger.summarise(p_after_id bigint, p_through_id bigint) FROM PUBLIC;

GRANT SELECT,INSERT ON TABLE core.adjustment TO payments_app;

GRANT USAGE ON SEQUENCE core.adjustment_id_seq TO payments_app;

GRANT SELECT,INSERT ON TABLE core.approval TO payments_app;

GRANT UPDATE(state) ON TABLE core.approval TO payments_app;

GRANT UPDATE(decided_by) ON TABLE core.approval TO payments_app;

GRANT UPDATE(decided_at) ON TABLE core.approval TO payments_app;

GRANT UPDATE(decision_reason) ON TABLE core.approval TO payments_app;

GRANT UPDATE(outcome) ON TABLE core.approval TO payments_app;

GRANT USAGE ON SEQUENCE core.approval_id_seq TO payments_app;

GRANT SELECT,INSERT ON TABLE core.card_capture TO payments_app;

GRANT UPDATE(merchant_returned_minor) ON TABLE core.card_capture TO payments_app;

GRANT UPDATE(fee_returned_minor) ON TABLE core.card_capture TO payments_app;

GRANT SELECT,INSERT ON TABLE core.card_payment TO payments_app;

GRANT UPDATE(status) ON TABLE core.card_payment TO payments_app;

GRANT UPDATE(captured_minor) ON TABLE core.card_payment TO payments_app;

GRANT UPDATE(released_minor) ON TABLE core.card_payment TO payments_app;

GRANT UPDATE(fee_minor) ON TABLE core.card_payment TO payments_app;

GRANT UPDATE(refunded_minor) ON TABLE core.card_payment TO payments_app;

GRANT UPDATE(fee_refunded_minor) ON TABLE core.card_payment TO payments_app;

GRANT UPDATE(settled_minor) ON TABLE core.card_payment TO payments_app;

GRANT UPDATE(refunds) ON TABLE core.card_payment TO payments_app;

GRANT UPDATE(updated_at) ON TABLE core.card_payment TO payments_app;

GRANT SELECT,INSERT ON TABLE core.card_refund TO payments_app;

GRANT SELECT,INSERT ON TABLE core.card_refund_part TO payments_app;

GRANT SELECT ON TABLE core.currency TO payments_app;

GRANT SELECT,INSERT,UPDATE ON TABLE core.customer_credit TO payments_app;

GRANT SELECT,INSERT ON TABLE core.event TO payments_app;

GRANT USAGE ON SEQUENCE core.event_id_seq TO payments_app;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE core.idempotency_key TO payments_app;

GRANT SELECT,INSERT ON TABLE core.invoice TO payments_app;

GRANT UPDATE(paid_minor) ON TABLE core.invoice TO payments_app;

GRANT UPDATE(credit_minor) ON TABLE core.invoice TO payments_app;

GRANT UPDATE(status) ON TABLE core.invoice TO payments_app;

GRANT UPDATE(updated_at) ON TABLE core.invoice TO payments_app;

GRANT UPDATE(credited_minor) ON TABLE core.invoice TO payments_app;

GRANT UPDATE(is_booked) ON TABLE core.invoice TO payments_app;

GRANT UPDATE(steps) ON TABLE core.invoice TO payments_app;

GRANT SELECT ON TABLE core.migration TO payments_app;

GRANT SELECT,INSERT ON TABLE core.payment TO payments_app;

GRANT UPDATE(status) ON TABLE core.payment TO payments_app;

GRANT UPDATE(updated_at) ON TABLE core.payment TO payments_app;

GRANT SELECT,INSERT,UPDATE ON TABLE core.payment_event TO payments_app;

GRANT USAGE ON SEQUENCE core.payment_event_id_seq TO payments_app;

GRANT SELECT,INSERT,UPDATE ON TABLE core.recon_job TO payments_app;

GRANT USAGE ON SEQUENCE core.recon_job_id_seq TO payments_app;

GRANT SELECT,INSERT ON TABLE core.reconciliation_result TO payments_app;

GRANT USAGE ON SEQUENCE core.reconciliation_result_id_seq TO payments_app;

GRANT SELECT,INSERT,DELETE ON TABLE core.saved_view TO payments_app;

GRANT UPDATE(name) ON TABLE core.saved_view TO payments_app;

GRANT UPDATE(folded_name) ON TABLE core.saved_view TO payments_app;

GRANT UPDATE(filters) ON TABLE core.saved_view TO payments_app;

GRANT UPDATE(is_shared) ON TABLE core.saved_view TO payments_app;

GRANT UPDATE(changed_at) ON TABLE core.saved_view TO payments_app;

GRANT USAGE ON SEQUENCE core.saved_view_id_seq TO payments_app;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE core.schedule TO payments_app;

GRANT SELECT,INSERT,UPDATE ON TABLE core.wallet_attempt TO payments_app;

GRANT SELECT,INSERT,UPDATE ON TABLE core.wallet_match TO payments_app;

GRANT USAGE ON SEQUENCE core.wallet_match_id_seq TO payments_app;

GRANT SELECT,INSERT,UPDATE ON TABLE core.wallet_payment TO payments_app;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE core.wallet_provider TO payments_app;

GRANT SELECT,INSERT,UPDATE ON TABLE core.wallet_provider_health TO payments_app;

GRANT SELECT,INSERT,UPDATE ON TABLE core.wallet_report TO payments_app;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE core.wallet_risk_list TO payments_app;

GRANT SELECT,INSERT ON TABLE core.wallet_risk_list_change TO payments_app;

GRANT SELECT,INSERT ON TABLE core.wallet_rules TO payments_app;

GRANT USAGE ON SEQUENCE core.wallet_rules_version_seq TO payments_app;

GRANT SELECT,INSERT,UPDATE ON TABLE core.wallet_statement_line TO payments_app;

GRANT USAGE ON SEQUENCE core.wallet_statement_line_id_seq TO payments_app;

GRANT SELECT,INSERT ON TABLE core.wallet_statement_upload TO payments_app;

GRANT SELECT,INSERT ON TABLE core.wallet_transition TO payments_app;

GRANT SELECT,INSERT ON TABLE core.webhook_attempt TO payments_app;

GRANT SELECT,INSERT,UPDATE ON TABLE core.webhook_delivery TO payments_app;

GRANT USAGE ON SEQUENCE core.webhook_delivery_id_seq TO payments_app;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE core.webhook_subscription TO payments_app;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE dramatiq.queue TO payments_app;

GRANT USAGE ON SEQUENCE dramatiq.queue_seq_seq TO payments_app;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE dramatiq.worker TO payments_app;

GRANT SELECT ON TABLE ledger.account TO payments_app;

GRANT SELECT ON TABLE ledger.balance TO payments_app;

GRANT SELECT ON TABLE ledger.chart TO payments_app;

GRANT SELECT ON TABLE ledger.period_close TO payments_app;

GRANT SELECT ON TABLE ledger.seal TO payments_app;

GRANT SELECT ON TABLE ledger.seal_mark TO payments_app;

GRANT SELECT ON TABLE ledger.summary TO payments_app;

GRANT SELECT ON TABLE ledger.timeline TO payments_app;

GRANT SELECT ON TABLE public.invoices TO payments_app;

GRANT SELECT ON TABLE public.ledger_entries TO payments_app;

GRANT SELECT ON TABLE public.payments TO payments_app;

GRANT SELECT ON TABLE public.recon_jobs TO payments_app;

GRANT SELECT ON TABLE public.reconciliation_results TO payments_app;


INSERT INTO core.currency VALUES ('AED', 2, 0.01, 'UAE Dirham');
INSERT INTO core.currency VALUES ('AFN', 2, 0.01, 'Afghani');
INSERT INTO core.currency VALUES ('ALL', 2, 0.01, 'Lek');
INSERT INTO core.currency VALUES ('AMD', 2, 0.01, 'Armenian Dram');
INSERT INTO core.currency VALUES ('AOA', 2, 0.01, 'Kwanza');
INSERT INTO core.currency VALUES ('ARS', 2, 0.01, 'Argentine Peso');
INSERT INTO core.currency VALUES ('AUD', 2, 0.01, 'Australian Dollar');
INSERT INTO core.currency VALUES ('AWG', 2, 0.01, 'Aruban Florin');
INSERT INTO core.currency VALUES ('AZN', 2, 0.01, 'Azerbaijan Manat');
INSERT INTO core.currency VALUES ('BAM', 2, 0.01, 'Convertible Mark');
INSERT INTO core.currency VALUES ('BBD', 2, 0.01, 'Barbados Dollar');
INSERT INTO core.currency VALUES ('BDT', 2, 0.01, 'Taka');
INSERT INTO core.currency VALUES ('BHD', 3, 0.001, 'Bahraini Dinar');
INSERT INTO core.currency VALUES ('BIF', 0, 1, 'Burundi Franc');
INSERT INTO core.currency VALUES ('BMD', 2, 0.01, 'Bermudian Dollar');
INSERT INTO core.currency VALUES ('BND', 2, 0.01, 'Brunei Dollar');
INSERT INTO core.currency VALUES ('BOB', 2, 0.01, 'Boliviano');
INSERT INTO core.currency VALUES ('BOV', 2, 0.01, 'Mvdol');
INSERT INTO core.currency VALUES ('BRL', 2, 0.01, 'Brazilian Real');
INSERT INTO core.currency VALUES ('BSD', 2, 0.01, 'Bahamian Dollar');
INSERT INTO core.currency VALUES ('BTN', 2, 0.01, 'Ngultrum');
INSERT INTO core.currency VALUES ('BWP', 2, 0.01, 'Pula');
INSERT INTO core.currency VALUES ('BYN', 2, 0.01, 'Belarusian Ruble');
INSERT INTO core.currency VALUES ('BZD', 2, 0.01, 'Belize Dollar');
INSERT INTO core.currency VALUES ('CAD', 2, 0.01, 'Canadian Dollar');
INSERT INTO core.currency VALUES ('CDF', 2, 0.01, 'Congolese Franc');
INSERT INTO core.currency VALUES ('CHE', 2, 0.01, 'WIR Euro');
INSERT INTO core.currency VALUES ('CHF', 2, 0.01, 'Swiss Franc');
INSERT INTO core.currency VALUES ('CHW', 2, 0.01, 'WIR Franc');
INSERT INTO core.currency VALUES ('CLF', 4, 0.0001, 'Unidad de Fomento');
INSERT INTO core.currency VALUES ('CLP', 0, 1, 'Chilean Peso');
INSERT INTO core.currency VALUES ('CNY', 2, 0.01, 'Yuan Renminbi');
INSERT INTO core.currency VALUES ('COP', 2, 0.01, 'Colombian Peso');
INSERT INTO core.currency VALUES ('COU', 2, 0.01, 'Unidad de Valor Real');
INSERT INTO core.currency VALUES ('CRC', 2, 0.01, 'Costa Rican Colon');
INSERT INTO core.currency VALUES ('CUP', 2, 0.01, 'Cuban Peso');
INSERT INTO core.currency VALUES ('CVE', 2, 0.01, 'Cabo Verde Escudo');
INSERT INTO core.currency VALUES ('CZK', 2, 0.01, 'Czech Koruna');
INSERT INTO core.currency VALUES ('DJF', 0, 1, 'Djibouti Franc');
INSERT INTO core.currency VALUES ('DKK', 2, 0.01, 'Danish Krone');
INSERT INTO core.currency VALUES ('DOP', 2, 0.01, 'Dominican Peso');
INSERT INTO core.currency VALUES ('DZD', 2, 0.01, 'Algerian Dinar');
INSERT INTO core.currency VALUES ('EGP', 2, 0.01, 'Egyptian Pound');
INSERT INTO core.currency VALUES ('ERN', 2, 0.01, 'Nakfa');
INSERT INTO core.currency VALUES ('ETB', 2, 0.01, 'Ethiopian Birr');
INSERT INTO core.currency VALUES ('EUR', 2, 0.01, 'Euro');
INSERT INTO core.currency VALUES ('FJD', 2, 0.01, 'Fiji Dollar');
INSERT INTO core.currency VALUES ('FKP', 2, 0.01, 'Falkland Islands Pound');
INSERT INTO core.currency VALUES ('GBP', 2, 0.01, 'Pound Sterling');
INSERT INTO core.currency VALUES ('GEL', 2, 0.01, 'Lari');
INSERT INTO core.currency VALUES ('GHS', 2, 0.01, 'Ghana Cedi');
INSERT INTO core.currency VALUES ('GIP', 2, 0.01, 'Gibraltar Pound');
INSERT INTO core.currency VALUES ('GMD', 2, 0.01, 'Dalasi');
INSERT INTO core.currency VALUES ('GNF', 0, 1, 'Guinean Franc');
INSERT INTO core.currency VALUES ('GTQ', 2, 0.01, 'Quetzal');
INSERT INTO core.currency VALUES ('GYD', 2, 0.01, 'Guyana Dollar');
INSERT INTO core.currency VALUES ('HKD', 2, 0.01, 'Hong Kong Dollar');
INSERT INTO core.currency VALUES ('HNL', 2, 0.01, 'Lempira');
INSERT INTO core.currency VALUES ('HTG', 2, 0.01, 'Gourde');
INSERT INTO core.currency VALUES ('HUF', 2, 0.01, 'Forint');
INSERT INTO core.currency VALUES ('IDR', 2, 0.01, 'Rupiah');
INSERT INTO core.currency VALUES ('ILS', 2, 0.01, 'New Israeli Sheqel');
INSERT INTO core.currency VALUES ('INR', 2, 0.01, 'Indian Rupee');
INSERT INTO core.currency VALUES ('IQD', 3, 0.001, 'Iraqi Dinar');
INSERT INTO core.currency VALUES ('IRR', 2, 0.01, 'Iranian Rial');
INSERT INTO core.currency VALUES ('ISK', 0, 1, 'Iceland Krona');
INSERT INTO core.currency VALUES ('JMD', 2, 0.01, 'Jamaican Dollar');
INSERT INTO core.currency VALUES ('JOD', 3, 0.001, 'Jordanian Dinar');
INSERT INTO core.currency VALUES ('JPY', 0, 1, 'Yen');
INSERT INTO core.currency VALUES ('KES', 2, 0.01, 'Kenyan Shilling');
INSERT INTO core.currency VALUES ('KGS', 2, 0.01, 'Som');
INSERT INTO core.currency VALUES ('KHR', 2, 0.01, 'Riel');
INSERT INTO core.currency VALUES ('KMF', 0, 1, 'Comorian Franc');
INSERT INTO core.currency VALUES ('KPW', 2, 0.01, 'North Korean Won');
INSERT INTO core.currency VALUES ('KRW', 0, 1, 'Won');
INSERT INTO core.currency VALUES ('KWD', 3, 0.001, 'Kuwaiti Dinar');
INSERT INTO core.currency VALUES ('KYD', 2, 0.01, 'Cayman Islands Dollar');
INSERT INTO core.currency VALUES ('KZT', 2, 0.01, 'Tenge');
INSERT INTO core.currency VALUES ('LAK', 2, 0.01, 'Lao Kip');
INSERT INTO core.currency VALUES ('LBP', 2, 0.01, 'Lebanese Pound');
INSERT INTO core.currency VALUES ('LKR', 2, 0.01, 'Sri Lanka Rupee');
INSERT INTO core.currency VALUES ('LRD', 2, 0.01, 'Liberian Dollar');
INSERT INTO core.currency VALUES ('LSL', 2, 0.01, 'Loti');
INSERT INTO core.currency VALUES ('LYD', 3, 0.001, 'Libyan Dinar');
INSERT INTO core.currency VALUES ('MAD', 2, 0.01, 'Moroccan Dirham');
INSERT INTO core.currency VALUES ('MDL', 2, 0.01, 'Moldovan Leu');
INSERT INTO core.currency VALUES ('MGA', 2, 0.01, 'Malagasy Ariary');
INSERT INTO core.currency VALUES ('MKD', 2, 0.01, 'Denar');
INSERT INTO core.currency VALUES ('MMK', 2, 0.01, 'Kyat');
INSERT INTO core.currency VALUES ('MNT', 2, 0.01, 'Tugrik');
INSERT INTO core.currency VALUES ('MOP', 2, 0.01, 'Pataca');
INSERT INTO core.currency VALUES ('MRU', 2, 0.01, 'Ouguiya');
INSERT INTO core.currency VALUES ('MUR', 2, 0.01, 'Mauritius Rupee');
INSERT INTO core.currency VALUES ('MVR', 2, 0.01, 'Rufiyaa');
INSERT INTO core.currency VALUES ('MWK', 2, 0.01, 'Malawi Kwacha');
INSERT INTO core.currency VALUES ('MXN', 2, 0.01, 'Mexican Peso');
INSERT INTO core.currency VALUES ('MXV', 2, 0.01, 'Mexican Unidad de Inversion');
INSERT INTO core.currency VALUES ('MYR', 2, 0.01, 'Malaysian Ringgit');
INSERT INTO core.currency VALUES ('MZN', 2, 0.01, 'Mozambique Metical');
INSERT INTO core.currency VALUES ('NAD', 2, 0.01, 'Namibia Dollar');
INSERT INTO core.currency VALUES ('NGN', 2, 0.01, 'Naira');
INSERT INTO core.currency VALUES ('NIO', 2, 0.01, 'Cordoba Oro');
INSERT INTO core.currency VALUES ('NOK', 2, 0.01, 'Norwegian Krone');
INSERT INTO core.currency VALUES ('NPR', 2, 0.01, 'Nepalese Rupee');
INSERT INTO core.currency VALUES ('NZD', 2, 0.01, 'New Zealand Dollar');
INSERT INTO core.currency VALUES ('OMR', 3, 0.001, 'Rial Omani');
INSERT INTO core.currency VALUES ('PAB', 2, 0.01, 'Balboa');
INSERT INTO core.currency VALUES ('PEN', 2, 0.01, 'Sol');
INSERT INTO core.currency VALUES ('PGK', 2, 0.01, 'Kina');
INSERT INTO core.currency VALUES ('PHP', 2, 0.01, 'Philippine Peso');
INSERT INTO core.currency VALUES ('PKR', 2, 0.01, 'Pakistan Rupee');
INSERT INTO core.currency VALUES ('PLN', 2, 0.01, 'Zloty');
INSERT INTO core.currency VALUES ('PYG', 0, 1, 'Guarani');
INSERT INTO core.currency VALUES ('QAR', 2, 0.01, 'Qatari Rial');
INSERT INTO core.currency VALUES ('RON', 2, 0.01, 'Romanian Leu');
INSERT INTO core.currency VALUES ('RSD', 2, 0.01, 'Serbian Dinar');
INSERT INTO core.currency VALUES ('RUB', 2, 0.01, 'Russian Ruble');
INSERT INTO core.currency VALUES ('RWF', 0, 1, 'Rwanda Franc');
INSERT INTO core.currency VALUES ('SAR', 2, 0.01, 'Saudi Riyal');
INSERT INTO core.currency VALUES ('SBD', 2, 0.01, 'Solomon Islands Dollar');
INSERT INTO core.currency VALUES ('SCR', 2, 0.01, 'Seychelles Rupee');
INSERT INTO core.currency VALUES ('SDG', 2, 0.01, 'Sudanese Pound');
INSERT INTO core.currency VALUES ('SEK', 2, 0.01, 'Swedish Krona');
INSERT INTO core.currency VALUES ('SGD', 2, 0.01, 'Singapore Dollar');
INSERT INTO core.currency VALUES ('SHP', 2, 0.01, 'Saint Helena Pound');
INSERT INTO core.currency VALUES ('SLE', 2, 0.01, 'Leone');
INSERT INTO core.currency VALUES ('SOS', 2, 0.01, 'Somali Shilling');
INSERT INTO core.currency VALUES ('SRD', 2, 0.01, 'Surinam Dollar');
INSERT INTO core.currency VALUES ('SSP', 2, 0.01, 'South Sudanese Pound');
INSERT INTO core.currency VALUES ('STN', 2, 0.01, 'Dobra');
INSERT INTO core.currency VALUES ('SVC', 2, 0.01, 'El Salvador Colon');
INSERT INTO core.currency VALUES ('SYP', 2, 0.01, 'Syrian Pound');
INSERT INTO core.currency VALUES ('SZL', 2, 0.01, 'Lilangeni');
INSERT INTO core.currency VALUES ('THB', 2, 0.01, 'Baht');
INSERT INTO core.currency VALUES ('TJS', 2, 0.01, 'Somoni');
INSERT INTO core.currency VALUES ('TMT', 2, 0.01, 'Turkmenistan New Manat');
INSERT INTO core.currency VALUES ('TND', 3, 0.001, 'Tunisian Dinar');
INSERT INTO core.currency VALUES ('TOP', 2, 0.01, 'Pa''anga');
INSERT INTO core.currency VALUES ('TRY', 2, 0.01, 'Turkish Lira');
INSERT INTO core.currency VALUES ('TTD', 2, 0.01, 'Trinidad and Tobago Dollar');
INSERT INTO core.currency VALUES ('TWD', 2, 0.01, 'New Taiwan Dollar');
INSERT INTO core.currency VALUES ('TZS', 2, 0.01, 'Tanzanian Shilling');
INSERT INTO core.currency VALUES ('UAH', 2, 0.01, 'Hryvnia');
INSERT INTO core.currency VALUES ('UGX', 0, 1, 'Uganda Shilling');
INSERT INTO core.currency VALUES ('USD', 2, 0.01, 'US Dollar');
INSERT INTO core.currency VALUES ('USN', 2, 0.01, 'US Dollar (next day)');
INSERT INTO core.currency VALUES ('UYI', 0, 1, 'Uruguay Peso en Unidades Indexadas');
INSERT INTO core.currency VALUES ('UYU', 2, 0.01, 'Peso Uruguayo');
INSERT INTO core.currency VALUES ('UYW', 4, 0.0001, 'Unidad Previsional');
INSERT INTO core.currency VALUES ('UZS', 2, 0.01, 'Uzbekistan Sum');
INSERT INTO core.currency VALUES ('VED', 2, 0.01, 'Bolivar Digital');
INSERT INTO core.currency VALUES ('VES', 2, 0.01, 'Bolivar Soberano');
INSERT INTO core.currency VALUES ('VND', 0, 1, 'Dong');
INSERT INTO core.currency VALUES ('VUV', 0, 1, 'Vatu');
INSERT INTO core.currency VALUES ('WST', 2, 0.01, 'Tala');
INSERT INTO core.currency VALUES ('XAD', 2, 0.01, 'Arab Accounting Dinar');
INSERT INTO core.currency VALUES ('XAF', 0, 1, 'CFA Franc BEAC');
INSERT INTO core.currency VALUES ('XCD', 2, 0.01, 'East Caribbean Dollar');
INSERT INTO core.currency VALUES ('XCG', 2, 0.01, 'Caribbean Guilder');
INSERT INTO core.currency VALUES ('XOF', 0, 1, 'CFA Franc BCEAO');
INSERT INTO core.currency VALUES ('XPF', 0, 1, 'CFP Franc');
INSERT INTO core.currency VALUES ('YER', 2, 0.01, 'Yemeni Rial');
INSERT INTO core.currency VALUES ('ZAR', 2, 0.01, 'Rand');
INSERT INTO core.currency VALUES ('ZMW', 2, 0.01, 'Zambian Kwacha');
INSERT INTO core.currency VALUES ('ZWG', 2, 0.01, 'Zimbabwe Gold');
INSERT INTO core.migration VALUES ('0063');
INSERT INTO ledger.chart VALUES ('accounts_receivable', 'asset', 'debit', 'What customers owe us on invoices');
INSERT INTO ledger.chart VALUES ('customer', 'liability', 'credit', 'What we owe a customer');
INSERT INTO ledger.chart VALUES ('customer_credit', 'liability', 'credit', 'What customers paid beyond their invoices');
INSERT INTO ledger.chart VALUES ('customer_funds', 'asset', 'debit', 'What cardholders'' banks owe us for captured payments');
INSERT INTO ledger.chart VALUES ('customer_holds', 'asset', 'debit', 'Funds held by authorizations');
INSERT INTO ledger.chart VALUES ('invoice_revenue', 'income', 'credit', 'What invoices earned, less credit notes');
INSERT INTO ledger.chart VALUES ('merchant_payable', 'liability', 'credit', 'What we owe merchants until settlement');
INSERT INTO ledger.chart VALUES ('opening_balances', 'equity', 'credit', 'The other side of imported history');
INSERT INTO ledger.chart VALUES ('platform_cash', 'asset', 'debit', 'Our money in the bank');
INSERT INTO ledger.chart VALUES ('platform_fees', 'income', 'credit', 'Fees earned on captured payments');
INSERT INTO ledger.chart VALUES ('provider_fees', 'expense', 'debit', 'What mobile-money providers charge us');
INSERT INTO ledger.chart VALUES ('provider_float_airteltigo', 'asset', 'debit', 'Our money with AirtelTigo');
INSERT INTO ledger.chart VALUES ('provider_float_mtn', 'asset', 'debit', 'Our money with MTN');
INSERT INTO ledger.chart VALUES ('provider_float_telecel', 'asset', 'debit', 'Our money with Telecel');
INSERT INTO ledger.chart VALUES ('settlement_clearing', 'asset', 'debit', 'Money of direct payments on its way to us');
INSERT INTO ledger.chart VALUES ('suspense', 'asset', 'debit', 'Differences until an operator resolves them');
INSERT INTO ledger.chart VALUES ('wallet', 'liability', 'credit', 'What we owe those on whose behalf wallets are paid and charged');
INSERT INTO ledger.chart VALUES ('wallet_clearing', 'liability', 'credit', 'Wallet money between its owner and a provider');
INSERT INTO ledger.chart VALUES ('wallet_suspense', 'asset', 'debit', 'Statement lines without a payment, until an operator resolves them');
INSERT INTO ledger.chart VALUES ('write_offs', 'expense', 'debit', 'Differences given up by an operator');
