"""Turns the two files into a plan: overlay merged over the format, defaults filled in, ports named.

It must not start or probe anything.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from devtools import environment as env
from devtools.manifest.containers import Containers
from devtools.manifest.load import edges_of
from devtools.manifest.model import Automations, Overlay, ProbeText, RunsOn, Service, ServiceOverlay, Task
from devtools.plan import (
    DEFAULT_READY_DEADLINE_S,
    FORMAT_GRACE_S,
    TASK_GRACE_S,
    Definition,
    Part,
    Plan,
    Probe,
)
from devtools.repositories import packages

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from devtools.workspace import Workspace


def resolve(
    workspace: Workspace,
    automations: Automations,
    overlay: Overlay,
    ports: Mapping[str, int],
    user: Mapping[str, str],
    containers: Containers | None = None,
) -> Plan:
    """The plan of a workspace whose ports are already chosen; `user` is the user's own environment."""
    engine = containers or Containers()
    edges = edges_of(automations, overlay)
    children = env.child_environment(workspace, user, ports, overlay.database)
    external = overlay.database.service if overlay.database and env.has_external_database(user) else None
    definitions: dict[str, Definition] = {}
    for name, service in automations.services.items():
        extra = overlay.services.get(name, ServiceOverlay())
        reason = "external database" if name == external else ""
        for definition in _replicas(workspace, service, extra, edges[name], ports, reason):
            definitions[definition.id] = _contained(definition, service.runs_on, engine)
    for name, task in automations.tasks.items():
        extra = overlay.tasks.get(name, ServiceOverlay())
        definitions[name] = _contained(
            _task(workspace, task, extra, edges[name], ports), task.runs_on, engine
        )
    definitions = {name: _on_replicas(item, overlay) for name, item in definitions.items()}
    return Plan(
        name=overlay.workspace or workspace.root.name,
        root=str(workspace.root),
        definitions=definitions,
        environment=children,
        ports=dict(ports),
        urls=_urls(overlay, ports),
        database_url=env.database_url(children) if overlay.database else None,
        parts=_parts(workspace, overlay),
    )


def _parts(workspace: Workspace, overlay: Overlay) -> dict[str, Part]:
    """The repositories, with what each builds on; none where nothing says which of them it runs."""
    everything = overlay.repositories
    if not any(extra.repositories for extra in (*overlay.services.values(), *overlay.tasks.values())):
        return {}
    named = {name: item.builds_on for name, item in everything.items()}
    needs = packages.needs({name: workspace.root / item.path for name, item in everything.items()}, named)
    return {
        name: Part(item.path.strip("/").removeprefix("./"), item.sources, tuple(needs[name]))
        for name, item in everything.items()
    }


def _replicas(
    workspace: Workspace,
    service: Service,
    extra: ServiceOverlay,
    dependencies: dict[str, str],
    ports: Mapping[str, int],
    external: str,
) -> Iterator[Definition]:
    """The service as often as it is wanted: the first keeps its id and ports, the others are ID-2, ID-3 …"""
    for copy in range(1, max(extra.replicas, 1) + 1):
        own = {
            **ports,
            **{port: ports.get(f"{port}-{copy}", ports[port]) for port in extra.ports if port in ports},
        }
        made = _service(workspace, service, extra, dependencies, ports if copy == 1 else own, external)
        if extra.replicas > 1:
            made = replace(made, env={**made.env, "DEVTOOLS_REPLICA": str(copy)})
        if copy > 1:
            name = f"{made.name} {copy}"
            made = replace(made, id=f"{made.id}-{copy}", name=name, replica_of=service.id)
        if extra.replicas == 0:
            made = replace(made, triggers=(), refused="has no replicas (`replicas: 0`)")
        yield made


def _on_replicas(definition: Definition, overlay: Overlay) -> Definition:
    """Who depends on a service depends on all of its replicas."""
    dependencies: dict[str, str] = {}
    for name, condition in definition.dependencies.items():
        dependencies[name] = condition
        extra = overlay.services.get(name)
        for copy in range(2, (extra.replicas if extra else 1) + 1):
            dependencies[f"{name}-{copy}"] = condition
    return replace(definition, dependencies=dependencies)


def _service(
    workspace: Workspace,
    service: Service,
    extra: ServiceOverlay,
    dependencies: dict[str, str],
    ports: Mapping[str, int],
    external: str,
) -> Definition:
    ready, deadline = None, service.readiness_timeout_s or DEFAULT_READY_DEADLINE_S
    if extra.ready is not None:
        ready = _probe(extra.ready, ports, timeout_s=10.0 if extra.ready.kind == "exec" else 2.0)
        deadline = extra.ready.timeout_s or deadline
    elif service.ready:
        ready = Probe("exec", command=service.ready, timeout_s=10.0)
    live = None
    if extra.live is not None:
        live = _probe(extra.live, ports, timeout_s=extra.live.timeout_s or 5.0)
    grace = FORMAT_GRACE_S if extra.stop_grace_s is None else extra.stop_grace_s
    return Definition(
        id=service.id,
        kind="service",
        name=service.name,
        description=service.description,
        command=service.start,
        dependencies=dict(dependencies),
        triggers=service.triggered_by,
        env=_env(workspace, extra, ports),
        ports=tuple(env.port_number(name, ports) for name in extra.ports),
        ready=ready,
        ready_deadline_s=deadline,
        live=live,
        stop_command=service.stop or "",
        stop_signal=extra.stop_signal or "SIGTERM",
        grace_s=grace,
        restart_policy=extra.restart_policy or "never",
        restart_backoff_s=extra.restart_backoff_s,
        restart_max=extra.restart_max,
        external=external,
        role=service.role,
        watch=extra.watch,
        repositories=extra.repositories,
        restart_with=extra.restart_with,
        profiles=extra.profiles,
    )


def _task(
    workspace: Workspace,
    task: Task,
    extra: ServiceOverlay,
    dependencies: dict[str, str],
    ports: Mapping[str, int],
) -> Definition:
    return Definition(
        id=task.id,
        kind="task",
        name=task.name,
        description=task.description,
        command=task.command,
        dependencies=dict(dependencies),
        triggers=task.triggered_by,
        env=_env(workspace, extra, ports),
        grace_s=TASK_GRACE_S,
        repositories=extra.repositories,
        profiles=extra.profiles,
    )


def _env(workspace: Workspace, extra: ServiceOverlay, ports: Mapping[str, int]) -> dict[str, str]:
    found: dict[str, str] = {}
    for name in extra.env_files:
        found.update(env.read_env_file(workspace.root / name, required=Path(name).name != ".env"))
    found.update({name: env.expand(value, ports) for name, value in extra.env.items()})
    return found


def _probe(probe: ProbeText, ports: Mapping[str, int], timeout_s: float) -> Probe:
    return Probe(
        kind=probe.kind,
        command=probe.command,
        host=probe.host,
        port=env.port_number(probe.port, ports) if probe.port else 0,
        path=probe.path,
        status_low=probe.status[0],
        status_high=probe.status[1],
        pattern=probe.pattern,
        timeout_s=timeout_s,
        interval_s=probe.interval_s,
    )


def _contained(definition: Definition, runs_on: RunsOn | None, engine: Containers) -> Definition:
    """The definition with its commands in a container, where the format wants that."""
    if runs_on is None or runs_on.kind != "docker" or definition.refused:
        return definition
    if refused := engine.refused(runs_on):
        return replace(definition, refused=refused)
    name, ready = definition.id, definition.ready
    if ready is not None and ready.kind == "exec":
        ready = replace(ready, command=engine.inside(name, ready.command))
    return replace(
        definition,
        command=engine.start(name, definition.command, runs_on, definition.env),
        ready=ready,
        # A signal would reach the engine's client only; killed, it leaves the container behind.
        stop_command=engine.stop(name, definition.stop_command, definition.grace_s),
        clear_command=engine.removal(name),
    )


def _urls(overlay: Overlay, ports: Mapping[str, int]) -> dict[str, str]:
    """Service → URL, for every service that the overlay asks over HTTP."""
    found: dict[str, str] = {}
    for name, extra in overlay.services.items():
        if extra.ready is not None and extra.ready.kind == "http":
            found[name] = f"http://127.0.0.1:{env.port_number(extra.ready.port, ports)}"
    return found
