"""Resolves the workspace's requirements into one hash-pinned lock, and tells whether it still satisfies them.

Must not install anything: `bootstrap.py` does that, from the lock alone.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

OLDEST_PYTHON = "3.11"
HEADER = (
    "# Names, versions and hashes of everything the workspace installs. Made by\n"
    "# `./dev lock`; not edited by hand.\n"
)


class LockError(Exception):
    """The lock could not be made; the message is the resolver's own."""


@dataclass(frozen=True)
class Package:
    """What one pyproject of the workspace asks for."""

    name: str
    version: str
    folder: Path
    extras: tuple[str, ...]
    requirements: tuple[Requirement, ...]


def packages(root: Path) -> list[Package]:
    """The packages of the workspace, every extra and dependency group included, sorted by folder."""
    return [_package(path) for path in sorted(root.glob("*/pyproject.toml"))]


def _package(path: Path) -> Package:
    document: dict[str, Any] = tomllib.loads(path.read_text())
    project = document["project"]
    extras: dict[str, list[str]] = project.get("optional-dependencies", {})
    groups: dict[str, list[str | dict[str, str]]] = document.get("dependency-groups", {})
    asked = [*project.get("dependencies", [])]
    asked += [line for lines in extras.values() for line in lines]
    asked += [line for lines in groups.values() for line in lines if isinstance(line, str)]
    asked += document.get("build-system", {}).get("requires", [])
    return Package(
        name=canonicalize_name(project["name"]),
        version=project["version"],
        folder=path.parent,
        extras=tuple(extras),
        requirements=tuple(Requirement(line) for line in asked),
    )


def requested(root: Path) -> list[Requirement]:
    """Every requirement from outside the workspace: those of its packages and of `requirements.in`."""
    ours = {package.name for package in packages(root)}
    lines = (line.split("#")[0].strip() for line in (root / "requirements.in").read_text().splitlines())
    everything = [Requirement(line) for line in lines if line]
    everything += [requirement for package in packages(root) for requirement in package.requirements]
    return [requirement for requirement in everything if canonicalize_name(requirement.name) not in ours]


def make(root: Path, *, upgrade: bool = False) -> Path:
    """Write `requirements.lock` for Linux and macOS, Python 3.11 and later. Raises LockError."""
    uv = shutil.which("uv", path=str(Path(sys.executable).parent)) or shutil.which("uv")
    if uv is None:
        raise LockError("uv is not installed in .venv: run ./dev install")
    target = root / "requirements.lock"
    with tempfile.TemporaryDirectory() as folder:
        wanted = Path(folder) / "requirements.in"
        wanted.write_text("".join(sorted({f"{requirement}\n" for requirement in requested(root)})))
        result = Path(folder) / "requirements.lock"
        if target.exists() and not upgrade:
            result.write_text(target.read_text())
        command = [
            uv,
            "pip",
            "compile",
            "--quiet",
            "--universal",
            "--generate-hashes",
            "--no-annotate",
            "--no-header",
        ]
        command += ["--no-emit-index-url", "--python-version", OLDEST_PYTHON, str(wanted), "-o", str(result)]
        done = subprocess.run(command, capture_output=True, text=True, cwd=folder)
        if done.returncode:
            raise LockError(done.stderr.strip() or "uv could not resolve the requirements")
        target.write_text(HEADER + result.read_text().removeprefix(HEADER))
    return target


def unsatisfied(root: Path) -> list[str]:
    """One line per requirement that the lock does not meet on this Python; empty when all is well."""
    pinned = _pins((root / "requirements.lock").read_text())
    ours = {package.name: package.version for package in packages(root)}
    problems = [
        f"{requirement}: {found or 'not in the lock'}"
        for requirement in requested(root)
        if _applies(requirement)
        and not (
            (found := pinned.get(canonicalize_name(requirement.name)))
            and requirement.specifier.contains(found)
        )
    ]
    for package in packages(root):
        problems += [
            f"{package.name} asks for {requirement}, the workspace has {ours[name]}"
            for requirement in package.requirements
            if (name := canonicalize_name(requirement.name)) in ours
            and not requirement.specifier.contains(ours[name])
        ]
    return problems


def _applies(requirement: Requirement) -> bool:
    return requirement.marker is None or requirement.marker.evaluate({"extra": ""})


def _pins(lock: str) -> dict[str, Version]:
    """The versions that the lock names for this Python and platform."""
    pins: dict[str, Version] = {}
    for line in re.findall(r"^(\S+==[^\\\n]+?)\s*\\?$", lock, re.MULTILINE):
        requirement = Requirement(line)
        if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
            (pin,) = requirement.specifier
            pins[canonicalize_name(requirement.name)] = Version(pin.version)
    return pins
