"""`python -m devtools`: the same as the command `devtools`; it must not do anything else."""

from devtools.cli.app import run

run()
