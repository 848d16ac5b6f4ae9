"""Card payments: what may happen to one, what that posts, and how it is stored.

Must not be imported by another capability.
"""
