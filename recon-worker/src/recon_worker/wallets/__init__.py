"""Mobile-money payments, the part that nobody waits for: routed, checked, sent, followed, settled, compared.

Must not call a provider inside a transaction.
"""
