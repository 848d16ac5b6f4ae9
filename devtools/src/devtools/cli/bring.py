"""The work of `up` behind its launched supervisor: files read, ports settled, the plan sent and followed.

It must leave nothing of what it started behind when it is interrupted.
"""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING, Any

from devtools import console
from devtools.cli.agree import agree
from devtools.cli.progress import Progress
from devtools.errors import FAILED, INTERRUPTED, DevtoolsError, WrongUse
from devtools.instances import before_up, told_filled
from devtools.session import TRIGGERS, Session, import_all
from devtools.supervisor import launch, reach

# An interruption is put off while this module is imported. What the session needs later is imported with it,
# because one that comes while a class is made ends Python by the signal, even where it was handled.
import_all()

if TYPE_CHECKING:
    from devtools.cli.interrupt import Interrupts
    from devtools.plan import Plan

INTERRUPTED_GRACE_S = 8.0


class Up:
    """One `up` from the clone to the last service ready; knows what to take back."""

    def __init__(
        self,
        session: Session,
        interrupts: Interrupts,
        launched: launch.Launched | None,
        *,
        quiet: bool,
        watch: bool | None = None,
    ) -> None:
        self.session = session
        self.interrupts = interrupts
        self.progress = Progress(quiet=quiet)
        self.launched = launched
        self.watch = watch
        self.watched: dict[str, str] = {}
        self.is_served = False
        self.begun: list[str] = []
        self.urls: dict[str, str] = {}
        self.database_url: str | None = None

    def bring(self, only: str, profile: str = "", *, trusted: bool = False) -> None:
        """Raises DevtoolsError where something that was to run does not."""
        try:
            before_up(self.session.workspace)
            self._clone()
            agree(self.session, "up", trusted=trusted)
            choice = self.session.choose_ports(anew=self.launched is not None)
            for note in choice.notes:
                console.warn(note)
            plan = self.session.plan(choice.ports)
            roots = roots_of(plan, only, profile)
            self.urls, self.database_url = plan.urls, plan.database_url
        except DevtoolsError:
            self._withdraw()
            raise
        told = plan.to_json()  # while the supervisor still begins
        with self.interrupts.held():
            self._serve()
        if not roots:
            console.warn("no service or task has a trigger that `up` fires; nothing to start")
        nodes: list[dict[str, Any]] | None = None
        self.watched = reach.told(plan) if self.watch else {}
        body = {"plan": told, "roots": roots, "watch": self.watch, "filled": told_filled()}
        events = self.session.client.stream("/v1/up", body)
        with self.interrupts.held():
            for event in events:
                self.progress.event(event)
                if "begun" in event:
                    self.begun = event["begun"]
                    break
        for event in events:
            self.progress.event(event)
            if "result" in event:
                nodes = event["result"]["nodes"]
        _judge(self.session, nodes)

    def _clone(self) -> None:
        root, repositories = self.session.workspace.root, self.session.files[1].repositories
        places = [root / item.path for item in repositories.values() if item.url]
        if not all(place.is_dir() and any(place.iterdir()) for place in places):
            from devtools.repositories.clone import clone_missing

            clone_missing(root, repositories, self.session.user, console.say)

    def _serve(self) -> None:
        """Wait for the supervisor that was launched, once."""
        self.is_served = True
        if self.launched is not None:
            try:
                is_ours = launch.await_ready(self.launched, self.session.workspace.state_dir)
            except DevtoolsError:
                self.launched = None
                raise
            if not is_ours:
                self.launched = None  # another command was quicker: its supervisor serves us as well

    def _withdraw(self) -> None:
        """End the supervisor that was started for a plan that cannot be made."""
        self._serve()
        if self.launched is not None:
            for _ in self.session.client.stream("/v1/down", {}):
                pass

    def undo(self) -> int:
        """Stop what this `up` started: within 10 s, at once on a second Ctrl-C."""
        console.say("interrupted: stops what was started (Ctrl-C again kills it)")
        supervisor = self.session.client
        if not self.is_served:
            self._serve()
        path = "/v1/down" if self.launched is not None else "/v1/stop"
        body = {"grace_s": INTERRUPTED_GRACE_S, "ids": self.begun}
        ended = launch.holder(self.session.workspace.state_dir) if self.launched is not None else None
        self.interrupts.then(lambda: supervisor.post("/v1/kill", {}))
        try:
            for event in supervisor.stream(path, body):
                self.progress.event(event)
        except (OSError, DevtoolsError):
            return INTERRUPTED  # no supervisor, so nothing of ours runs
        _await_gone(ended)
        return INTERRUPTED


def roots_of(plan: Plan, only: str, profile: str) -> list[str]:
    """What `up` is to start, without what that depends on; raises WrongUse for names that mean nothing."""
    if not only:
        return plan.triggered(TRIGGERS, _profiles(plan, profile))
    names = _split(only)
    for name in names:
        if name not in plan.definitions:
            from devtools.manifest.shape import did_you_mean

            hint = did_you_mean(name, plan.definitions) or f"known: {', '.join(plan.definitions)}"
            raise WrongUse(f"nothing is called `{name}`", hint=hint)
    return names


def _profiles(plan: Plan, chosen: str) -> tuple[str, ...]:
    names = _split(chosen)
    known = plan.profiles() | {"default"}
    for name in names:
        if name not in known:
            from devtools.manifest.shape import did_you_mean

            hint = did_you_mean(name, known) or f"known: {', '.join(sorted(known))}"
            raise WrongUse(f"no profile is called `{name}`", hint=hint)
    return tuple(names)


def _split(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]


def _judge(session: Session, nodes: list[dict[str, Any]] | None) -> None:
    """Raise where a node failed; a service that just ended is a warning."""
    if nodes is None:
        raise DevtoolsError("the supervisor ended in the middle of this", hint="devtools up")
    failed = [node for node in nodes if node["phase"] == "failed"]
    for node in nodes:
        if node["phase"] == "stopped":
            console.warn(f"{node['id']} is not running: {node['reason']}")
    if not failed:
        return
    from devtools.cli.explain import explain

    first = _first_cause(failed)
    for line in explain(session, first):
        console.say(line)
    text = "; ".join(f"{node['id']} failed: {node['reason']}" for node in failed)
    raise DevtoolsError(text, exit_code=FAILED, hint=f"devtools why {first['id']}")


def _first_cause(failed: list[dict[str, Any]]) -> dict[str, Any]:
    return next((node for node in failed if not node["reason"].startswith("dependency ")), failed[0])


def tell(session: Session, up: Up, as_json: bool, took_s: float) -> None:
    """What runs now, and where it answers."""
    if as_json:
        from devtools.cli.shapes import status_shape

        console.out_json(status_shape(session.status() or {}))
        return
    if not up.begun:
        console.say("everything is already running")
    else:
        console.say(f"up in {took_s:.1f} s", "bold")
    for name, url in up.urls.items():
        console.out(f"{name}  {url}")
    if up.database_url:
        console.out(f"database  {console.address(up.database_url)}")
    for name, words in up.watched.items():
        console.say(f"watches {name}: a save restarts {words}")
    if up.watch and not up.watched:
        console.warn("nothing is watched: no service in workspace.yaml says which `repository` it runs")


def _await_gone(supervisor: dict[str, Any] | None) -> None:
    if supervisor is None:
        return
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    launch.await_gone(supervisor)
