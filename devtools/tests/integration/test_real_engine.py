"""`runsOn: docker` with the engine of this machine, where one answers: real containers, none of them left.

The image is made of this machine's own shell: nothing is fetched. Where none can run it, one line says why.
"""

from __future__ import annotations

import io
import os
import re
import secrets
import shutil
import signal
import subprocess
import tarfile

import pytest
from devtools_waiting import until

from devtools.manifest.containers import ENGINES

PATIENCE_S = 60
PROGRAMS = ("sh", "sleep", "cat", "touch", "rm")
FILE = """
services:
  web:
    name: W
    triggeredBy: [postEnvironmentStart]
    runsOn: {{docker: {{image: "{image}", environment: [COLOUR=red]}}}}
    commands:
      start: echo "$COLOUR $SHAPE in $PWD"; touch begun; exec sleep 600
      ready: test -f begun
      stop: rm begun; touch stopped
  deaf:
    name: D
    runsOn: {{docker: {{image: "{image}"}}}}
    commands: {{start: "trap '' TERM; touch deaf; while :; do sleep 1; done", ready: test -f deaf}}
tasks:
  seven: {{name: S, runsOn: {{docker: {{image: "{image}"}}}}, command: echo in a container; exit 7}}
"""
OVERLAY = "services: {web: {env: {SHAPE: round}, stop: {grace: 20s}}, deaf: {stop: {grace: 2s}}}\n"


def engine_and_image():
    """An engine that runs containers here, and the image; or why there is none."""
    why = f"no {' and no '.join(ENGINES)} on the PATH"
    for engine in filter(None, map(shutil.which, ENGINES)):
        image = f"localhost/devtools-test:{secrets.token_hex(4)}"
        for words in (
            ["import", "-", image],
            ["run", "--rm", "--init", "--network", "host", image, "sh", "-c", ":"],
        ):
            done = subprocess.run([engine, *words], input=_root_folder(), capture_output=True, timeout=120)
            if done.returncode:
                said = done.stderr.decode(errors="replace").strip().splitlines()
                why = f"{engine} {words[0]}: {said[-1] if said else done.returncode}"
                break
        else:
            return engine, image, ""
    return "", "", why


def _root_folder():
    """A tar of a few programs of this machine and the libraries that they load."""
    files = {shutil.which(name): f"bin/{name}" for name in PROGRAMS}
    for program in list(files):
        told = subprocess.run(["ldd", program], capture_output=True, text=True).stdout
        files |= {path: path.lstrip("/") for path in re.findall(r"(/\S+) \(0x", told)}
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as tar:
        for source, name in files.items():
            tar.add(os.path.realpath(source), name)
    return made.getvalue()


@pytest.fixture
def engine(folder):
    """The engine's own words, for a workspace whose commands run in its containers."""
    program, image, why = engine_and_image()
    if why:
        pytest.skip(f"no container can be run here: {why}")
    folder.write(FILE.format(image=image), OVERLAY)

    def ask(*words):
        return subprocess.run([program, *words], capture_output=True, text=True, check=True).stdout.strip()

    def containers():
        return ask("ps", "--all", "--format", "{{.Names}}", "--filter", f"ancestor={image}").splitlines()

    ask.containers = containers
    yield ask
    for name in containers():
        ask("rm", "-f", name)
    ask("rmi", "-f", image)


def names(engine):
    return sorted(name.split("-", 2)[2] for name in engine.containers())


def test_services_and_tasks_run_in_containers_and_leave_none(folder, engine):
    folder.up()
    assert names(engine) == ["web"]
    assert folder.run("logs", "web").stdout.rstrip().endswith(f"red round in {folder.root}")
    task = folder.run("task", "start", "seven")
    assert (task.returncode, task.stdout) == (7, "in a container\n")
    assert folder.run("service", "start", "deaf").returncode == 0
    assert names(engine) == ["deaf", "web"]
    assert folder.run("service", "stop", "deaf").returncode == 0
    assert names(engine) == ["web"]
    folder.down()
    assert (folder.root / "stopped").exists()
    assert names(engine) == []


def test_a_container_does_not_outlive_what_started_it(folder, engine):
    folder.up()
    os.kill(folder.node("web")["pid"], signal.SIGKILL)
    until(lambda: folder.node("web")["phase"] == "failed", "the client's end is seen", PATIENCE_S)
    assert names(engine) == []
    assert folder.run("service", "start", "web", "deaf").returncode == 0
    clients = [folder.node(name)["pid"] for name in ("web", "deaf")]
    os.kill(folder.supervisor, signal.SIGKILL)
    until(lambda: folder.node("web")["phase"] == "", "the supervisor is gone", PATIENCE_S)
    assert names(engine) == ["deaf", "web"]
    # The next supervisor takes over what runs.
    assert "adopts" in folder.up().stderr
    assert folder.node("web")["pid"] in clients
    for pid in (folder.supervisor, *clients):
        os.kill(pid, signal.SIGKILL)
    until(lambda: not folder.processes(), "nobody is left", PATIENCE_S)
    assert names(engine) == ["deaf", "web"]
    assert "containers are removed" in folder.run("down").stderr
    assert names(engine) == []
