"""The console of the queue: what waits, runs and was given up; dead letters retried or discarded by their id.

It must not act on a job by its place in a list, and asks before it discards.
"""

import json
from dataclasses import dataclass
from datetime import UTC, datetime

import streamlit as st
from markupsafe import Markup
from payments_schema.money import Money
from payments_schema.wire.jobs import Job, JobPage, JobStatus
from payments_schema.wire.operations import Queues

from payments_ui import calls, state
from payments_ui.api_client import ApiClient
from payments_ui.components import deed, facts, grid, header, live, problems, queues, status, times

ANY = ""


@dataclass(frozen=True, slots=True)
class Picture:
    """What the console shows, read together."""

    queues: Queues
    page: JobPage


def show(api: ApiClient, *, refresh_s: int) -> None:
    """Show the page."""
    header.title("Jobs", "The queue: what waits, what runs, what was given up.")
    chosen, queue, is_live = _asked()
    cursor = st.query_params.get("cursor", "")
    console = st.container()
    live.follow(
        "jobs",
        (chosen, queue, cursor),
        load=lambda: Picture(
            calls.operations.queues(api),
            calls.operations.jobs(api, status=chosen, queue=queue, cursor=cursor),
        ),
        show=lambda picture: _show(picture, chosen, queue, cursor),
        every_s=refresh_s,
        live=is_live,
    )
    picture = live.last("jobs", Picture)
    if picture is not None:
        with console:
            _dead_letters(api, [job for job in picture.page.data if job.status is JobStatus.DEAD])


def _asked() -> tuple[str, str, bool]:
    asked = st.query_params.get("status", "")
    statuses = [ANY, *JobStatus]
    left, middle, right = st.columns([2, 4, 1.2], vertical_alignment="bottom")
    chosen = left.selectbox(
        "Status",
        statuses,
        index=statuses.index(asked) if asked in statuses else 0,
        format_func=lambda value: status.look_of(value).word if value else "any",
    )
    queue = middle.text_input("Queue", st.query_params.get("queue", ""), max_chars=state.SEARCH_MAX) or ""
    with right:
        is_live = live.toggle("jobs_live")
    wanted = {name: value for name, value in (("status", chosen), ("queue", queue.strip())) if value}
    kept = {name: st.query_params.get(name, "") for name in ("status", "queue")}
    if wanted != {name: value for name, value in kept.items() if value}:
        st.query_params.from_dict(wanted)
    return chosen, queue.strip(), is_live


def _show(picture: Picture, chosen: str, queue: str, cursor: str) -> None:
    st.html(str(queues.table(picture.queues)))
    if picture.page.data:
        st.html(str(_jobs(picture.page)))
        more = picture.page.next_cursor
        st.html(str(grid.pager(cursor, more, state.JOBS_PATH, status=chosen, queue=queue)))
    else:
        problems.nothing_here("No job", "Nothing in the queue is like that just now.")
    with st.expander("Schedule"):
        st.html(str(_schedule(picture.queues)))


def _jobs(page: JobPage) -> Markup:
    now, zone = datetime.now(UTC), times.reader_zone()
    heads = ("Job", "Queue", "Does", "Status", "Due", "Attempts", "Last error")
    rows = (
        (
            Markup('<code title="{}">…{}</code>').format(job.id, str(job.id)[-12:]),
            job.queue,
            job.actor,
            status.badge(job.status.value),
            times.moment(job.due_at, zone, now),
            str(job.retries + job.crashes),
            _last_line(job),
        )
        for job in page.data
    )
    return grid.table("Jobs, newest first", heads, rows, "Attempts")


def _last_line(job: Job) -> str:
    lines = (job.error or "").strip().splitlines()
    return lines[-1][:160] if lines else ""


def _schedule(told: Queues) -> Markup:
    now, zone = datetime.now(UTC), times.reader_zone()
    heads = ("What", "Last slot", "Done by", "At")
    rows = (
        (
            line.name,
            times.moment(line.last_slot, zone, now),
            line.claimed_by or "",
            times.moment(line.claimed_at, zone, now),
        )
        for line in told.schedules
    )
    return grid.table("Schedule", heads, rows)


def _dead_letters(api: ApiClient, dead: list[Job]) -> None:
    if not dead:
        return
    by_id = {str(job.id): job for job in dead}
    left, retry, discard = st.columns([5, 1, 1], vertical_alignment="bottom")
    chosen = left.selectbox(
        "Dead letter",
        list(by_id),
        format_func=lambda job_id: f"…{job_id[-12:]} {by_id[job_id].actor}" if job_id in by_id else job_id,
        key="dead_letter",
    )
    for column, action in ((retry, "Retry"), (discard, "Discard")):
        if chosen in by_id:
            with column:
                deed.button(handling(api, action, by_id[chosen]), f"job_{action}")


def handling(api: ApiClient, action: str, job: Job) -> deed.Deed:
    """Give a dead letter another chance, or take it out of the queue for good."""
    answers: list[Job] = []

    def look() -> deed.Named:
        now = (answers or [job])[-1]  # jobs are not read one by one: the API's answer says how it became
        address = state.page_link(state.JOBS_PATH, status=now.status.value)
        return [
            ("Job", facts.code(str(now.id))),
            ("Does", now.actor),
            ("Queue", now.queue),
            (
                "Status",
                Markup("{} {}").format(status.badge(now.status.value), grid.link(address, "all such")),
            ),
        ]

    def handle(_: deed.Filled) -> None:
        act = calls.operations.retry_job if action == "Retry" else calls.operations.discard_job
        answers.append(act(api, str(job.id)))

    def whole(_: Money | None) -> Markup:
        kept = json.dumps({"args": job.args, "history": job.history}, indent=2)
        return facts.raw(job.error or "No error was kept.") + facts.raw(kept)

    warning = "What it was to do will not be done. The event log keeps the job as it is now."
    return deed.Deed(
        action,
        look,
        handle,
        warning=warning if action == "Discard" else "",
        wants_reason=False,
        below=whole,
    )
