-- The ledger's only writers. They run with their owner's rights, because the application role may not
-- write the ledger, and with a fixed search_path, because of that.
--
-- Their plans are generic and lean on indexes whatever the statistics say: a table that was empty when a
-- session planned its first posting would be read from end to end for as long as the session lives.
--
-- Order of locks: balances ascending by account id, then the posting key. Two postings of one key touch
-- the same accounts, so whoever holds the balances decides about the key as well.

CREATE FUNCTION ledger.ensure_accounts(p_owner_kinds text[], p_codes text[], p_currencies text[]) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off AS $$
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

CREATE FUNCTION ledger.account_ids(p_owner_kinds text[], p_codes text[], p_currencies text[]) RETURNS bigint[]
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off AS $$
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

CREATE FUNCTION ledger.require_balanced(
    p_items integer[], p_currencies text[], p_directions text[], p_amounts bigint[]
) RETURNS void
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off AS $$
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

-- One posting. A short sorted loop of UPDATE … RETURNING is its own lock, and twice as fast as one
-- statement with everything in it.
CREATE FUNCTION ledger.post(
    p_reference text, p_key text, p_kind text, p_phase text, p_effective_at timestamptz, p_reverses bigint,
    p_owner_kinds text[], p_codes text[], p_currencies text[], p_directions text[], p_amounts bigint[],
    OUT outcome text, OUT transaction_id bigint, OUT reason text
)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off AS $$
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

CREATE FUNCTION ledger.available(
    p_sign smallint, p_posted_dr numeric, p_posted_cr numeric, p_pending_dr numeric, p_pending_cr numeric
) RETURNS numeric
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN p_sign * (p_posted_cr - p_posted_dr) - greatest(p_sign * (p_pending_dr - p_pending_cr), 0);

-- Which of these items their accounts' minimums allow, taken one after the other in order: an item that
-- would break one is left out alone, and those after it are judged without it. Balances are locked already.
CREATE FUNCTION ledger.refused_by_minimum(
    p_items integer[], p_accounts bigint[], p_codes text[], p_directions text[], p_amounts bigint[], p_phases text[],
    p_wanted boolean[],
    OUT items integer[], OUT reasons text[]
)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off AS $$
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

-- Many postings in a handful of statements. l_items[i] says to which posting (from 1) leg i belongs.
-- A key seen before is 'duplicate'; an item that would break a minimum is 'rejected' alone.
CREATE FUNCTION ledger.post_many(
    p_references text[], p_keys text[], p_kinds text[], p_phases text[], p_effective_at timestamptz[],
    p_reverses bigint[],
    l_items integer[], l_owner_kinds text[], l_codes text[], l_currencies text[], l_directions text[],
    l_amounts bigint[]
) RETURNS TABLE (ord integer, outcome text, transaction_id bigint, reason text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off AS $$
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

-- Counters and entries of the items that are to be posted. Window functions give every entry its version
-- and running balance, so that a hot account costs one update for the whole batch.
CREATE FUNCTION ledger.book(
    l_items integer[], l_accounts bigint[], l_directions text[], l_amounts bigint[],
    p_ids bigint[], p_wanted boolean[], p_phases text[]
) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off AS $$
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

CREATE FUNCTION ledger.set_minimum(p_owner_kind text, p_code text, p_currency text, p_min_balance bigint) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    -- First, in a statement of its own: the update would not see an account that it makes itself.
    ids bigint[] := ledger.account_ids(ARRAY[p_owner_kind], ARRAY[p_code], ARRAY[p_currency]);
BEGIN
    UPDATE ledger.balance SET min_balance = p_min_balance WHERE account_id = ids[1];
END
$$;
