"""Outgoing events: told to those who subscribed. Must not record an event of money."""
