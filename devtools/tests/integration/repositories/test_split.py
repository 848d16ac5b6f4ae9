"""A single checkout published as repositories, brought back by a clone of the orchestrator alone."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from devtools.repositories import fetch

from .conftest import Checkout


def cloned(published, name="elsewhere"):
    folder = published.parent / name
    checkout = Checkout(folder)
    folder.mkdir()
    checkout.git("clone", "--quiet", str(published / "workspace.git"), ".")
    return checkout


def test_each_part_is_a_repository_with_its_own_history(single, published):
    alpha = Checkout(published / "alpha.git")
    assert alpha.git("log", "--format=%s", "main") == "changes alpha__one\nchanges alpha__one, root"
    assert alpha.git("ls-tree", "-r", "--name-only", "main") == "one"
    orchestrator = Checkout(published / "workspace.git")
    names = orchestrator.git("ls-tree", "-r", "--name-only", "main").split()
    brought = [".workspace/fetch.py", ".workspace/trust.py"]
    assert names == [".gitignore", *brought, "automations.yaml", "root", "workspace.yaml"]
    overlay = orchestrator.git("show", "main:workspace.yaml")
    assert '  beta: {path: parts/beta, url: "../beta.git", ref: main, group: services}' in overlay
    assert "# The ports stay as they are.\nports: {api: 3001}" in overlay
    assert single.git("status", "--porcelain") == ""
    assert single.git("branch", "--format=%(refname:short)") == "main"


def test_a_clone_of_the_orchestrator_alone_brings_the_parts(published):
    checkout = cloned(published)
    # What `dev` runs before anything is installed: the standard library only.
    command = [sys.executable, "-I", str(checkout.folder / ".workspace/fetch.py"), str(checkout.folder)]
    done = subprocess.run(command, env=checkout.environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert (checkout.folder / "alpha/one").read_text() == "one\n"
    assert (checkout.folder / "parts/beta/two").read_text() == "2\n"
    assert checkout.git("status", "--porcelain") == ""
    assert Checkout(checkout.folder / "alpha").git("rev-parse", "--abbrev-ref", "HEAD") == "main"


def test_up_in_a_clone_of_the_orchestrator_brings_the_parts_and_starts(published):
    checkout = cloned(published)
    try:
        checkout.devtools("up", "--no-validate", "--only", "api")
        assert (checkout.folder / "alpha/one").exists() and (checkout.folder / "parts/beta/two").exists()
        (api,) = json.loads(checkout.devtools("status", "--json").stdout)["services"]
        assert (api["id"], api["phase"]) == ("api", "running")
    finally:
        checkout.devtools("down")


@pytest.mark.long
def test_a_second_split_publishes_what_is_new_and_only_that(single, published):
    first = json.loads(single.devtools("repos", "split", "--to", "../out", "--json").stdout)["heads"]
    single.commit(alpha__one="more\n")
    second = json.loads(single.devtools("repos", "split", "--to", "../out", "--json").stdout)["heads"]
    assert first["alpha"] != second["alpha"]
    assert (first["beta"], first["workspace"]) == (second["beta"], second["workspace"])
    assert Checkout(published / "alpha.git").git("rev-parse", "main^") == first["alpha"]
    assert sorted(place.name for place in published.iterdir()) == ["alpha.git", "beta.git", "workspace.git"]


def test_commits_that_others_pushed_are_not_overwritten(single, published):
    other = Checkout(published.parent / "other")
    other.folder.mkdir()
    other.git("clone", "--quiet", str(published / "alpha.git"), ".")
    other.commit(theirs="t\n")
    other.git("push", "--quiet", "origin", "main")
    single.commit(alpha__one="mine\n")
    done = single.devtools("repos", "split", "--to", "../out", status=1)
    assert "alpha.git has commits that this split does not know" in done.stderr
    assert Checkout(published / "alpha.git").git("rev-parse", "main") == other.git("rev-parse", "HEAD")


def test_parts_from_elsewhere_are_agreed_to_before_dev_builds_them(single, tmp_path):
    single.commit(alpha__pyproject='[project]\nname = "alpha"\n')
    single.git("mv", "alpha/pyproject", "alpha/pyproject.toml")
    single.git("commit", "--quiet", "-m", "a package")
    elsewhere = tmp_path / "afar" / "out"
    single.devtools("repos", "split", "--to", str(elsewhere), "--base-url", str(elsewhere))
    mirror = tmp_path / "mirror"
    single.git("clone", "--quiet", "--bare", str(elsewhere / "workspace.git"), str(mirror / "workspace.git"))
    checkout = cloned(mirror)

    def before_the_install(*words):
        for file in ("fetch.py", "trust.py"):
            own = str(checkout.folder / ".workspace" / file)
            done = subprocess.run(
                [sys.executable, "-I", own, str(checkout.folder), *words],
                env=checkout.environment,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
            )
        return done

    refused = before_the_install("up")
    assert refused.returncode == 2
    assert f"dev: alpha was cloned from {elsewhere / 'alpha.git'}, and nobody has agreed" in refused.stderr
    assert "`builds with setuptools" in refused.stderr
    assert "`./dev install --trust` agrees" in refused.stderr
    assert before_the_install("up", "--", "--trust").returncode == 2
    assert before_the_install("install", "--trust").returncode == 0
    assert before_the_install("up").returncode == 0


def test_a_base_url_is_written_and_its_credential_is_never_shown(single):
    base = "http://someone:s3cr3t@127.0.0.1:9/demo"
    single.devtools("repos", "split", "--to", "../out", "--base-url", base)
    checkout = cloned(single.folder.parent / "out")
    assert f'url: "{base}/alpha.git"' in (checkout.folder / "workspace.yaml").read_text()
    done = checkout.devtools("repos", "clone", status=1)
    assert "alpha: " in done.stderr
    assert "s3cr3t" not in done.stderr + done.stdout
    clean, secrets = fetch.without_credentials(f"{base}/alpha.git")
    assert clean == "http://127.0.0.1:9/demo/alpha.git"
    assert secrets["FETCH_PASSWORD"] == "s3cr3t"


@pytest.mark.long
def test_a_missing_ref_is_named_and_leaves_no_folder(published):
    checkout = cloned(published)
    overlay = checkout.folder / "workspace.yaml"
    overlay.write_text(overlay.read_text().replace('alpha.git", ref: main', 'alpha.git", ref: nowhere'))
    done = checkout.devtools("repos", "clone", status=1)
    assert "has no `nowhere`" in done.stderr
    assert not (checkout.folder / "alpha").exists()
    assert (checkout.folder / "parts/beta/two").exists()


def test_a_part_that_holds_anything_is_left_alone(published):
    checkout = cloned(published)
    (checkout.folder / "alpha").mkdir()
    (checkout.folder / "alpha/mine").write_text("work\n")
    checkout.devtools("repos", "clone")
    assert [place.name for place in (checkout.folder / "alpha").iterdir()] == ["mine"]


def test_the_block_form_is_read_as_well_and_another_one_is_refused():
    text = 'repositories:\n  a:\n    path: x\n    url: "../a.git" # beside\n\nports: {p: 1}\n'
    assert fetch.read(text) == [fetch.Source("a", "x", "../a.git")]
    with pytest.raises(fetch.FetchError, match="write it in one line"):
        fetch.read("repositories:\n  ? a\n")


def test_a_folder_inside_of_the_workspace_is_refused(single):
    done = single.devtools("repos", "split", "--to", "out", status=2)
    assert "lies inside of the workspace" in done.stderr
