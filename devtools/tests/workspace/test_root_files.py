"""The files at the workspace's root agree with each other and with the formats they are in."""

from __future__ import annotations

import json
import re
import subprocess
import tomllib

import yaml

from devtools.install import lock
from devtools.manifest.load import judge

# The keys of a service that the Compose specification knows and this file uses.
SERVICE_KEYS = {
    "build", "command", "depends_on", "environment", "healthcheck", "image", "network_mode", "ports",
    "restart", "shm_size", "stop_grace_period", "stop_signal", "volumes",
}  # fmt: skip
CONDITIONS = {"service_started", "service_healthy", "service_completed_successfully"}


def test_the_automations_and_the_overlay_are_valid_without_a_warning(root):
    verdict = judge(root / "automations.yaml", with_overlay=True)
    assert [str(problem) for problem in (*verdict.errors, *verdict.warnings)] == []
    assert {"postgres", "api", "worker", "ui"} <= verdict.automations.services.keys()
    assert {"install-deps", "migrate", "validate"} <= verdict.automations.tasks.keys()


def test_commands_that_need_another_service_await_it(root):
    automations = judge(root / "automations.yaml").automations
    for name in ("api", "worker", "ui"):
        assert automations.services[name].start.startswith("devtools await ")
    for name in ("migrate", "validate"):
        assert automations.tasks[name].command.startswith("devtools await ")


def test_the_lock_satisfies_every_pyproject(root):
    assert lock.unsatisfied(root) == []


def test_the_lock_has_hashes_and_no_addresses(root):
    text = (root / "requirements.lock").read_text()
    assert "://" not in text
    for block in re.split(r"\n(?=\S)", text):
        assert block.startswith("#") or "--hash=sha256:" in block, block.splitlines()[0]


def test_the_lock_is_what_the_requirements_ask_for(root):
    names = {re.split(r"[\[=<>!~; ]", str(requirement))[0] for requirement in lock.requested(root)}
    assert {"uv", "hatchling", "editables", "pytest", "streamlit"} <= names


def test_compose_is_well_formed_and_every_dependency_exists(root):
    document = yaml.safe_load((root / "docker-compose.yml").read_text())
    services = document["services"]
    assert {"postgres", "pgadmin", "api", "worker", "provider-simulator", "ui", "migrate"} == services.keys()
    for name, service in services.items():
        assert service.keys() <= SERVICE_KEYS, name
        assert ("image" in service) != ("build" in service), name
        for needed, how in service.get("depends_on", {}).items():
            assert needed in services
            assert how["condition"] in CONDITIONS
        if "build" in service:
            assert (root / service["build"]["dockerfile"]).is_file(), service["build"]["dockerfile"]
        for volume in service.get("volumes", []):
            assert volume.split(":")[0] in document["volumes"]
        assert all(str(port).startswith("127.0.0.1:") for port in service.get("ports", [])), name


def test_compose_uses_the_variables_that_the_programs_know(root):
    text = (root / "docker-compose.yml").read_text()
    example = (root / ".env.example").read_text()
    for name in set(re.findall(r"\$\{([A-Z_]+)", text)):
        assert f"#{name}=" in example, f"{name} is not in .env.example"


def test_compose_passes_on_how_people_sign_in(root):
    environment = yaml.safe_load((root / "docker-compose.yml").read_text())["services"]["ui"]["environment"]
    example = (root / ".env.example").read_text().partition("\n## payments-ui\n")[2]
    files = {"OIDC_CLIENT_SECRET_FILE"}  # a path of this machine means nothing in there
    for name in set(re.findall(r"#((?:OIDC|UI)_[A-Z_]+)=", example)) - files - {"UI_REFRESH_S", "UI_RELOAD"}:
        assert f"${{{name}:-" in environment[name]
    assert environment["JWT_SECRET"] == "${UI_SIGN_IN:+${JWT_SECRET}}"  # no secret where nobody signs in


def test_the_dev_container_mounts_the_parent_and_labels_the_ports(root):
    text = (root / ".devcontainer" / "devcontainer.json").read_text()
    document = json.loads(re.sub(r"^\s*//.*$", "", text, flags=re.MULTILINE))
    assert document["workspaceMount"].startswith("source=${localWorkspaceFolder}/..,")
    overlay = judge(root / "automations.yaml", with_overlay=True).overlay
    for port in overlay.ports.values():
        assert document["portsAttributes"][str(port)]["label"]


def test_ci_runs_the_tests_and_nothing_else(root):
    commands = [
        line for line in (root / ".ci" / "run").read_text().splitlines() if line and not line.startswith("#")
    ]
    assert commands[-1] == "exec ./dev test"
    assert len(commands) == 3


def test_every_package_stands_in_the_overlay_with_what_a_repository_of_its_own_needs(root):
    overlay = judge(root / "automations.yaml", with_overlay=True).overlay
    for file in root.glob("*/pyproject.toml"):
        assert tomllib.loads(file.read_text())["project"]["name"] in overlay.repositories
        assert (file.parent / "README.md").is_file()
        assert (file.parent / "CHANGELOG.md").is_file()
        assert "__pycache__/" in (file.parent / ".gitignore").read_text().splitlines()


def test_documents_link_to_files_that_exist(root):
    tracked = subprocess.run(
        ["git", "ls-files", "*.md"], cwd=root, capture_output=True, text=True, check=True
    ).stdout.split()
    broken = [
        f"{name}: {target}"
        for name in tracked
        for target in re.findall(r"\]\((?!https?:|#|mailto:)([^)#\s]+)", (root / name).read_text())
        if not ((root / name).parent / target).exists()
    ]
    assert broken == []
