"""Mobile-money payments: what may happen to one, its SQL, its movements.

Must not talk to a provider.
"""
