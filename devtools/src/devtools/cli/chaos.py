"""`devtools chaos`: break a world of its own by a seed, certify what survived. Must not touch another one."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from devtools import console
from devtools.errors import WrongUse


def command(
    seed: Annotated[int, typer.Option(help="The same seed replays the same faults and the same load.")] = 1,
    scenario: Annotated[str, typer.Option(help="What is done meanwhile: direct, cards, …")] = "direct",
    minutes: Annotated[
        float, typer.Option(help="How long faults strike; at least each kind once.", min=0.0, max=600.0)
    ] = 1.0,
    only: Annotated[
        str | None, typer.Option("--faults", metavar="KIND,…", help="Only these kinds of fault.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False,
) -> int:
    """Strike seeded faults under load; exit 1 where anything acknowledged was lost, doubled or misbooked."""
    from devtools.chaos import run, scenarios
    from devtools.chaos.plan import KINDS
    from devtools.workspace import locate

    made = scenarios.make(scenario)
    if made is None:
        raise WrongUse(f"no scenario is called {scenario}", hint=f"one of {', '.join(scenarios.names())}")
    kinds = KINDS if only is None else tuple(only.split(","))
    for kind in kinds:
        if kind not in KINDS:
            raise WrongUse(f"no fault is called {kind}", hint=f"some of {', '.join(KINDS)}")
    workspace = locate()
    certificate = run.run(run.Wanted(seed, minutes, made, kinds), workspace.state_dir, console.say)
    if as_json:
        console.out_json(certificate)
    else:
        _show(certificate)
    return 0 if certificate["holds"] else 1


def _show(certificate: dict[str, Any]) -> None:
    console.table(
        ["#", "FAULT", "RECOVERED", "PROOF"],
        [
            [str(f["number"]), f["kind"], f"{f['recovered_s']:.2f} s", f["proof"]]
            for f in certificate["faults"]
        ],
    )
    console.out()
    for section in ("load", "findings"):
        for name, count in certificate[section].items():
            console.out(f"  {name.replace('_', ' ').ljust(28)} {count:>10,}")
    for failure in certificate["failures"]:
        console.out(f"  ✗ {failure}")
    verdict = "nothing was lost, doubled or misbooked" if certificate["holds"] else "THE SYSTEM DID NOT HOLD"
    console.out(f"seed {certificate['seed']}, plan {certificate['plan']}: {verdict}")
