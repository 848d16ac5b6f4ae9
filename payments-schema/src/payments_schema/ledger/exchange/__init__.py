"""The ledger's doors for files: history coming in, the journal going out. Knows no capability."""
