-- The two hot paths, each a handful of statements for a whole batch.

-- Key, payment, job and event of every item, one message that carries all the jobs, one NOTIFY.
-- Returns a row per item in order: 'created'; 'replayed' (same request, the payment of the first); or
-- 'reused' with the names of what differs. id and created_at are those of the first request.
CREATE FUNCTION core.create_payments(
    p_client text, p_keys text[], p_ids uuid[], p_account_ids text[], p_amounts bigint[], p_currencies text[],
    p_descriptions text[], p_route text DEFAULT 'POST /payments', p_options jsonb DEFAULT '{}'
) RETURNS TABLE (ord integer, outcome text, id uuid, created_at timestamptz, differs text[])
LANGUAGE plpgsql SET plan_cache_mode = force_generic_plan SET enable_seqscan = off AS $$
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

-- The advisory lock that says "a request with this key is being worked on".
CREATE FUNCTION core.idempotency_lock_id(p_client text, p_key text) RETURNS bigint
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN hashtextextended(p_client || E'\x1f' || p_key, 7);

-- A message in dramatiq's own JSON, on the caller's transaction.
CREATE FUNCTION core.enqueue(
    p_message_id uuid, p_queue text, p_actor text, p_args jsonb, p_kwargs jsonb DEFAULT '{}',
    p_options jsonb DEFAULT '{}', p_delay_s double precision DEFAULT 0, p_priority integer DEFAULT 0
) RETURNS void
LANGUAGE plpgsql AS $$
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

-- Everything that a batch of decided reconciliations changes: results, payments, jobs, ledger, events.
-- The caller has locked the jobs (reconciliation.store.claim). Jobs that are no longer open are left alone
-- with all that belongs to them. l_items and p_post_* as in ledger.post_many.
CREATE FUNCTION core.complete_reconciliations(
    p_worker text, p_job_ids bigint[], p_payment_ids uuid[], p_payment_statuses text[], p_statuses text[],
    p_matched boolean[], p_discrepancies bigint[], p_notes text[],
    p_references text[], p_keys text[], p_kinds text[], p_effective_at timestamptz[],
    l_items integer[], l_owner_kinds text[], l_codes text[], l_currencies text[], l_directions text[],
    l_amounts bigint[]
) RETURNS integer
LANGUAGE plpgsql SET plan_cache_mode = force_generic_plan SET enable_seqscan = off AS $$
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
