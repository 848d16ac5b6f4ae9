-- Roles are of the whole server, not of one database, so they stand before the numbered migrations
-- and every run of `payments-schema migrate` makes sure of them. Nothing here needs to be repeated.
DO $$
DECLARE
    wanted text;
BEGIN
    FOREACH wanted IN ARRAY ARRAY['payments_migrator', 'payments_app'] LOOP
        IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = wanted) THEN
            BEGIN
                EXECUTE format('CREATE ROLE %I NOLOGIN', wanted);
            EXCEPTION WHEN duplicate_object OR unique_violation THEN
                NULL;  -- another database of this server is being migrated at the same moment
            END;
        END IF;
        IF session_user <> wanted AND NOT pg_catalog.pg_has_role(session_user, wanted, 'MEMBER') THEN
            BEGIN
                EXECUTE format('GRANT %I TO %I', wanted, session_user);
            EXCEPTION WHEN insufficient_privilege THEN
                NULL;  -- only the migrator role is indispensable, and the caller asks for it next
            END;
        END IF;
    END LOOP;
    IF NOT pg_catalog.has_database_privilege('payments_migrator', current_database(), 'CREATE') THEN
        EXECUTE format('GRANT CREATE ON DATABASE %I TO payments_migrator', current_database());
    END IF;
    IF NOT pg_catalog.has_schema_privilege('payments_migrator', 'public', 'CREATE') THEN
        GRANT USAGE, CREATE ON SCHEMA public TO payments_migrator;
    END IF;
END
$$;
