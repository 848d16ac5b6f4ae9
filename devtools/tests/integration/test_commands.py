"""Commands of the workspace's own: run in its environment, with the status and the words they were given."""

from __future__ import annotations

import sys

SERVICE = "services:\n  a: {name: A, commands: {start: x}}\n"
PROGRAM = 'import os, sys; print(os.environ["DEVTOOLS_PORTS"], sys.argv[1:]); sys.exit(7)'
SHOW = f"{sys.executable} -c '{PROGRAM}'"


def test_a_command_of_the_workspace_gets_its_words_and_the_environment_and_its_status_is_its_own(folder):
    folder.write(SERVICE, f"ports: {{web: 18080}}\ncommands:\n  books: >-\n    {SHOW} --main\n")
    done = folder.run("books", "audit", "--json", "a b")
    assert done.returncode == 7, done.stderr
    assert done.stdout == "{\"web\": 18080} ['--main', 'audit', '--json', 'a b']\n"


def test_help_lists_the_commands_of_the_workspace_also_where_another_file_is_bad(folder):
    folder.write(SERVICE, "commands: {books: accounting --main}\n")
    assert "  books        Runs `accounting --main`.\n" in folder.run("--help").stdout
    folder.write(SERVICE, "commands: {status: x}\n")
    shown = folder.run("--help")
    assert shown.returncode == 0
    assert "Of this workspace" not in shown.stdout


def test_a_misspelt_command_of_the_workspace_is_suggested(folder):
    folder.write(SERVICE, "commands: {books: accounting}\n")
    done = folder.run("boks")
    assert done.returncode == 2
    assert "did you mean `devtools books`?" in done.stderr


def test_a_program_that_is_not_there_is_one_line(folder):
    folder.write(SERVICE, "commands: {books: no-such-program-of-anybody}\n")
    done = folder.run("books")
    assert done.returncode == 2
    assert done.stderr.startswith("error: no-such-program-of-anybody: ")


def test_a_name_that_devtools_has_is_an_error_with_its_place(folder):
    folder.write(SERVICE, "commands:\n  status: x\n")
    done = folder.run("status")
    assert done.returncode == 2
    assert "workspace.yaml:2:3: commands.status: devtools itself has a command `status`" in done.stderr
