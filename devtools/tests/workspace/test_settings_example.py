"""`.env.example` holds every setting of every program with its default: made from the settings themselves.

`UPDATE_GOLDEN=1` writes it anew.
"""

from __future__ import annotations

import os
from enum import StrEnum
from importlib import import_module
from typing import Any

from pydantic import SecretStr

HEAD = """\
# Every setting, with its default. Copy to .env what differs: `./dev up`, docker-compose.yml and the dev
# container all read it, and what the shell sets wins. A bad value is one clear line and exit 2.

## the workspace
# A server of your own; then no embedded Postgres is started. PGHOST, PGPORT, PGDATABASE, PGUSER and
# PGPASSWORD do the same.
#DATABASE_URL=postgresql://user:password@host:5432/payments
# The role that owns the objects, for migrations; default: DATABASE_URL.
#MIGRATION_DATABASE_URL=
# Where sibling repositories are cloned from when they are missing.
#PAYMENTS_GIT_BASE=
# A superuser's URL for the tests; default: a throw-away server that `./dev test` starts.
#TEST_DATABASE_URL=
# Which Python .venv is made with, and by which installer (uv or pip).
#DEV_PYTHON=python3
#DEV_INSTALLER=uv

## docker-compose.yml alone
# Programs listen beyond loopback there, so AUTH_MODE=jwt is in force: JWT_SECRET, AIRTELTIGO_SHARED_KEY and
# PAYMENTS_API_TOKEN, too.
#POSTGRES_PASSWORD=
#POSTGRES_PORT=5432
#API_PORT=3001
#UI_PORT=3000
#PGADMIN_PORT=5050
#PGADMIN_EMAIL=operator@example.com
"""
PROGRAMS = {"payments-api": "payments_api", "recon-worker": "recon_worker", "payments-ui": "payments_ui"}


def _default(value: Any) -> str:
    if isinstance(value, StrEnum):
        return value.value
    if isinstance(value, tuple):
        return ",".join(value)
    if isinstance(value, SecretStr):
        return value.get_secret_value()  # only a sandbox has a default
    if isinstance(value, bool):
        return str(value).lower()
    return "" if value is None else str(value).removesuffix("/")


def _section(program: str, module: str) -> str:
    fields = dict(import_module(f"{module}.settings").Settings.model_fields)
    if module == "recon_worker":
        fields |= import_module("recon_worker.wallets.settings").WalletSettings.model_fields
    lines = [f"\n## {program}"]
    for name, field in fields.items():
        if field.description:
            lines.append(f"# {field.description}")
        lines.append(f"#{name.upper()}={_default(field.default)}")
    return "\n".join(lines) + "\n"


def test_the_example_agrees_with_the_settings_of_every_program(root):
    wanted = HEAD + "".join(_section(program, module) for program, module in PROGRAMS.items())
    file = root / ".env.example"
    if os.environ.get("UPDATE_GOLDEN"):
        file.write_text(wanted)
    assert file.read_text() == wanted, "UPDATE_GOLDEN=1 writes .env.example anew"


def test_what_the_example_says_is_only_comments(root):
    lines = (root / ".env.example").read_text().splitlines()
    assert all(not line or line.startswith("#") for line in lines), "copied whole, it changes nothing"
