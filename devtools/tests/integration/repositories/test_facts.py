"""What is read of the files of a commit, once for each content."""

from __future__ import annotations

import json
import subprocess

import pytest

from devtools.changes import contracts, facts
from devtools.errors import DevtoolsError
from devtools.repositories.checkouts import Checkout

USER = """\
import other.part, os
from lib.names import (
    known,
    lost, gone
)
from nowhere.at import a, b
from lib import missing
try:
    from lib.names import optional
except ImportError:
    optional = None
from . import near
"""


@pytest.fixture
def parts(tmp_path):
    """A library and who uses it, each with one commit."""
    made = []
    sources = {
        "lib": {"src/lib/__init__.py": "", "src/lib/names.py": "known = 1\ndef far(): inner = 2\n"},
        "user": {"src/user/__init__.py": "", "src/user/main.py": USER, "note.txt": "no = Python"},
    }
    for name, files in sources.items():
        for path, text in files.items():
            (tmp_path / name / path).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name / path).write_text(text)
        (tmp_path / name / "link.py").symlink_to("note.txt")
        for words in ("init --quiet", "add --all", "commit --quiet -m one"):
            author = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
            subprocess.run(["git", *author, *words.split()], cwd=tmp_path / name, check=True)
        checkout = Checkout(name, tmp_path / name, name)
        made.append((checkout, checkout.git("rev-parse", "HEAD")))
    return made


def test_what_was_read_once_is_not_read_again(parts, tmp_path, monkeypatch):
    kept = tmp_path / "facts.json"
    told = contracts.problems(parts, kept)
    assert [line.partition(", ")[0] for line in told] == [
        "user/src/user/main.py:2: user imports lib.names.lost",
        "user/src/user/main.py:2: user imports lib.names.gone",
        "user/src/user/main.py:7: user imports lib.missing",
    ]
    parse = facts.ast.parse
    seen = []
    monkeypatch.setattr(facts.ast, "parse", lambda source: seen.append(source) or parse(source))
    assert contracts.problems(parts, kept) == told and seen == []
    kept.write_text("{half")
    assert contracts.problems(parts, kept) == told and len(seen) == 3  # two of the four are the same, empty
    found = json.loads(kept.read_text())
    assert len(found["facts"]) == 3
    kept.write_text(json.dumps({**found, "version": "of another Python"}))
    assert contracts.problems(parts, kept) == told and len(seen) == 6


def test_a_file_that_does_not_parse_is_told_each_time(parts, tmp_path):
    checkout = parts[0][0]
    (checkout.folder / "src/lib/names.py").write_text("known = 1\ndef far(:\n")
    checkout.git("-c", "user.name=a", "-c", "user.email=a@example.org", "commit", "--quiet", "-am", "two")
    broken = [(checkout, checkout.git("rev-parse", "HEAD")), parts[1]]
    for _ in range(2):
        told = contracts.problems(broken, tmp_path / "facts.json")
        assert told[0].startswith("lib/src/lib/names.py:2: lib does not parse: ")
    with pytest.raises(DevtoolsError, match="lib: ") as refused:
        contracts.problems([(checkout, "0" * 40)])
    assert refused.value.hint == "repos sync brings commits"
