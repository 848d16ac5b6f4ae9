"""The workspace in development: what runs, how it started, whether it proves itself, and what it logs.

It must not stop or restart anything, and is not there where others than its developer can come.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Self

import streamlit as st
from markupsafe import Markup

from payments_ui import state
from payments_ui.api_client import ApiError, ApiRefused
from payments_ui.components import header, live, nodes, problems, startup, times, verdict
from payments_ui.workspace.client import VALIDATION, Supervisor
from payments_ui.workspace.wire import Line, Logged, Node, Status, Timeline, Verdict

SINCE = {"": "any time", "60": "the last minute", "900": "the last 15 minutes", "3600": "the last hour"}
LONGEST_TEXT = 200
# Colours and cursor moves of terminals, then whatever else no reader can see.
_UNSEEN = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]|[\x00-\x08\x0b-\x1f\x7f]")


@dataclass(frozen=True, slots=True)
class Asked:
    """What the address asks for: which nodes, and which lines of which log (all where it names none)."""

    find: str = ""
    phase: str = ""
    log: str = ""
    text: str = ""
    since: str = ""

    @classmethod
    def of_address(cls, address: Mapping[str, str]) -> Self:
        """Read it; what makes no sense is left out."""
        phase, since = address.get("state", ""), address.get("since", "")
        return cls(
            find=address.get("find", "").strip()[:LONGEST_TEXT],
            phase=phase if phase in nodes.LOOKS else "",
            log=address.get("log", "").strip()[:LONGEST_TEXT],
            text=address.get("text", "")[:LONGEST_TEXT],
            since=since if since in SINCE else "",
        )

    def to_address(self) -> dict[str, str]:
        """Return the query parameters; what is as it is by default is left out."""
        return {name: value for name, value in self.named().items() if value}

    def named(self) -> dict[str, str]:
        """Return everything by its name in the address."""
        told = {"log": self.log, "text": self.text, "since": self.since}
        return {"find": self.find, "state": self.phase, **told}

    def fits(self, node: Node) -> bool:
        """Tell whether the table shows a node."""
        words = f"{node.id} {node.name} {node.reason}".casefold()
        return self.find.casefold() in words and self.phase in {"", nodes.phase_of(node)}


@dataclass(frozen=True, slots=True)
class Picture:
    """What is read together."""

    status: Status
    timeline: Timeline
    verdict: Verdict | None


def show(supervisor: Supervisor, *, refresh_s: int, instance: str, may_run: Callable[[], bool]) -> None:
    """Show the page. may_run: whether whoever looks may begin a validation; asked again at the press."""
    title = f"Workspace · {instance}" if instance else "Workspace"
    header.title(title, "What runs on this machine for development, how it started, and what it says.")
    asked = Asked.of_address(st.query_params.to_dict())
    left, middle, right, last = st.columns([3, 2, 1.2, 1.6], vertical_alignment="bottom")
    _begin_with(asked)
    find = left.text_input("Find", key=_key("find"), max_chars=LONGEST_TEXT, placeholder="name or reason")
    phase = middle.selectbox(
        "State",
        ["", *nodes.LOOKS],
        key=_key("state"),
        format_func=lambda value: nodes.LOOKS[value].word if value else "any",
    )
    with right:
        is_live = live.toggle("workspace_live")
    with last:
        _run(supervisor, may_run)
    wanted = replace(asked, find=(find or "").strip(), phase=phase)
    live.follow(
        "workspace",
        "workspace",
        load=lambda: Picture(supervisor.status(), supervisor.timeline(), supervisor.verdict()),
        show=lambda picture: _show(picture, wanted),
        every_s=refresh_s,
        live=is_live,
    )
    picture = live.last("workspace", Picture)
    if picture is not None:
        wanted = _logs(supervisor, [node.id for node in picture.status.nodes], wanted, refresh_s)
    if wanted.to_address() != asked.to_address():
        st.query_params.from_dict(wanted.to_address())


def _key(name: str) -> str:
    return f"workspace_{name}"


def _begin_with(asked: Asked) -> None:
    """Give the fields what the address says, once: from then on the address follows the fields."""
    for name, value in asked.named().items():
        st.session_state.setdefault(_key(name), value)


def _run(supervisor: Supervisor, may_run: Callable[[], bool]) -> None:
    allowed = may_run()
    pressed = st.button(
        "Run validation",
        key="run_validation",
        disabled=not allowed,
        help="Runs the task `validate`: it makes a payment of its own and follows it all the way."
        if allowed
        else "Your role may look only: an operator runs it.",
    )
    if not pressed or not may_run():
        return
    try:
        supervisor.validate()
    except ApiRefused as error:
        # Two presses, or somebody else was faster: its steps are on the page either way.
        st.toast(error.detail)
    except ApiError as error:
        problems.show(error)


def _show(picture: Picture, asked: Asked) -> None:
    now, zone = datetime.now(UTC), times.reader_zone()
    st.html(str(_whole(picture.status)))
    shown = [node for node in picture.status.nodes if asked.fits(node)]
    if shown:
        st.html(str(nodes.table(shown, picture.status.urls, zone, now)))
    else:
        problems.nothing_here(
            "Nothing fits", "No service or task is like that just now. Clear Find and State."
        )
    st.markdown("##### Last validation", anchors=False)
    _validation(picture)
    st.markdown("##### Last start", anchors=False)
    if picture.timeline.nodes or picture.timeline.not_ready:
        st.html(str(Markup('<p class="pay-dim">{}</p>').format(startup.told(picture.timeline))))
    if picture.timeline.nodes:
        st.html(str(startup.drawn(picture.timeline)))
    elif not picture.timeline.not_ready:
        problems.nothing_here("No start yet", "`./dev up` starts the workspace.")


def _whole(status: Status) -> Markup:
    services = [node for node in status.nodes if not node.is_task]
    ready = sum(nodes.phase_of(node) == nodes.READY for node in services)
    failed = [node.id for node in status.nodes if node.phase == "failed"]
    tone, shape = ("bad", "square") if failed else ("good", "disc")
    if not failed and ready < len(services):
        tone, shape = "wait", "ring"
    said = f"{ready} of {len(services)} services are ready"
    if failed:
        said += f"; failed: {', '.join(failed)}"
    if status.closing:
        said += "; everything is being stopped"
    return Markup(
        '<p class="pay-sum"><span class="pay-status pay-{}"><i class="pay-shape pay-{}"></i>{}</span>'
        '<span class="pay-dim">{} in <code>{}</code></span></p>'
    ).format(tone, shape, said, status.name or "workspace", status.root)


def _validation(picture: Picture) -> None:
    now, zone = datetime.now(UTC), times.reader_zone()
    task = next((node for node in picture.status.nodes if node.id == VALIDATION and node.is_task), None)
    told = picture.verdict
    if task is not None and task.requested_at and (told is None or told.started_at < task.requested_at):
        _before_its_first_step(task)
    if told is None:
        if task is None or task.requested_at is None:
            problems.nothing_here("No validation yet", "Run one here, or by `./dev validate`.")
        return
    st.html(str(verdict.head(told, zone, now)))
    st.html(str(verdict.table(told)))
    blamed = verdict.blamed(told)
    if blamed is not None:
        st.html(str(blamed))


def _before_its_first_step(task: Node) -> None:
    """Say of a run that has told no step how far it is, or why it will never come."""
    if task.phase in {"pending", "running"}:
        st.info(
            f"A validation begins: {task.reason or 'its first step is on its way'}.",
            icon=":material/pending:",
        )
    elif task.phase != "succeeded":
        log = state.page_link(state.WORKSPACE_PATH, log=task.id)
        st.html(
            str(
                Markup('<p class="pay-sum" role="status">{} {}; {}</p>').format(
                    nodes.badge(task),
                    f"before its first step: {task.reason or 'no reason was told'}",
                    Markup('<a class="pay-link" href="{}">its log</a>').format(log),
                )
            )
        )


def _logs(supervisor: Supervisor, names: list[str], asked: Asked, refresh_s: int) -> Asked:
    """Show the log that is asked for; returns what is asked for by now."""
    st.markdown("##### Log", anchors=False)
    left, middle, right, last = st.columns([2, 3, 2, 1.2], vertical_alignment="bottom")
    choices = ["", *names]
    if st.session_state.get(_key("log")) not in choices:
        st.session_state[_key("log")] = ""  # the address may name what is no more
    chosen = left.selectbox("Of", choices, key=_key("log"), format_func=lambda value: value or "all, merged")
    text = middle.text_input("Lines with", key=_key("text"), max_chars=LONGEST_TEXT, placeholder="any text")
    text = text or ""
    since = right.selectbox("Written in", list(SINCE), key=_key("since"), format_func=SINCE.__getitem__)
    with last:
        is_live = live.toggle("workspace_log_live", "Follow")
    live.follow(
        "workspace_log",
        (chosen, text, since),
        load=lambda: supervisor.logs(chosen, text=text, since_s=since),
        show=lambda logged: _show_log(logged, is_merged=not chosen),
        every_s=refresh_s,
        live=is_live,
    )
    return replace(asked, log=chosen, text=text, since=since)


def _show_log(logged: Logged, *, is_merged: bool) -> None:
    if not logged.lines:
        problems.nothing_here(
            "No line", "Nothing like that was written lately. Ask for less, or for any time."
        )
        return
    st.html(str(_lines(logged, is_merged)))
    back = f"The last {logged.looked_at_bytes // 1024} KiB of each log are read"
    more = f", {logged.left_out:,} older lines left out" if logged.left_out else ""
    st.caption(f"{back}{more}; `./dev logs` has all of it.")


def _lines(logged: Logged, is_merged: bool) -> Markup:
    zone = times.reader_zone()
    shown = Markup("").join(
        _line(line, is_merged, f"{line.at.astimezone(zone):%H:%M:%S}") for line in logged.lines
    )
    return Markup(
        '<div class="pay-raw pay-log" role="region" tabindex="0" aria-label="Lines of the log">'
        "<pre>{}</pre></div>"
    ).format(shown)


def _line(line: Line, is_merged: bool, clock: str) -> Markup:
    source = Markup("<b>{}</b> ").format(line.source) if is_merged else Markup("")
    return Markup('<time title="{}">{}</time> {}{}\n').format(
        line.at.isoformat(), clock, source, _UNSEEN.sub("", line.text)
    )
