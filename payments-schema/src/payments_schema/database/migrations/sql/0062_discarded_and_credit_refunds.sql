-- A dead event that was given up for good says so; giving customers' credit back may need a second person.

-- Each is replaced by a wider one in this transaction: no guarantee that clients have is lost meanwhile.
-- squawk-ignore ban-drop-constraint
ALTER TABLE core.payment_event DROP CONSTRAINT payment_event_status_is_known;
ALTER TABLE core.payment_event ADD CONSTRAINT payment_event_status_is_known
CHECK (status IN ('waiting', 'applied', 'dead', 'repaired', 'discarded')) NOT VALID;
-- Nothing has been released yet, so the tables are small where this runs.
-- squawk-ignore constraint-missing-not-valid
ALTER TABLE core.payment_event VALIDATE CONSTRAINT payment_event_status_is_known;

-- Those whose dead letter was discarded before: nobody can retry them any more.
UPDATE core.payment_event AS e SET status = 'discarded', message_id = NULL
WHERE
    e.status = 'dead' AND e.message_id IS NOT NULL
    AND NOT EXISTS (SELECT FROM dramatiq.queue AS q WHERE q.message_id = e.message_id);

-- squawk-ignore ban-drop-constraint
ALTER TABLE core.approval DROP CONSTRAINT approval_kind_check;
ALTER TABLE core.approval ADD CONSTRAINT approval_kind_check
CHECK (kind IN ('card_refund', 'wallet_refund', 'write_off', 'credit_refund')) NOT VALID;
-- squawk-ignore constraint-missing-not-valid
ALTER TABLE core.approval VALIDATE CONSTRAINT approval_kind_check;
