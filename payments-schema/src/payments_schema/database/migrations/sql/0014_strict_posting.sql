-- Posting for callers that decided under a lock: there every posting is new and allowed, and if one is not,
-- the whole unit of work must fall. Nothing has to be read back, so the call can share a round trip with COMMIT.
CREATE FUNCTION ledger.post_all(
    p_references text[], p_keys text[], p_kinds text[], p_phases text[], p_effective_at timestamptz[],
    p_reverses bigint[],
    l_items integer[], l_owner_kinds text[], l_codes text[], l_currencies text[], l_directions text[],
    l_amounts bigint[]
) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
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

REVOKE ALL ON FUNCTION ledger.post_all FROM PUBLIC;
GRANT EXECUTE ON FUNCTION ledger.post_all TO payments_app;
