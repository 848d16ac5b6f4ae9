"""Opens the broker's own psycopg connections: direct, short of patience, in the application role.

Must not pool or retry: each caller knows best how long its work may wait.
"""

from __future__ import annotations

from typing import Any

import psycopg
from psycopg import Connection

# A lost host must be noticed within the lease, not after the kernel's two hours.
_KEEPALIVE: dict[str, Any] = {
    "keepalives": 1,
    "keepalives_idle": 3,
    "keepalives_interval": 2,
    "keepalives_count": 2,
    "tcp_user_timeout": 6000,
    "connect_timeout": 3,
}

_ASSUME_ROLE = """
SELECT set_config('role', rolname, false) FROM pg_roles
WHERE rolname = %(role)s AND rolname <> session_user AND pg_has_role(session_user, oid, 'MEMBER')
"""

# Nothing the queue does takes seconds; a stuck statement must not silence the heartbeat for good.
_TIMEOUTS = """
SELECT set_config('statement_timeout', '15s', false), set_config('lock_timeout', '5s', false),
       set_config('idle_in_transaction_session_timeout', '30s', false)
"""


# For heartbeats and chores: should a crash of the server forget one, it is done again. Claims and answers are
# flushed, since a forgotten claim would give its fence to a second run.
_FORGETFUL = "SELECT set_config('synchronous_commit', 'off', false)"


def connect(url: str, *, name: str, role: str | None = None, is_durable: bool = True) -> Connection[Any]:
    """Open an autocommit connection; `role` is assumed where the login may and is not it already.

    url: a libpq URL, or "" for the PG* environment. is_durable: whether a commit waits for the disk.
    Raises psycopg.OperationalError.
    """
    conn = psycopg.connect(url, autocommit=True, application_name=name, **_KEEPALIVE)
    try:
        conn.execute(_TIMEOUTS)
        if not is_durable:
            conn.execute(_FORGETFUL)
        if role is not None:
            conn.execute(_ASSUME_ROLE, {"role": role})
    except psycopg.Error:
        conn.close()
        raise
    return conn
