"""The commands that devtools itself understands: a table of names, their files and their lines in --help.

It must not import a command: the manifest reads the names too, and knows nothing of the command line.
"""

from __future__ import annotations

from typing import NamedTuple


class Entry(NamedTuple):
    """Where a command lives (`module:attribute`, a `typer.Typer` or a function) and its line in --help."""

    target: str
    summary: str
    hidden: bool = False


# Several names may share one target. Modules are imported only when their command runs.
COMMANDS: dict[str, Entry] = {
    "init": Entry("devtools.cli.automations:init", "Write a first automations.yaml from what is here."),
    "up": Entry("devtools.cli.up:command", "Start the workspace, prove it ready, validate it."),
    "down": Entry("devtools.cli.down:command", "Stop everything and leave nothing behind."),
    "status": Entry("devtools.cli.status:command", "Show services, tasks, URLs and the database."),
    "view": Entry("devtools.cli.view:command", "Everything on one screen: state, logs, start-up, actions."),
    "logs": Entry("devtools.cli.logs:command", "Show the logs of all or some services and tasks."),
    "restart": Entry("devtools.cli.restart:command", "Restart services."),
    "why": Entry("devtools.cli.why:command", "Explain why a service or task is not ready."),
    "timeline": Entry("devtools.cli.timeline:command", "Show where start-up time went, and hold a budget."),
    "doctor": Entry(
        "devtools.cli.doctor:command", "Find what is wrong here, name the mend, mend what is safe."
    ),
    "trigger": Entry("devtools.cli.trigger:command", "Start what a trigger of the platform names."),
    "wait": Entry("devtools.cli.await_:wait", "Wait until services are ready and tasks have succeeded."),
    "attach": Entry("devtools.cli.attach:command", "Watch what happens and what is logged; Ctrl-C detaches."),
    "await": Entry("devtools.cli.await_:command", "Wait until services are ready (for start commands)."),
    "exec": Entry("devtools.cli.exec:command", "Run a command in the workspace's environment."),
    "automations": Entry(
        "devtools.cli.automations:app", "Services and tasks, in the words of Ona and Gitpod."
    ),
    "auto": Entry("devtools.cli.automations:app", "Short for automations.", hidden=True),
    "service": Entry("devtools.cli.service:app", "List, start, stop, restart services and read their logs."),
    "task": Entry("devtools.cli.task:app", "List, start, stop tasks and read their logs."),
    "repos": Entry("devtools.cli.repos:app", "The repositories of the workspace."),
    "change": Entry("devtools.cli.change:app", "One change over several repositories."),
    "instance": Entry("devtools.cli.instance:app", "Isolated copies of the workspace, side by side."),
    # room "workspace"
    "postgres": Entry("devtools.cli.postgres:app", "The embedded Postgres."),
    "validate": Entry("devtools.cli.validate:command", "Prove the workspace by its seven steps."),
    "bench": Entry("devtools.cli.bench:command", "Measure, with ratios in the same run."),
    "chaos": Entry("devtools.cli.chaos:command", "Strike seeded faults, and certify what survived."),
    "test": Entry("devtools.cli.test:command", "Every test of every repository."),
    "check": Entry("devtools.cli.test:check", "The fast half of test: linters and types."),
    "install": Entry("devtools.cli.install:command", "Install what the lock names."),
    "lock": Entry("devtools.cli.install:lock", "Resolve all requirements into the lock anew."),
}

TRUST = "Agree to the commands of repositories that devtools cloned, without a question."
"""What `--trust` says of itself, wherever it is taken."""

VERBS = frozenset({*COMMANDS, "help", "version", "platform"})
"""What a workspace's own command cannot be called."""
