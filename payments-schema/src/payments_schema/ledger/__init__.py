"""The double-entry ledger: what may be posted, how, and whether it still adds up. Knows no capability."""
