"""Dramatiq on Postgres: the broker and what keeps its messages alive.

Knows nothing of payments: any Dramatiq program could use this package.
"""
