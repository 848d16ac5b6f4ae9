"""`devtools why SERVICE`: the chain of blockers, down to what holds everything up.

It must answer also where nothing runs.
"""

from __future__ import annotations

from typing import Annotated

import typer

from devtools import console
from devtools.cli.explain import chain, explain
from devtools.cli.shapes import idle_status
from devtools.errors import WrongUse
from devtools.manifest.shape import did_you_mean
from devtools.session import open_session


def command(
    name: Annotated[str, typer.Argument(metavar="SERVICE")],
    as_json: Annotated[bool, typer.Option("--json", help="JSON on stdout.")] = False,
) -> int:
    """Explain why a service or task is where it is."""
    session = open_session()
    status = session.status()
    if status is None or not status["nodes"]:
        status = idle_status(session.plan())
    nodes = {node["id"]: node for node in status["nodes"]}
    if name not in nodes:
        hint = did_you_mean(name, nodes) or f"known: {', '.join(nodes)}"
        raise WrongUse(f"nothing is called `{name}`", hint=hint)
    links = chain(nodes, name)
    if as_json:
        console.out_json(
            {"chain": [{**nodes[link], "explanation": explain(session, nodes[link])} for link in links]}
        )
        return 0
    if len(links) > 1:
        console.out(" ← ".join(links))
    for link in links:
        for line in explain(session, nodes[link]):
            console.out(line)
    return 0
