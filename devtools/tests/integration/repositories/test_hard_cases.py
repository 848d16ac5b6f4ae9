"""What goes wrong with remotes, disks and people: told with what to do, and nothing half-done stays."""

from __future__ import annotations

import shutil
import subprocess
import sys
import threading
from base64 import b64encode
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from .conftest import Checkout
from .test_changes import begun, built, told  # noqa: F401  (fixtures)
from .test_fleet import by_id
from .test_fleet import told as fleet_told
from .test_split import cloned

SECRET = "s3cr3t-in-no-list"


class Hanging(BaseHTTPRequestHandler):
    """Asks for a password, and once it has it says nothing more until it is let go."""

    def do_GET(self) -> None:
        if "Authorization" not in self.headers:
            self.send_response(401)
            self.send_header("WWW-Authenticate", 'Basic realm="git"')
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        self.server.logins.append(self.headers["Authorization"])
        self.server.asked.set()
        self.server.let_go.wait(120)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def hanging():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Hanging)
    server.daemon_threads = True
    server.logins, server.asked, server.let_go = [], threading.Event(), threading.Event()
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.let_go.set()
    server.shutdown()
    thread.join()
    server.server_close()


def words_of_all_processes() -> str:
    found = []
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            found.append(file.read_bytes().replace(b"\0", b" ").decode(errors="replace"))
        except OSError:
            continue
    return "\n".join(found)


@pytest.mark.long
def test_a_remote_that_hangs_is_given_up_and_its_credential_is_in_no_list(published, hanging):
    checkout = cloned(published)
    overlay = checkout.folder / "workspace.yaml"
    address = f"http://someone:{SECRET}@127.0.0.1:{hanging.server_address[1]}/alpha.git"
    overlay.write_text(overlay.read_text().replace("../alpha.git", address))
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "devtools", "repos", "clone"],
        cwd=checkout.folder, env={**checkout.environment, "GIT_HTTP_LOW_SPEED_TIME": "10"},
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    assert hanging.asked.wait(120)
    listed = words_of_all_processes()
    said, _ = process.communicate(timeout=120)
    assert process.returncode == 1
    assert "alpha: " in said and "too slow" in said
    assert "alpha.git" in listed and SECRET not in listed + said
    assert hanging.logins[0] == "Basic " + b64encode(f"someone:{SECRET}".encode()).decode()
    assert (checkout.folder / "parts/beta/two").exists() and not (checkout.folder / "alpha").exists()
    kept = [file for file in (checkout.folder / ".devtools").rglob("*") if file.is_file()]
    kept += [*(checkout.folder / "parts/beta/.git").glob("*"), checkout.folder / ".git/config"]
    assert not [file for file in kept if file.is_file() and SECRET.encode() in file.read_bytes()]


def test_a_limit_on_files_is_told_and_the_next_clone_brings_all(published):
    alpha = Checkout(published.parent / "big")
    alpha.folder.mkdir()
    alpha.git("clone", "--quiet", str(published / "alpha.git"), ".")
    alpha.commit(big="0123456789\n" * 100_000)
    alpha.git("push", "--quiet", "origin", "HEAD:main")
    checkout = cloned(published)
    done = subprocess.run(
        ["sh", "-c", 'ulimit -f 500; exec "$0" -P -m devtools repos clone', sys.executable],
        cwd=checkout.folder, env=checkout.environment, stdin=subprocess.DEVNULL, capture_output=True,
        text=True,
    )  # fmt: skip
    assert done.returncode == 1
    assert "alpha: git may not write so large a file" in done.stderr
    assert not (checkout.folder / "alpha").exists()
    checkout.devtools("repos", "clone")
    assert (checkout.folder / "alpha/big").exists()


@pytest.mark.long
def test_a_full_disk_is_told_and_nothing_half_done_stays(published, tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1500k", "tmpfs", str(disk)], capture_output=True
    )
    if mounted.returncode:
        pytest.skip("may not mount a small disk here")
    try:
        checkout = Checkout(disk / "workspace")
        checkout.folder.mkdir()
        checkout.git("clone", "--quiet", str(published / "workspace.git"), ".")
        shutil.copytree(published, disk / "repositories")
        checkout.git("remote", "set-url", "origin", str(disk / "repositories/workspace.git"))
        filler = disk / "filler"
        with pytest.raises(OSError, match="No space left"), filler.open("wb", buffering=0) as stream:
            while stream.write(b"x" * 4096) == 4096:
                pass
        done = checkout.devtools("repos", "clone", status=1)
        assert "No space left on device" in done.stderr
        assert "free some space" in done.stderr
        assert not (checkout.folder / "alpha").exists()
        filler.unlink()
        checkout.devtools("repos", "clone")
        assert (checkout.folder / "alpha/one").exists()
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def test_two_people_commit_to_one_change_at_the_same_time(begun):  # noqa: F811
    both = [
        subprocess.Popen(
            [sys.executable, "-P", "-m", "devtools", "change", "commit", "hold", "-m", "Held"],
            cwd=begun.folder, env=begun.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]  # fmt: skip
    said = [process.communicate(timeout=300)[1] for process in both]
    late = "another command works on the change hold"  # where the first took longer than the other waits
    assert sorted(process.returncode for process in both) in ([0, 0], [0, 3]), said
    assert sum("nothing to commit" in words or late in words for words in said) == 1
    rows = told(begun, "status", "hold")["repositories"]
    assert [(row["commits"], row["changed"]) for row in rows] == [(1, 0), (1, 0)]


@pytest.mark.long
def test_another_person_goes_on_with_a_published_change(begun, tmp_path):  # noqa: F811
    told(begun, "commit", "hold", "-m", "Payments may be held")
    mine = told(begun, "status", "hold")
    for path in ("alpha", "parts/beta"):
        Checkout(begun.folder / path).git("push", "--quiet", "origin", "main")
    told(begun, "publish", "hold")
    other = Checkout(begun.folder.parent / "other")
    other.folder.mkdir()
    other.git("clone", "--quiet", str(begun.folder.parent / "out/workspace.git"), ".")
    other.devtools("repos", "clone")
    told(other, "start", "hold", "--repo", "alpha", "--repo", "beta")
    known = told(other, "status", "hold")
    assert known["change_id"] == mine["change_id"]
    assert [row["commit"] for row in known["repositories"]] == [row["commit"] for row in mine["repositories"]]
    assert [row["commits"] for row in known["repositories"]] == [1, 1]
    for who in (other, begun):
        Checkout(who.folder / ".devtools/changes/hold/tree/alpha").commit(**{who.folder.name: "more\n"})
    told(other, "publish", "hold")
    done = begun.devtools("change", "publish", "hold", status=1)
    assert "others pushed to change/hold: fetch and rebase; nothing is ever forced" in done.stderr


@pytest.mark.long
def test_a_detached_worktree_or_home_is_told_and_left(begun):  # noqa: F811
    tree = Checkout(begun.folder / ".devtools/changes/hold/tree/alpha")
    tree.git("checkout", "--quiet", "--detach")
    done = begun.devtools("change", "commit", "hold", "-m", "Held", status=1)
    assert "is on no branch" in done.stderr and "git switch change/hold there" in done.stderr
    tree.git("switch", "--quiet", "change/hold")
    home = Checkout(begun.folder / "parts/beta")
    home.git("checkout", "--quiet", "--detach")
    told(begun, "commit", "hold", "-m", "Held")
    told(begun, "start", "later", "--repo", "beta")
    assert told(begun, "status", "later")["repositories"][0]["commit"] == home.git("rev-parse", "HEAD")


@pytest.mark.long
def test_a_renamed_default_branch_is_named(fleet):
    bare = Checkout(fleet.folder.parent / "out/alpha.git")
    bare.git("branch", "-m", "main", "trunk")
    row = by_id(fleet_told(fleet, "sync", status=1))["alpha"]
    assert "origin/main is not there any more" in row["detail"]
    assert "the default branch there is trunk" in row["hint"]
    subprocess.run(row["hint"].partition(": ")[2].partition(";")[0], shell=True, check=True)
    theirs_on(fleet, "trunk")
    overlay = fleet.folder / "workspace.yaml"
    overlay.write_text(overlay.read_text().replace('alpha.git", ref: main', 'alpha.git", ref: trunk'))
    assert by_id(fleet_told(fleet, "sync", "--repo", "alpha"))["alpha"]["outcome"] == "moved"


def theirs_on(fleet, branch):
    other = Checkout(fleet.folder.parent / "other")
    other.folder.mkdir()
    other.git("clone", "--quiet", str(fleet.folder.parent / "out/alpha.git"), ".")
    other.commit(theirs="t\n")
    other.git("push", "--quiet", "origin", f"HEAD:{branch}")


@pytest.mark.long
def test_submodules_come_with_clone_and_change(published, tmp_path):
    library = Checkout(tmp_path / "library")
    library.folder.mkdir()
    library.git("init", "--quiet", "--initial-branch=main")
    library.commit(inside="i\n")
    alpha = Checkout(tmp_path / "work")
    alpha.folder.mkdir()
    alpha.git("clone", "--quiet", str(published / "alpha.git"), ".")
    allowed = ("-c", "protocol.file.allow=always")
    alpha.git(*allowed, "submodule", "--quiet", "add", str(library.folder), "a library")
    alpha.git("commit", "--quiet", "-m", "with a submodule")
    alpha.git("push", "--quiet", "origin", "main")
    checkout = cloned(published)
    refused = checkout.devtools("repos", "clone", status=1)
    assert "transport 'file' not allowed" in refused.stderr
    assert not (checkout.folder / "alpha").exists()
    checkout.environment["GIT_ALLOW_PROTOCOL"] = "file"
    checkout.devtools("repos", "clone")
    assert (checkout.folder / "alpha/a library/inside").read_text() == "i\n"
    told(checkout, "start", "hold", "--repo", "alpha")
    tree = checkout.folder / ".devtools/changes/hold/tree/alpha"
    assert (tree / "a library/inside").read_text() == "i\n"
    assert told(checkout, "commit", "hold", "-m", "Nothing") == []
