"""What all kinds of `/api/v1/payments` share: a list, an address, a ledger view. Must not import a kind."""
