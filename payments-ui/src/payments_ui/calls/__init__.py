"""Every question of the pages that has no method of its own, typed, by subject.

Pages say `calls.ledger.periods(api)`. None of these may show or remember anything.
"""

from payments_ui.calls import approvals, events, invoices, ledger, operations, payments, views, wallets

__all__ = ["approvals", "events", "invoices", "ledger", "operations", "payments", "views", "wallets"]
