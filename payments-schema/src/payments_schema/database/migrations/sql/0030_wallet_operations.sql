-- What operators of wallets do and see: every change of a risk list, every uploaded statement, and whether a
-- provider's circuit breaker lets anything through.

CREATE TABLE core.wallet_risk_list_change (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    subject text NOT NULL,
    -- NULL: taken off the list.
    verdict text CHECK (verdict IN ('allow', 'review', 'block')),
    reason text NOT NULL,
    changed_by text NOT NULL,
    changed_at timestamptz NOT NULL DEFAULT now()
);
CREATE TRIGGER wallet_risk_list_change_is_history
BEFORE UPDATE OR DELETE OR TRUNCATE ON core.wallet_risk_list_change
FOR EACH STATEMENT EXECUTE FUNCTION core.refuse_to_rewrite_history();

CREATE TABLE core.wallet_statement_upload (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    provider text NOT NULL,
    form text NOT NULL CHECK (form IN ('csv', 'json')),
    digest text NOT NULL,
    lines integer NOT NULL CHECK (lines >= 0),
    fresh integer NOT NULL CHECK (fresh BETWEEN 0 AND lines),
    uploaded_by text NOT NULL,
    uploaded_at timestamptz NOT NULL DEFAULT now()
);

-- As the last worker process noted it whose breaker changed; each process has breakers of its own.
CREATE TABLE core.wallet_provider_health (
    provider text PRIMARY KEY,
    breaker text NOT NULL CHECK (breaker IN ('closed', 'open', 'half_open')),
    noted_by text NOT NULL,
    noted_at timestamptz NOT NULL
);

GRANT SELECT, INSERT ON core.wallet_risk_list_change, core.wallet_statement_upload TO payments_app;
GRANT SELECT, INSERT, UPDATE ON core.wallet_provider_health TO payments_app;
