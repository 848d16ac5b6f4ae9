"""Direct payments: taken one by one or by the thousand, shown with their reconciliation.

Must not reconcile; that is the worker's.
"""
