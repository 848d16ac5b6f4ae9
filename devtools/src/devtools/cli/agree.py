"""Agreement before a command starts anything of a repository that devtools cloned, in devtools' own words.

It must cost nothing where devtools cloned nothing, and never start anything itself.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from devtools import console, trust
from devtools.errors import WrongUse

if TYPE_CHECKING:
    from collections.abc import Iterator

    from devtools.manifest.model import Automations, Overlay, ProbeText, RunsOn, ServiceOverlay
    from devtools.session import Session


def agree(session: Session, what: str, *, trusted: bool = False) -> None:
    """Return once all that may run is agreed to; raises WrongUse. what: the command to call with --trust."""
    try:
        trust.agree(brought(session), trusted=trusted, say=console.say)
    except trust.NotAgreed as fault:
        hint = f"`devtools {what} --trust` agrees to them without a question"
        raise WrongUse(str(fault), hint=hint) from None


def brought(session: Session) -> list[trust.Brought]:
    """The cloned repositories that the workspace is made of, and the one that it lies in."""
    root = session.workspace.root
    found = trust.parts(root, [item.path for item in session.files[1].repositories.values()])
    if place := trust.around(root):
        folder, url = place
        own = [*_of_the_files(*session.files), *_of_its_settings(session), *trust.commands_of(root, root)]
        found.append(trust.Brought(folder.name, url, own))
    return [replace(item, commands=[_remarked(command) for command in item.commands]) for item in found]


def _remarked(command: trust.Command) -> trust.Command:
    from devtools.manifest.warnings import destroys

    return replace(command, remark="destroys data when it runs") if destroys(command.text) else command


def _of_the_files(automations: Automations, overlay: Overlay) -> Iterator[trust.Command]:
    """All that the workspace's two files have run, where another hand than the user's wrote them."""
    for name, service in automations.services.items():
        yield from _command(f"{name} starts", service.start, service.runs_on)
        yield from _command(f"{name} is ready by", service.ready, service.runs_on)
        yield from _command(f"{name} stops by", service.stop, service.runs_on)
    for name, task in automations.tasks.items():
        yield from _command(f"{name} runs", task.command, task.runs_on)
    for name, extra in [*overlay.services.items(), *overlay.tasks.items()]:
        yield from _of_overlay(name, extra)
    for name, command in overlay.commands.items():
        yield trust.Command(f"devtools {name} runs: {' '.join(command.words)}")
    for name, repository in overlay.repositories.items():
        if repository.test:
            yield trust.Command(f"{name} is tested by: {repository.test}")


def _of_overlay(name: str, extra: ServiceOverlay) -> Iterator[trust.Command]:
    probes: dict[str, ProbeText | None] = {"is ready by": extra.ready, "lives by": extra.live}
    for word, probe in probes.items():
        yield from _command(f"{name} {word}", probe.command if probe else None)
    for variable, value in extra.env.items():
        yield trust.Command(f"{name} is told {variable}={value}")


def _command(words: str, command: str | None, runs_on: RunsOn | None = None) -> Iterator[trust.Command]:
    if command:
        where = f" (in a container of {runs_on.image})" if runs_on and runs_on.image else ""
        text = command.strip()
        yield trust.Command(f"{words}{where}:\n{text}" if "\n" in text else f"{words}{where}: {text}")


def _of_its_settings(session: Session) -> Iterator[trust.Command]:
    """Files of variables: one of them may name a program that a shell runs first."""
    overlay = session.files[1]
    extras = [*overlay.services.values(), *overlay.tasks.values()]
    for name in dict.fromkeys([".env", *(name for extra in extras for name in extra.env_files)]):
        file = session.workspace.root / name
        if file.is_file():
            yield trust.Command(f"variables of {name}", file.read_text(errors="replace"))
