"""Fixtures every test may use; must not start anything by itself."""

from __future__ import annotations

import importlib.util

pytest_plugins = [
    "payments_schema.testing" if importlib.util.find_spec("payments_schema.testing") else "tmp_plugin"
]
