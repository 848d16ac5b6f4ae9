"""Whatever answers on the supervisor's socket, the page gets a model or one error with a way out."""

import re
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from supervised import Supervised, a_bar, a_node, a_start, a_step, a_verdict, answering, some_lines

from payments_ui import identity
from payments_ui.api_client import ApiError, ApiRefused
from payments_ui.components import problems
from payments_ui.identity import Person
from payments_ui.settings import Settings
from payments_ui.workspace import client
from payments_ui.workspace.client import Supervisor, SupervisorAway, SupervisorStrange

SECRET = "a-secret-of-tests-that-is-long-enough-0123456789"


@pytest.fixture
def told(tmp_path: Path) -> Iterator[Supervised]:
    with answering(tmp_path / "s.sock") as supervised:
        yield supervised


def of(told: Supervised) -> Supervisor:
    return Supervisor(str(told.socket))


def test_answers_over_the_socket_are_models(told: Supervised) -> None:
    told.answers["GET /v1/verdict"] = 200, a_verdict(a_step("one", evidence={"id": 1}), mood="newer")
    supervisor = of(told)
    assert supervisor.status().nodes[0].id == "api"
    assert supervisor.timeline().critical_path == ["api"]
    verdict = supervisor.verdict()
    assert verdict is not None
    assert verdict.steps[0].evidence == {"id": 1}
    assert supervisor.logs("api", text="a b&c", since_s="60").lines[0].text == "listens"
    assert told.asked[-1][0] == "GET /v1/logs?ids=api&text=a+b%26c&since=60&lines=200"
    assert supervisor.validate().begun == ["validate"]
    assert told.asked[-1] == ("POST /v1/run", {"id": "validate"})


def test_what_the_page_does_not_show_is_not_even_read(told: Supervised) -> None:
    assert "secret" not in of(told).status().model_dump_json()


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (200, b"<html>", SupervisorStrange),
        (200, {"a": 1}, SupervisorStrange),
        (404, {"error": "no route GET /v1/status"}, SupervisorStrange),
        (500, b"", SupervisorStrange),
        (400, [], SupervisorStrange),
        (409, {"error": "everything is being stopped"}, ApiRefused),
    ],
)
def test_every_other_answer_is_one_error_with_a_way_out(
    told: Supervised, status: int, body: object, kind: type[ApiError]
) -> None:
    told.answers["GET /v1/status"] = status, body
    with pytest.raises(kind) as error:
        of(told).status()
    assert problems.advice(error.value)


def test_a_supervisor_that_is_gone_is_told_with_the_way_back(tmp_path: Path) -> None:
    path = tmp_path / "s.sock"
    with answering(path) as told:
        supervisor = of(told)
        supervisor.status()
    with pytest.raises(SupervisorAway, match="is not there") as away:
        supervisor.status()
    assert "./dev up" in problems.advice(away.value)
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(path))  # what a killed one leaves behind: nobody listens on it
        path.chmod(0o600)
        with pytest.raises(SupervisorAway, match="does not answer"):
            supervisor.status()


def test_a_socket_that_others_may_use_is_not_spoken_to(told: Supervised) -> None:
    told.socket.chmod(0o666)
    with pytest.raises(SupervisorAway, match="not this user's own"):
        of(told).status()
    assert told.asked == []


def test_what_is_asked_and_read_is_as_devtools_documents_it() -> None:
    """In the workspace, where devtools is installed; alone, this repository cannot know."""
    document = pytest.importorskip("devtools.supervisor.openapi").DOCUMENT
    validator = pytest.importorskip("jsonschema").Draft202012Validator
    asked = re.findall(r'"(GET|POST)", "(/v1/\w+)"', Path(str(client.__file__)).read_text())
    assert len(asked) == 5
    for method, path in asked:
        assert method.lower() in document["paths"][path], path
    answers = {
        "Node": a_node("api"),
        "Timeline": a_start(a_bar("api", 0.5, 2.0)),
        "Logged": some_lines("x"),
        "Verdict": a_verdict(a_step("one")),
    }
    for name, value in answers.items():
        schema = {"$ref": f"#/components/schemas/{name}", "components": document["components"]}
        assert [fault.message for fault in validator(schema).iter_errors(value)] == []


def test_with_a_sign_in_only_operators_act_on_the_workspace() -> None:
    signed_in = Settings(ui_sign_in="development", jwt_secret=SECRET)
    assert identity.may_operate(signed_in, Person("Ama", ("viewer", "operator")))
    assert not identity.may_operate(signed_in, Person("Kofi", ("viewer", "approver")))
    assert not identity.may_operate(signed_in, None)
    assert identity.may_operate(Settings(), None)


class TestWhereThePageIs:
    def test_on_loopback_with_nobody_but_the_developer(self) -> None:
        assert Settings(devtools_socket="/s").supervisor_socket == "/s"
        developing = Settings(devtools_socket="/s", ui_sign_in="development", jwt_secret=SECRET)
        assert developing.supervisor_socket == "/s"
        assert Settings().supervisor_socket == ""

    @pytest.mark.parametrize(
        "more",
        [
            {"host": "0.0.0.0", "payments_api_token": "t"},
            {"auth_mode": "jwt", "payments_api_token": "t"},
            {"ui_allowed_hosts": "pages.example"},
        ],
    )
    def test_and_nowhere_that_others_can_come(self, more: dict[str, str]) -> None:
        assert Settings(devtools_socket="/s", **more).supervisor_socket == ""
