"""`validate --watch` over a real supervisor, real saves, a real database: what is run again, what is not."""

from __future__ import annotations

import json
import signal

import pytest
from devtools_waiting import until

SEVEN = {
    "payment-creation", "database-persistence", "job-queue", "worker-processing", "ledger-updates",
    "balance-endpoint", "idempotency",
}  # fmt: skip
OF_THE_WORKER = {"payment-creation", "worker-processing", "ledger-updates", "balance-endpoint"}
START = "import time\nprint('served', flush=True)\ntime.sleep(600)\n"


@pytest.fixture
def followed(folder, tiny, database_url):
    """The services api, worker and ui, each of a repository of its own; the steps ask the tiny system."""
    services, repositories, extra = [], [], []
    for name in ("api", "worker", "ui"):
        (folder.root / name / "src").mkdir(parents=True)
        (folder.root / name / "src/main.py").write_text(START)
        start = f"commands: {{start: exec python3 -u {name}/src/main.py}}"
        services.append(f"  {name}: {{name: N, triggeredBy: [postEnvironmentStart], {start}}}\n")
        repositories.append(f"  {name}: {{}}\n")
        extra.append(f"  {name}: {{repository: {name}, ready: {{log: served, timeout: 60s}}}}\n")
    overlay = f"repositories:\n{''.join(repositories)}services:\n{''.join(extra)}"
    folder.write("services:\n" + "".join(services), overlay)
    folder.environment |= {"PAYMENTS_API_URL": tiny.url, "DATABASE_URL": database_url}
    folder.up("--watch")
    return folder


def save(folder, name: str, text: str) -> None:
    """Half of it is never seen."""
    (folder.root / name / "src/.new").write_text(text)
    (folder.root / name / "src/.new").rename(folder.root / name / "src/main.py")


class Lines:
    """What a following `validate --json` has said so far, an object a line."""

    def __init__(self, words) -> None:
        self.words = words
        self.read = 0

    def next(self) -> dict:
        """Wait for one line more."""
        line = until(self._complete, f"line {self.read + 1} of {self.words.read_text()!r}")
        self.read += 1
        return json.loads(line)

    def _complete(self) -> str | None:
        whole = [line for line in self.words.read_text().split("\n")[:-1] if line.startswith("{")]
        return whole[self.read] if len(whole) > self.read else None


def ids(told: dict, key: str = "steps") -> set[str]:
    return {step["id"] for step in told[key]}


def test_a_save_runs_the_steps_again_that_it_affects(followed, tiny, tmp_path):
    process = followed.begin("validate", "--watch", "--json", words=tmp_path / "words")
    lines = Lines(tmp_path / "words")
    first = lines.next()
    assert (first["passed"], ids(first), first["left_out"], first["restarted"]) == (True, SEVEN, [], {})

    save(followed, "worker", START + "# other\n")
    told = lines.next()
    assert told["restarted"] == {"worker": "worker/src/main.py changed"}
    assert (told["passed"], ids(told)) == (True, OF_THE_WORKER)
    assert ids(told, "left_out") == SEVEN - OF_THE_WORKER
    assert {step["why"] for step in told["left_out"]} == {"touches only api, migrate, postgres"}

    save(followed, "ui", START + "# other\n")
    told = lines.next()
    assert (told["passed"], ids(told), ids(told, "left_out")) == (True, set(), SEVEN)

    tiny.defect = "no-entry"
    save(followed, "worker", START + "# worse\n")
    told = lines.next()
    assert not told["passed"]
    assert [step["id"] for step in told["steps"] if step["error"]] == ["ledger-updates", "balance-endpoint"]
    tiny.defect = ""
    followed.run("restart", "ui")  # touched by no step; what had failed is tried all the same
    told = lines.next()
    assert (told["passed"], ids(told), told["restarted"]) == (True, OF_THE_WORKER, {"ui": ""})

    save(followed, "api", "raise SystemExit('no such table')\n")
    told = lines.next()
    assert told["waits_for"] == "api"
    assert told["reason"] == "exited 1 before it was ready: no such table; a save tries it again"
    save(followed, "api", START + "# mended\n")
    told = lines.next()
    assert (told["passed"], ids(told), told["restarted"]) == (True, SEVEN, {"api": "api/src/main.py changed"})

    verdict = json.loads((followed.state / "verdict.json").read_text())
    assert (verdict["passed"], {step["id"] for step in verdict["steps"]}) == (True, SEVEN)
    process.send_signal(signal.SIGINT)
    assert process.wait(60) == 130
    assert "Traceback" not in (tmp_path / "words").read_text()


@pytest.mark.long
def test_for_people_it_says_what_was_left_out_and_ends_with_the_workspace(followed, tmp_path):
    words = tmp_path / "words"
    followed.up("--no-watch")
    process = followed.begin("validate", "--watch", words=words)
    until(lambda: "ALL VALIDATION CHECKS PASSED" in words.read_text(), "all have been run")
    assert "saves are not followed: `devtools up --watch`" in words.read_text()
    followed.run("restart", "worker")
    until(lambda: "Idempotency: left out" in words.read_text(), "some have been run again")
    told = words.read_text()
    assert "worker restarted: runs 4 of 7 steps again" in told
    assert "[4/4] Balance endpoint ✅" in told
    assert "  • Job queue: left out, touches only api, migrate, postgres\n" in told
    followed.down()
    assert process.wait(60) == 1
    assert "the workspace was stopped" in words.read_text()


def test_where_nothing_runs_there_is_nothing_to_follow(folder):
    folder.write("services: {a: {name: A, commands: {start: exec sleep 600}}}\n")
    done = folder.run("validate", "--watch")
    assert done.returncode == 1
    assert "nothing is running here" in done.stderr
    assert "`devtools up` starts the workspace" in done.stderr
