"""Fixtures every test may use; must not start anything by itself."""

from __future__ import annotations

pytest_plugins = ["payments_schema.testing"]
