-- Schemas and the one table everything leans on: what a minor unit of a currency is worth.
CREATE SCHEMA IF NOT EXISTS core;
CREATE SCHEMA ledger;
CREATE SCHEMA dramatiq;

COMMENT ON SCHEMA core IS 'Base tables of the platform; money in bigint minor units.';
COMMENT ON SCHEMA ledger IS 'Double-entry ledger; written by its own functions only.';
COMMENT ON SCHEMA dramatiq IS 'Message queue, compatible with dramatiq-pg in table and message shape.';

CREATE TABLE core.currency (
    code text PRIMARY KEY CHECK (code ~ '^[A-Z]{3}$'),
    exponent smallint NOT NULL CHECK (exponent BETWEEN 0 AND 4),
    -- One minor unit in major units. minor * unit is exact and carries the currency's decimals.
    unit numeric NOT NULL CHECK (unit = power(10::numeric, -exponent)),
    name text NOT NULL
);
