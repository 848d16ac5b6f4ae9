"""Reconciliation jobs and results. Must not hold the rules that decide them."""
