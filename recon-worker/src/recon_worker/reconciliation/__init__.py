"""Reconciliation of direct payments: the verdict on each payment, and its posting."""
