"""Balances on the wire; the shapes live with the payments they belong to. Must not read any."""

from payments_schema.wire.payments import AccountBalance, AccountCode

__all__ = ["AccountBalance", "AccountCode"]
