"""`automations update`: a file in the place of the workspace's own counts for every command until `down`."""

from __future__ import annotations

import json
import shutil

OWN = "services:\n  a: {name: A, commands: {start: exec sleep 600}}\n"
OTHER = OWN.replace("600", "601") + "  b: {name: B, commands: {start: exec sleep 602}}\n"


def services(folder):
    return [node["id"] for node in json.loads(folder.run("service", "list", "-o", "json").stdout)]


def test_an_updated_file_counts_until_down(folder):
    folder.write(OWN).up("--only", "a")
    (folder.root / "other.yaml").write_text(OTHER)
    done = folder.run("automations", "update", "other.yaml")
    assert (done.returncode, done.stderr) == (0, "updated 2 definitions\n")
    assert folder.run("service", "start", "b").returncode == 0
    assert services(folder) == ["a", "b"]
    stale = next(line for line in folder.run("status").stdout.splitlines() if line.startswith("a "))
    assert stale.endswith("  changed since it started")
    assert (folder.root / "automations.yaml").read_text() == OWN
    folder.down()
    assert services(folder) == ["a"]


def test_it_ends_where_the_own_file_changes_and_no_repository_can_bring_one(folder):
    folder.write(OWN)
    (folder.root / "other.yaml").write_text(OTHER)
    assert folder.run("automations", "update", "other.yaml").returncode == 0
    assert services(folder) == ["a", "b"]
    folder.write(OWN)
    (brought,) = (folder.state / "run").glob("given-*.yaml")
    assert services(folder) == ["a"]
    # A copy of the whole folder, as a clone is one: its files are others.
    copy = type(folder)(folder.root / "copy")
    shutil.copytree(folder.state, copy.state)
    assert (copy.state / "run" / brought.name).exists()
    assert services(copy.write(OWN)) == ["a"]


def test_an_update_that_does_not_fit_the_overlay_changes_nothing(folder):
    folder.write(OWN, "services: {a: {stop: {grace: 1s}}}\n")
    (folder.root / "other.yaml").write_text(OTHER.replace("  a:", "  c:"))
    done = folder.run("automations", "update", "other.yaml", "--set-default")
    assert done.returncode == 2
    assert "workspace.yaml:1:12: services.a: automations.yaml has no service `a`" in done.stderr
    assert (folder.root / "automations.yaml").read_text() == OWN
    (folder.root / "other.yaml").write_text(OTHER)
    assert folder.run("automations", "update", "other.yaml", "--set-default").returncode == 0
    assert (folder.root / "automations.yaml").read_text() == OTHER
