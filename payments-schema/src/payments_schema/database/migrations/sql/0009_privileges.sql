-- Least privilege. The application writes core and the queue, and the ledger only through its functions.

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA core, ledger FROM PUBLIC;

GRANT USAGE ON SCHEMA core, ledger, dramatiq TO payments_app;

GRANT SELECT ON ALL TABLES IN SCHEMA core, ledger, public TO payments_app;
GRANT INSERT, UPDATE, DELETE ON core.idempotency_key TO payments_app;
GRANT INSERT ON core.payment, core.recon_job, core.reconciliation_result, core.event TO payments_app;
-- What a replay answers with is built from the other columns of a payment: they never change.
GRANT UPDATE (status, updated_at) ON core.payment TO payments_app;
GRANT UPDATE ON core.recon_job TO payments_app;
GRANT INSERT, UPDATE, DELETE ON core.schedule TO payments_app;
GRANT USAGE ON ALL SEQUENCES IN SCHEMA core, dramatiq TO payments_app;
GRANT SELECT, INSERT, UPDATE, DELETE ON dramatiq.queue, dramatiq.worker TO payments_app;

GRANT EXECUTE ON FUNCTION core.create_payments TO payments_app;
GRANT EXECUTE ON FUNCTION core.idempotency_lock_id TO payments_app;
GRANT EXECUTE ON FUNCTION core.enqueue TO payments_app;
GRANT EXECUTE ON FUNCTION core.complete_reconciliations TO payments_app;
GRANT EXECUTE ON FUNCTION ledger.ensure_accounts TO payments_app;
GRANT EXECUTE ON FUNCTION ledger.account_ids TO payments_app;
GRANT EXECUTE ON FUNCTION ledger.post TO payments_app;
GRANT EXECUTE ON FUNCTION ledger.post_many TO payments_app;
GRANT EXECUTE ON FUNCTION ledger.available TO payments_app;
GRANT EXECUTE ON FUNCTION ledger.set_minimum TO payments_app;
