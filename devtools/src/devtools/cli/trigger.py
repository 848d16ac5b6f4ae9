"""`devtools trigger NAME`: what the platform would start at that moment of an environment's life.

It must start only what the trigger names and what that depends on.
"""

from __future__ import annotations

from typing import Annotated

import typer

from devtools import console
from devtools.cli import nodes
from devtools.cli.progress import Progress
from devtools.cli.service import Trust
from devtools.cli.settle import judge, settled
from devtools.errors import WrongUse
from devtools.manifest.model import TRIGGERS
from devtools.manifest.shape import did_you_mean
from devtools.session import open_session


def command(
    name: Annotated[str, typer.Argument(metavar="NAME", help=", ".join(TRIGGERS))],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be started.")] = False,
    trust: Trust = False,
) -> int:
    """Fire a trigger: tasks run anew, services that run stay; fails where one fails that must not.

    In a prebuild only tasks with `prebuildRequiresSuccess` must not.
    """
    if name not in TRIGGERS:
        raise WrongUse(
            f"no trigger is called `{name}`", hint=did_you_mean(name, TRIGGERS) or ", ".join(TRIGGERS)
        )
    session = open_session()
    named = session.plan().triggered((name,))
    if dry_run:
        for node in named:
            console.out(node)
        return 0
    if not named:
        console.say(f"nothing is triggered by {name}")
        return 0
    ended = settled(nodes.begin(session, named, f"trigger {name}", rerun=True, trusted=trust), Progress())
    if name == "prebuild":
        optional = {task.id for task in session.files[0].tasks.values() if not task.prebuild_requires_success}
        for node in [node for node in ended if node["phase"] == "failed" and node["id"] in optional]:
            console.warn(f"{node['id']} failed: {node['reason']}; the prebuild goes on without it")
        ended = [node for node in ended if node["id"] not in optional]
    judge(ended)
    return 0
