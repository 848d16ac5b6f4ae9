-- A past balance by a handful of lookups, however many entries an account has. Beside the summaries stands a row per
-- 64 versions that says what the account came to by then (`through`), the latest time seen so far on either clock
-- (`high`), how far any run began before the latest time of those before it (`lag`), and each version's times and net.
-- Runs that end by a moment are told by their high alone, and only those within the lag behind it can straddle it.
CREATE TABLE ledger.timeline (
    account_id bigint NOT NULL,
    -- Block b covers versions b·64 + 1 … (b + 1)·64, as in a summary of the first level.
    block bigint NOT NULL,
    through numeric(38) NOT NULL,
    effective_high timestamptz NOT NULL,
    recorded_high timestamptz NOT NULL,
    -- Microseconds, the greatest so far.
    effective_lag bigint NOT NULL,
    recorded_lag bigint NOT NULL,
    -- In order of version; null for what was sealed before this table was: then the entries themselves are read.
    effective timestamptz[],
    recorded timestamptz[],
    nets bigint[],
    PRIMARY KEY (account_id, block)
);
CREATE INDEX timeline_by_effective ON ledger.timeline (account_id, effective_high, block);
CREATE INDEX timeline_by_recorded ON ledger.timeline (account_id, recorded_high, block);
COMMENT ON TABLE ledger.timeline IS
'What an account came to after each 64 versions, and their times; made when they are sealed, from the entries alone.';

CREATE FUNCTION ledger.lag_between(p_high timestamptz, p_from timestamptz) RETURNS bigint
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN p_high > p_from
    THEN least(ceil(extract(EPOCH FROM p_high - p_from) * 1000000), 1000000000000000000)::bigint ELSE 0 END;

-- Continues the timelines of accounts by blocks that follow what they have.
CREATE FUNCTION ledger.continue_timelines(p_accounts bigint[], p_blocks bigint[], p_with_times boolean) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
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

-- What the sealer calls for every block: the summaries of the runs that it completes, and their timelines.
CREATE OR REPLACE FUNCTION ledger.summarise(p_after_id bigint, p_through_id bigint) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
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

-- The way by summaries alone: for moments that very many runs straddle (history that was imported late).
CREATE FUNCTION ledger.net_by_summaries(p_account_id bigint, p_at timestamptz, p_recorded boolean) RETURNS numeric
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
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

-- What the runs behind one block and up to another moved by a moment, version by version.
CREATE FUNCTION ledger.net_within(
    p_account_id bigint, p_at timestamptz, p_recorded boolean, p_after bigint, p_through bigint
) RETURNS numeric
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
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

CREATE OR REPLACE FUNCTION ledger.net_at(p_account_id bigint, p_at timestamptz, p_recorded boolean) RETURNS numeric
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_bitmapscan = off AS $$
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

-- What was sealed before: from its summaries, without the times of each version.
SELECT ledger.continue_timelines(
    array_agg(s.account_id ORDER BY s.account_id, s.block), array_agg(s.block ORDER BY s.account_id, s.block), false)
FROM ledger.summary AS s WHERE s.level = 1;

REVOKE ALL ON FUNCTION ledger.lag_between, ledger.continue_timelines, ledger.net_by_summaries, ledger.net_within
FROM PUBLIC;
GRANT SELECT ON ledger.timeline TO payments_app;
