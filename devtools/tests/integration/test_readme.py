"""The README's first lesson does what it says, in an empty folder."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

README = Path(__file__).parent.parent.parent / "README.md"


def test_the_commands_of_the_first_lesson_work(folder, free_port):
    block = re.search(r"```sh\n(.*?)```", README.read_text(), re.DOTALL)
    assert block is not None
    lesson = block[1].replace("pip install ./devtools\n", "").replace("8123", str(free_port))
    script = "set -e\n" + lesson.replace("devtools down ", "test -f .devtools/state.json; devtools down ")
    done = subprocess.run(
        ["bash", "-c", script],
        cwd=folder.root,
        env=folder.environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "automations.yaml  valid    0       0         1         1" in done.stdout
    assert "hello from a task" in done.stdout
    assert '"phase": "running"' in done.stdout, "the API's own answer"
    assert "everything is stopped" in done.stderr


def test_every_key_of_the_overlay_in_the_readme_is_accepted(folder):
    from devtools.manifest.load import judge

    block = re.search(r"```yaml\n(.*?)```", README.read_text(), re.DOTALL)
    assert block is not None
    folder.write(
        "services:\n  postgres: {name: P, commands: {start: x}}\n  api: {name: A, commands: {start: x}}\n"
        "tasks: {migrate: {name: M, command: x}}\n",
        block[1],
    )
    assert judge(folder.root / "automations.yaml", with_overlay=True).errors == []
