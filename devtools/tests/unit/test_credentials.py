"""What programs are told of the database, before there is a server."""

from __future__ import annotations

import stat
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from devtools.postgres import environment
from devtools.postgres.credentials import password


@dataclass(frozen=True)
class Spec:
    name: str = "shop"
    owner: str = "shop_owner"
    user: str = "shop_app"


def test_the_environment_names_both_roles_and_stays_the_same(tmp_path):
    told = environment(Spec(), tmp_path, 5999)
    assert told["DATABASE_URL"].startswith("postgresql://shop_app:")
    assert told["DATABASE_URL"].endswith("@127.0.0.1:5999/shop")
    assert told["MIGRATION_DATABASE_URL"].startswith("postgresql://shop_owner:")
    assert told["PGPASSWORD"] in told["DATABASE_URL"]
    assert environment(Spec(), tmp_path, 5999) == told


def test_a_password_file_is_private_and_made_once_by_many(tmp_path):
    with ThreadPoolExecutor(8) as pool:
        found = set(pool.map(lambda _: password(tmp_path, "role"), range(50)))
    assert len(found) == 1
    (file,) = (tmp_path / "passwords").iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
