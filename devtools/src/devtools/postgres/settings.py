"""How the server is set: durable for the workspace, fast and forgetful for tests. Starts nothing."""

from __future__ import annotations

from pathlib import Path

from devtools.postgres.credentials import HOST

_COMMON = {
    "listen_addresses": HOST,
    "max_connections": "200",
    "shared_buffers": "256MB",
    "work_mem": "8MB",
    "maintenance_work_mem": "128MB",
    "effective_cache_size": "1GB",
    "random_page_cost": "1.1",  # solid state
    "jit": "off",  # statements here are short: compiling them costs more than it saves
    "log_line_prefix": "%m [%p] %q%u@%d ",
    "log_lock_waits": "on",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "autovacuum_naptime": "20s",  # queue tables turn over fast
}

DURABLE = {
    **_COMMON,
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
    "wal_level": "replica",
    "max_wal_size": "2GB",
    "checkpoint_timeout": "15min",
    "log_checkpoints": "off",
}

THROW_AWAY = {
    **_COMMON,
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_wal_size": "4GB",
    "log_checkpoints": "off",
}


def arguments(settings: dict[str, str], port: int, socket_folder: Path | None) -> list[str]:
    """The server's command line for these settings."""
    placed = {"port": str(port), "unix_socket_directories": str(socket_folder or "")}
    return [part for name, value in (settings | placed).items() for part in ("-c", f"{name}={value}")]
