"""Outgoing events: signing, the rules of telling, and their SQL. Must not talk to anybody."""
