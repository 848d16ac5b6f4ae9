"""Slots of scheduled work, each claimed once. Must not do the work."""
