"""Connections, units of work and the schema's migrations. Knows no payment and no rule."""
