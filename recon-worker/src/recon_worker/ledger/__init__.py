"""The ledger's upkeep that nobody waits for: sealing. Must not post."""
