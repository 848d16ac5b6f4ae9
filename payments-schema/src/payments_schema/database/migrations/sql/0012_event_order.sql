-- Readers of events go by (transaction, id): by id alone, an event that commits late under an early number
-- would be passed over for ever.
-- Nothing has been released yet, so the table is empty where this runs.
-- squawk-ignore require-concurrent-index-creation
CREATE INDEX event_in_order ON core.event (transaction, id);

-- A dump restored into another cluster brings transaction ids from that one's future. They are settled, all of
-- them, so they are put before everything that is written here. `payments-schema migrate` calls this.
CREATE FUNCTION core.adopt_events() RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
    adopted bigint;
BEGIN
    UPDATE core.event SET transaction = '3' WHERE transaction > pg_current_xact_id();
    GET DIAGNOSTICS adopted = ROW_COUNT;
    RETURN adopted;
END
$$;
REVOKE ALL ON FUNCTION core.adopt_events FROM PUBLIC;
