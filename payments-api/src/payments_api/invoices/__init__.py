"""Invoices over HTTP. Must not apply a payment: events do, in the worker."""
