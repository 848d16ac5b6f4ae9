"""The embedded Postgres: its binaries, its cluster, its life. Knows no schema and no program that uses it."""

from devtools.postgres.credentials import DatabaseSpec, environment

__all__ = ["DatabaseSpec", "environment"]
