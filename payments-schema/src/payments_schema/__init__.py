"""What the programs of the payments platform must agree on: wire models, database schema, ledger."""
