"""The workspace page on AppTest, with answers as a supervisor gives them over a real socket."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from opening import opened_with
from streamlit.testing.v1 import AppTest
from supervised import (
    NOW,
    Supervised,
    a_bar,
    a_node,
    a_start,
    a_status,
    a_step,
    a_task,
    a_verdict,
    answering,
    some_lines,
)

from payments_ui.workspace.client import Supervisor


@pytest.fixture
def told(tmp_path: Path) -> Iterator[Supervised]:
    with answering(tmp_path / "s.sock") as supervised:
        yield supervised


def _workspace(supervisor, roles):
    from payments_ui.pages import workspace

    workspace.show(supervisor, refresh_s=2, instance="blue", may_run=lambda: "operator" in roles)


def opened(
    told: Supervised, *, roles: tuple[str, ...] | list[str] = ("operator",), **address: str
) -> AppTest:
    kwargs = {"supervisor": Supervisor(str(told.socket)), "roles": roles}
    return opened_with(_workspace, kwargs, address)


def shown(test: AppTest) -> str:
    elements = [*test.get("html"), *test.markdown, *test.caption, *test.error, *test.info, *test.get("toast")]
    return "\n".join(str(getattr(one.proto, "body", "")) for one in elements)


def labelled(test: AppTest, label: str):
    widgets = [*test.selectbox, *test.text_input, *test.toggle, *test.button]
    return next(widget for widget in widgets if widget.label == label)


class TestServices:
    def test_each_is_told_with_word_shape_reason_and_costs(self, told: Supervised) -> None:
        told.answers["GET /v1/status"] = (
            200,
            a_status(
                a_node("api", ports=[3001], restarts=2, stale=True),
                a_node("worker", phase="failed", ready=False, reason="<b>exited 3</b>", pid=None, cpu=None),
                a_task("migrate", phase="succeeded"),
                urls={"api": "http://127.0.0.1:3001"},
            ),
        )
        page = shown(opened(told))
        for said in ("1 of 2 services are ready; failed: worker", "/home/ama/payments", "Workspace · blue"):
            assert said in page
        for said in ("4711", "3.2 %", "50 MB", ">2<", "its definition has changed", "pay-disc", "pay-square"):
            assert said in page, said
        assert '<a href="http://127.0.0.1:3001" target="_blank" rel="noopener">3001</a>' in page
        assert 'href="workspace?log=worker"' in page
        assert "&lt;b&gt;exited 3" in page
        assert "secret" not in page

    def test_find_and_state_narrow_the_table_and_live_in_the_address(self, told: Supervised) -> None:
        told.answers["GET /v1/status"] = (
            200,
            a_status(a_node("api"), a_node("worker", phase="failed", reason="exited 3"), a_task("validate")),
        )
        test = opened(told, state="failed")
        assert 'log=worker"' in shown(test)
        assert 'log=api"' not in shown(test)
        labelled(test, "State").select("").run()
        labelled(test, "Find").set_value("EXITED").run()
        assert test.query_params["find"] == "EXITED"
        assert 'log=worker"' in shown(test)
        assert 'log=api"' not in shown(test)
        labelled(test, "Find").set_value("nothing of the kind").run()
        assert "Nothing fits" in shown(test)

    @pytest.mark.parametrize("address", [{"state": "x"}, {"since": "-1"}, {"log": "../.."}, {"find": "<i>"}])
    def test_an_address_that_makes_no_sense_is_no_error(
        self, told: Supervised, address: dict[str, str]
    ) -> None:
        assert "<i>" not in shown(opened(told, **address)).replace('<i class="', "")

    def test_a_supervisor_that_goes_leaves_what_was_read_and_says_what_to_do(self, tmp_path: Path) -> None:
        with answering(tmp_path / "s.sock") as told:
            test = opened(told)
        test.run()
        page = shown(test)
        assert "is not there" in page
        assert "./dev up" in page
        assert 'log=api"' in page
        labelled(test, "Run validation").click().run()
        assert not test.exception


class TestStart:
    def test_bars_share_an_axis_and_the_longest_chain_is_named(self, told: Supervised) -> None:
        bars = a_bar("db", 0, 3, critical=True), a_bar("api", 3, 4, critical=True), a_bar("ui", 1, 2)
        told.answers["GET /v1/timeline"] = 200, a_start(*bars, not_ready=("worker",))
        page = shown(opened(told))
        assert (
            "4.00\N{NO-BREAK SPACE}s in all, as long as its longest chain: db → api. Not ready: worker."
            in page
        )
        assert 'left:75.00%;width:25.00%"' in page
        assert page.count("pay-longest") == page.count("<b>longest chain</b>") == 2

    def test_without_a_start_the_page_says_how_to_get_one(self, told: Supervised) -> None:
        told.answers["GET /v1/timeline"] = 200, a_start() | {"began_at": None}
        assert "No start yet" in shown(opened(told))


class TestValidation:
    def test_steps_are_told_with_time_and_evidence(self, told: Supervised) -> None:
        told.answers["GET /v1/verdict"] = 200, a_verdict(a_step("Payment creation", evidence={"id": "pay_1"}))
        page = shown(opened(told))
        assert "1 of 1 steps passed" in page
        assert "0.013\N{NO-BREAK SPACE}s" in page
        assert 'pay-told">id <span>pay_1' in page

    def test_a_failure_shows_what_was_seen_and_the_log_to_blame(self, told: Supervised) -> None:
        failed = a_step("Ledger", "failed", error="expected 1; saw <0>", log_tail=["boom"])
        told.answers["GET /v1/verdict"] = 200, a_verdict(failed, a_step("Balance", "skipped"), passed=False)
        page = shown(opened(told))
        assert "saw &lt;0&gt;" in page
        assert "boom</pre>" in page
        assert "0 of 2 steps passed" in page

    @pytest.mark.parametrize(("at_work", "word"), [(True, "at work"), (False, "broke off")])
    def test_one_that_is_not_over_is_at_work_or_broke_off(
        self, told: Supervised, at_work: bool, word: str
    ) -> None:
        steps = a_step("one"), a_step("two", "running"), a_step("three", "pending")
        told.answers["GET /v1/verdict"] = (
            200,
            a_verdict(*steps, ended_at=None, passed=None, at_work=at_work),
        )
        page = shown(opened(told))
        assert page.count(f"</i>{word}</span>") == 2
        assert "to come" in page

    def test_a_run_that_was_asked_for_later_than_the_verdict_is_told_of(self, told: Supervised) -> None:
        told.answers["GET /v1/verdict"] = 200, a_verdict(a_step("one"))
        task = {"requested_at": NOW + 60, "reason": "waits for api"}
        told.answers["GET /v1/status"] = 200, a_status(a_task("validate", **task))
        assert "A validation begins: waits for api." in shown(opened(told))
        task |= {"phase": "failed", "reason": "exited 127"}
        told.answers["GET /v1/status"] = 200, a_status(a_task("validate", **task))
        page = shown(opened(told))
        assert "before its first step: exited 127" in page
        assert 'href="workspace?log=validate">its log' in page

    def test_pressing_runs_the_task_and_one_at_work_is_said_calmly(self, told: Supervised) -> None:
        test = opened(told)
        assert "No validation yet" in shown(test)
        labelled(test, "Run validation").click().run()
        assert [asked for asked in told.asked if asked[0].startswith("POST")] == [
            ("POST /v1/run", {"id": "validate"})
        ]
        told.answers["POST /v1/run"] = 409, {"error": "`validate` is at work already"}
        labelled(test, "Run validation").click().run()
        assert not test.exception
        assert "is at work already" in shown(test)

    def test_who_may_only_look_cannot_run_it(self, told: Supervised) -> None:
        assert labelled(opened(told, roles=("viewer",)), "Run validation").disabled
        roles = ["operator"]
        test = opened(told, roles=roles)
        roles.clear()  # it was taken away while the page was open
        labelled(test, "Run validation").click().run()
        assert labelled(test, "Run validation").disabled
        assert not any(asked[0].startswith("POST") for asked in told.asked)


class TestLog:
    def test_the_address_chooses_log_text_and_time(self, told: Supervised) -> None:
        opened(told, log="api", text="error", since="900")
        assert "GET /v1/logs?ids=api&text=error&since=900&lines=200" in [asked[0] for asked in told.asked]

    def test_what_terminals_understand_is_left_out_and_markup_is_text(self, told: Supervised) -> None:
        told.answers["GET /v1/logs"] = 200, some_lines("\x1b[31mred\x1b[0m <b>&\x07", left_out=7)
        page = shown(opened(told))
        assert "<b>api</b> red &lt;b&gt;&amp;\n" in page
        assert "7 older lines left out" in page

    def test_choosing_another_log_changes_the_address(self, told: Supervised) -> None:
        test = opened(told)
        labelled(test, "Of").select("validate").run()
        assert test.query_params["log"] == "validate"
        assert "GET /v1/logs?ids=validate&lines=200" in [asked[0] for asked in told.asked]
        told.answers["GET /v1/logs"] = 200, some_lines()
        labelled(test, "Lines with").set_value("zebra").run()
        assert test.query_params["text"] == "zebra"
        assert "No line" in shown(test)

    def test_following_can_be_paused(self, told: Supervised) -> None:
        test = opened(told)
        labelled(test, "Follow").set_value(False).run()
        assert "Paused · read" in shown(test)
