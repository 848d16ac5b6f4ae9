"""Balances of customers' accounts. Must not compute one: the ledger keeps them."""
