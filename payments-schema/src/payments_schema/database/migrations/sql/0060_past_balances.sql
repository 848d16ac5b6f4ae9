-- A past balance reads the 64 summaries below the one that straddles the moment, whatever the planner thinks: it
-- took a few parents for a reason to read all the account's summaries of the level, thousands on a hot account.
CREATE OR REPLACE FUNCTION ledger.net_at(p_account_id bigint, p_at timestamptz, p_recorded boolean) RETURNS numeric
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
