"""Finds and reads the two files of a workspace, and judges them together.

It must not print: a bad file is one `WrongUse` that carries every problem.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from devtools.errors import WrongUse
from devtools.graph import cycle
from devtools.manifest.automations import read_automations
from devtools.manifest.model import Automations, Overlay
from devtools.manifest.overlay import read_overlay
from devtools.manifest.shape import MAX_ERRORS, Checker, Enough
from devtools.manifest.source import Node, Problem, read
from devtools.manifest.warnings import what_will_hurt
from devtools.workspace import Workspace, root_of

OVERLAY = "workspace.yaml"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one automations file holds and what is wrong with it."""

    file: str
    automations: Automations
    errors: list[Problem]
    warnings: list[Problem]
    overlay: Overlay

    @property
    def valid(self) -> bool:
        """True where there is no error; warnings may remain."""
        return not self.errors


class BadFile(WrongUse):
    """A file of the workspace is wrong; `problems` has every finding with its place."""

    def __init__(self, problems: list[Problem]) -> None:
        lines = "\n".join(f"  {problem}" for problem in problems)
        count = f"{len(problems)} errors" if len(problems) > 1 else "1 error"
        super().__init__(f"{problems[0].file}: {count}\n{lines}")
        self.problems = problems


def judge(
    file: Path,
    *,
    shown_as: str | None = None,
    with_overlay: bool = False,
    kept: Path | None = None,
    root: Path | None = None,
) -> Verdict:
    """Read `file` (and the overlay in `root`, default: its own folder) and note everything that is wrong."""
    name = shown_as or str(file)
    folder = root or root_of(file)
    top, problems = read(file, name, kept)
    check = Checker(name)
    check.errors.extend(problems)
    automations, overlay = Automations(), Overlay()
    try:
        automations = _automations(top, check)
        overlay_file = folder / OVERLAY
        if with_overlay and overlay_file.is_file():
            overlay = _overlay(overlay_file, automations, check, kept)
        if not check.errors:
            _cycles(automations, overlay, top, check)
    except Enough:
        told = Node("null", check.errors[-1].line, check.errors[-1].column)
        check.warn(told, "", f"judged up to here only: {MAX_ERRORS} errors are enough to begin with")
    by_place = sorted(check.errors, key=lambda found: (found.file != name, found.line, found.column))
    return Verdict(name, automations, by_place, check.warnings, overlay)


def load(file: Path, kept: Path | None = None, root: Path | None = None) -> tuple[Automations, Overlay]:
    """The files of a workspace; raises `BadFile` with all errors of both. kept: see `source.read`."""
    verdict = judge(file, shown_as=_shown(file), with_overlay=True, kept=kept, root=root)
    if verdict.errors:
        raise BadFile(verdict.errors)
    return verdict.automations, verdict.overlay


def of(workspace: Workspace) -> tuple[Automations, Overlay]:
    """The files of a workspace that has one, as `load`; text that was read before is not parsed again."""
    assert workspace.file is not None
    return load(workspace.file, workspace.state_dir / "run", workspace.root)


def edges_of(automations: Automations, overlay: Overlay) -> dict[str, dict[str, str]]:
    """Node → {dependency → condition}, of the format's own `dependsOn` and of the overlay's."""
    edges: dict[str, dict[str, str]] = {}
    for name in automations.services:
        extra = overlay.services.get(name)
        edges[name] = dict(extra.depends_on) if extra else {}
    for name, task in automations.tasks.items():
        edges[name] = {
            target: "completed" if target in automations.tasks else "ready" for target in task.depends_on
        }
        if name in overlay.tasks:
            edges[name].update(overlay.tasks[name].depends_on)
    return edges


def _automations(root: Node | None, check: Checker) -> Automations:
    if root is None:
        return Automations()
    automations = read_automations(root, check)
    if not check.errors:
        what_will_hurt(root, automations, check)
        if not automations.services and not automations.tasks:
            check.warn(root, "", "holds no service and no task")
    return automations


def _overlay(file: Path, automations: Automations, check: Checker, kept: Path | None) -> Overlay:
    root, problems = read(file, _shown(file), kept)
    own = Checker(_shown(file))
    own.errors.extend(problems)
    empty = root is not None and root.kind == "null"
    try:
        return read_overlay(root, automations, own) if root is not None and not empty else Overlay()
    finally:
        check.errors.extend(own.errors)
        check.warnings.extend(own.warnings)


def _cycles(automations: Automations, overlay: Overlay, root: Node | None, check: Checker) -> None:
    loop = cycle(edges_of(automations, overlay))
    if loop is None:
        return
    place = root or Node("mapping", 1, 1)
    for section in ("tasks", "services"):
        nodes = root.get(section) if root else None
        for key, _ in nodes.pairs if nodes else ():
            if key.text == loop[0]:
                place = key
    check.error(place, loop[0], f"depends on itself: {' → '.join(loop)}", "remove one of these dependencies")


def _shown(file: Path) -> str:
    try:
        return str(Path(os.path.realpath(file)).relative_to(os.path.realpath(".")))
    except ValueError:
        return str(file)
