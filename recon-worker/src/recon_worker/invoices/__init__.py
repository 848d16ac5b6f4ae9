"""Invoices, the part that nobody waits for: payment events are applied. Must not serve HTTP."""
