"""The rules for wallets: those in force, what others would have done with past payments, and who is listed.

It must not put rules in force: that is the API's, after a look at what they would have done.
"""

import json
from datetime import UTC, datetime
from typing import cast

import streamlit as st
from payments_schema.wire.wallet_desk import DryRun, PutOnList, RulesView, TakeOffList
from pydantic import JsonValue, ValidationError

from payments_ui import calls
from payments_ui.api_client import ApiClient, ApiError
from payments_ui.calls.wallets import TryRules
from payments_ui.components import deed, facts, grid, header, problems, times

VERDICTS = ("block", "review", "allow")
KINDS = {"phone": "Telephone number", "payer": "Payer (a client, or client/user)"}


def show(api: ApiClient) -> None:
    """Show the page."""
    header.title("Wallet rules", "What is stopped, where payments go, and who is always let through or not.")
    try:
        rules = calls.wallets.wallet_rules(api)
    except ApiError as error:
        problems.show(error)
        return
    _in_force(rules)
    _dry_run(api, rules)
    st.markdown("##### Lists", anchors=False)
    _lists(api)


def _in_force(rules: RulesView) -> None:
    st.markdown(f"##### In force: version {rules.version}", anchors=False)
    for part, why in rules.unreadable.items():
        st.warning(f"The {part} rules in force cannot be read by this release: {why}.")
    weights = [(name.replace("_", " "), f"{weight:,}") for name, weight in rules.routing.items()]
    st.html(str(grid.table("Weights of routing", ("Weight of", "Points"), weights, "Points")))
    with st.expander("Rules of risk, written out", icon=":material/data_object:"):
        st.html(str(facts.raw(json.dumps(rules.risk, indent=2))))
    zone, now = times.reader_zone(), datetime.now(UTC)
    rows = [
        (
            str(one.version),
            one.set_by or "",
            times.moment(one.set_at, zone, now) if one.set_at else "",
            ", ".join(name for name, part in (("risk", one.risk), ("routing", one.routing)) if part),
        )
        for one in rules.history
    ]
    if rows:
        heads = ("Version", "Set by", "Set", "Own rules of")
        st.html(str(grid.table("Versions of the rules", heads, rows, "Version")))


def _dry_run(api: ApiClient, rules: RulesView) -> None:
    st.markdown("##### What would other rules have done?", anchors=False)
    now = {"risk": rules.risk, "routing": rules.routing}
    left, right = st.columns([3, 1])
    part = left.selectbox("Try other rules of", list(now), key="dry_run_part")
    days = right.selectbox("On the last days", (1, 7, 31), index=1, key="dry_run_days")
    with st.form("dry_run", border=False):
        written = st.text_area(
            "Rules as JSON", json.dumps(now[part], indent=2), height=220, key=f"dry_run_{part}"
        )
        pressed = st.form_submit_button("Try, change nothing", type="primary")
    if not pressed:
        return
    try:
        given = cast("JsonValue", json.loads(written or ""))
        asked = TryRules.model_validate({part: given, "days": days})
    except (ValueError, ValidationError):
        st.caption(":red[This is not a JSON object.]")
        return
    try:
        _judged(calls.wallets.try_rules(api, asked))
    except ApiError as error:
        problems.show(error)


def _judged(found: DryRun) -> None:
    partly = " (only the newest, there are more)" if found.is_partial else ""
    st.markdown(f"Of {found.judged:,} judged again{partly}, **{found.changed:,}** would have gone otherwise.")
    for caption, counted in (("Outcomes", found.outcomes), ("Reasons", found.reasons)):
        rows = [(name.replace("_", " "), f"{count:,}") for name, count in counted.items()]
        if rows:
            st.html(str(grid.table(caption, (caption, "Payments"), rows, "Payments")))
    if found.examples:
        with st.expander("Examples", icon=":material/data_object:"):
            st.html(str(facts.raw(json.dumps(found.examples, indent=2))))


def _lists(api: ApiClient) -> None:
    try:
        listed = calls.wallets.risk_list(api)
    except ApiError as error:
        problems.show(error)
        return
    if listed:
        zone, now = times.reader_zone(), datetime.now(UTC)
        heads = ("Who", "Verdict", "Reason", "By", "Since")
        rows = (
            (one.subject, one.verdict, one.reason, one.added_by, times.moment(one.added_at, zone, now))
            for one in listed
        )
        st.html(str(grid.table("Lists", heads, rows)))
    else:
        problems.nothing_here("Nobody is listed", "Each payment is judged by the rules alone.")
    if len(listed) == calls.wallets.LISTED_ROWS:
        st.caption(f"The first {calls.wallets.LISTED_ROWS:,}; there may be more.")
    _enlist(api)


def _enlist(api: ApiClient) -> None:
    kinds, who, verdicts, put, take = st.columns([2, 3, 1.4, 1, 1.2], vertical_alignment="bottom")
    kind = kinds.selectbox("By", list(KINDS), format_func=KINDS.__getitem__, key="listed_kind")
    subject = (who.text_input("Who", key="listed_who", max_chars=255) or "").strip()
    verdict = verdicts.selectbox("Verdict", VERDICTS, key="listed_verdict")
    is_sound = bool(subject) and _is_subject(kind, subject)
    with put:
        deed.button(listing(api, "Put on list", kind, subject, verdict), "enlist", disabled=not is_sound)
    with take:
        deed.button(listing(api, "Take off list", kind, subject, verdict), "delist", disabled=not is_sound)
    if subject and not is_sound:
        st.caption(":red[A number is written as +233 24 312 3499 or 024 312 3499, a payer by its name.]")


def _is_subject(kind: str, subject: str) -> bool:
    try:
        TakeOffList.model_validate({kind: subject, "reason": "to be said"})
    except ValidationError:
        return False
    return True


def listing(api: ApiClient, label: str, kind: str, subject: str, verdict: str) -> deed.Deed:
    """Put somebody on the list, or take him off, with a reason."""
    is_put = label == "Put on list"

    def look() -> deed.Named:
        named = [("Who", facts.code(subject)), ("By", KINDS[kind])]
        return [*named, ("Verdict", verdict)] if is_put else named

    def do(said: deed.Filled) -> None:
        given = {kind: subject, "reason": said.reason}
        if is_put:
            calls.wallets.put_on_list(api, PutOnList.model_validate({**given, "verdict": verdict}))
        else:
            calls.wallets.take_off_list(api, TakeOffList.model_validate(given))

    return deed.Deed(label, look, do, warning="It counts from the next payment on.")
