"""Invoices: what may become of them (lifecycle, movements, facts) and the SQL of it (store, inbox).

Must not know HTTP or messages.
"""
