"""Who may log in to the workspace's database, with which password, and how programs are told.

Must not start or ask a server: the supervisor needs the answers before there is one.
"""

from __future__ import annotations

import os
import secrets
from pathlib import Path
from typing import Protocol

HOST = "127.0.0.1"
SUPERUSER = "postgres"


class DatabaseSpec(Protocol):
    """The key `database` of workspace.yaml, as far as a cluster is concerned."""

    @property
    def name(self) -> str: ...
    @property
    def owner(self) -> str: ...
    @property
    def user(self) -> str: ...


def password(state_dir: Path, role: str) -> str:
    """The role's password, made on first use and kept in a file that only its owner may read."""
    folder = state_dir / "passwords"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    file = folder / role
    if not file.exists():
        fresh = folder / f".{role}.{os.getpid()}.{secrets.token_hex(4)}"
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as handle:
            handle.write(secrets.token_urlsafe(24))
        try:
            os.link(fresh, file)  # unlike a rename, this loses to whoever came first
        except FileExistsError:
            pass
        finally:
            fresh.unlink()
    return file.read_text().strip()


def url(state_dir: Path, role: str, database: str, port: int) -> str:
    """The address by which `role` reaches `database` over TCP."""
    return f"postgresql://{role}:{password(state_dir, role)}@{HOST}:{port}/{database}"


def environment(spec: DatabaseSpec, state_dir: Path, port: int) -> dict[str, str]:
    """What programs are told: the application role's URL, the owner's, and libpq's variables."""
    return {
        "DATABASE_URL": url(state_dir, spec.user, spec.name, port),
        "MIGRATION_DATABASE_URL": url(state_dir, spec.owner, spec.name, port),
        "PGHOST": HOST,
        "PGPORT": str(port),
        "PGDATABASE": spec.name,
        "PGUSER": spec.user,
        "PGPASSWORD": password(state_dir, spec.user),
    }
