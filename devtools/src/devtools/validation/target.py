"""Finds what to validate: what the environment names, else what runs in this workspace. Asks nobody."""

from __future__ import annotations

import os
from collections.abc import Mapping

from devtools import environment
from devtools.manifest import load
from devtools.manifest.model import Overlay
from devtools.postgres.place import leased_ports, place_of
from devtools.postgres.run import running_url
from devtools.validation.world import World
from devtools.workspace import Workspace

API_PORT = "api"  # its name in workspace.yaml
DEFAULT_API_PORT = 3001


def world_of(workspace: Workspace) -> World:
    """This workspace; whatever the user's DATABASE_URL and PAYMENTS_API_URL name comes first."""
    named = environment.user_environment(workspace) if workspace.file else dict(os.environ)
    overlay = load.of(workspace)[1] if workspace.file else Overlay()
    api_port = leased_ports(workspace, overlay).get(API_PORT, DEFAULT_API_PORT)
    return World(
        api_url=named.get("PAYMENTS_API_URL") or f"http://127.0.0.1:{api_port}",
        database_url=_database_url(workspace, named),
        logs=workspace.state_dir / "logs" if workspace.file else None,
        token=named.get("PAYMENTS_API_TOKEN", ""),
    )


def _database_url(workspace: Workspace, named: Mapping[str, str]) -> str:
    if environment.has_external_database(named) or workspace.file is None:
        return environment.database_url(named) or "postgresql://payments_app@127.0.0.1:5432/payments"
    return running_url(place_of(workspace))
