"""What a save reaches, told by a plan alone: repositories, services, tasks, and who goes with them."""

from __future__ import annotations

from devtools.plan import Definition, Part, Plan
from devtools.supervisor import reach


def a_plan(**more: Part) -> Plan:
    """schema ← api, worker; api ← gate; a page of its own; migrate runs schema's migrations."""
    nodes = [
        Definition("postgres", "service", "P", "x"),
        Definition("migrate", "task", "M", "x", repositories=("schema",)),
        Definition("api", "service", "A", "x", {"migrate": "completed"}, repositories=("api",)),
        Definition("worker", "service", "W", "x", repositories=("worker",)),
        Definition("gate", "service", "G", "x", repositories=("gate",)),
        Definition("page", "service", "U", "x", {"api": "ready"}, repositories=("page",)),
        Definition("proxy", "service", "X", "x", restart_with=("page", "gate")),
        Definition("proxied", "service", "Y", "x", restart_with=("proxy",)),
    ]
    parts = {
        "schema": Part("schema"),
        "api": Part("api", needs=("schema",)),
        "worker": Part("worker", needs=("schema",)),
        "gate": Part("edge/gate", needs=("api",)),
        "page": Part("page"),
        "tools": Part("tools", needs=("schema",)),
        **more,
    }
    return Plan("w", "/w", {node.id: node for node in nodes}, {}, {}, parts=parts)


def reached(*paths: str) -> tuple[list[str], list[str]]:
    found = reach.of(a_plan(), paths)
    return list(found.services), list(found.tasks)


def test_a_save_reaches_all_that_builds_on_its_repository_and_nothing_else():
    assert reached("schema/src/money.py") == (["api", "worker", "gate", "proxy", "proxied"], [])
    assert reached("worker/src/main.py") == (["worker"], [])
    assert reached("tools/src/main.py", "README.md", "schemas/x.py") == ([], [])


def test_who_only_depends_on_it_while_it_runs_is_left_alone_unless_it_says_so():
    assert reached("api/src/app.py") == (["api", "gate", "proxy", "proxied"], [])  # not the page
    assert reached("page/app.py") == (["page", "proxy", "proxied"], [])


def test_a_migration_runs_the_task_of_its_own_repository_again():
    assert reached("schema/src/db/migrations/2.sql")[1] == ["migrate"]
    assert reached("api/migrations/2.sql")[1] == []
    assert reached("schema/src/migrations.py")[1] == []


def test_every_one_has_the_file_that_is_to_blame():
    found = reach.of(a_plan(), ["schema/src/a.py", "schema/migrations/2.sql", "api/b.py"])
    assert found.tasks == {"migrate": "schema/migrations/2.sql"}
    assert found.services["worker"] == "schema/src/a.py"


def test_a_path_belongs_to_the_innermost_repository():
    plan = a_plan(all=Part("."), inner=Part("api/inner"))
    assert reach.part_of(plan, "api/inner/x.py") == "inner"
    assert reach.part_of(plan, "api/x.py") == "api"
    assert reach.part_of(plan, "x.py") == "all"


def test_it_is_told_what_each_save_would_restart():
    assert reach.told(a_plan()) == {
        "schema": "api, worker, gate, proxy, proxied; migrate where a migration changes",
        "api": "api, gate, proxy, proxied",
        "worker": "worker",
        "gate": "gate, proxy, proxied",
        "page": "page, proxy, proxied",
    }
