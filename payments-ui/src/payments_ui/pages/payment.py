"""One payment: what it is, what the reconciliation said, and the entries it made; live until it is final.

It must not show another payment than the one whose id is in its address.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo

import streamlit as st
from markupsafe import Markup
from payments_schema.money import Money
from payments_schema.wire.operations import Kind, PaymentLine, Story
from payments_schema.wire.payments import PaymentDetail, PaymentStatus, Reconciliation, ReconciliationStatus

from payments_ui import calls, state
from payments_ui.api_client import ApiClient
from payments_ui.components import (
    act,
    evidence,
    facts,
    header,
    live,
    money,
    payments_table,
    problems,
    status,
    t_accounts,
    timeline,
    times,
)

HEAD = ("Payment", "Read by its id; nothing on this page depends on a list.")
FINAL = {
    "completed",
    "failed",
    "voided",
    "expired",
    "refunded",
    "FAILED",
    "EXPIRED",
    "CANCELLED",
    "REFUNDED",
}


@dataclass(frozen=True, slots=True)
class Picture:
    """What the page knows of a payment; `detail` is there for direct ones."""

    story: Story
    detail: PaymentDetail | None

    @property
    def is_final(self) -> bool:
        """Tell whether nothing will change any more: final, and its verdict is here."""
        is_judged = self.detail is None or self.detail.reconciliation is not None
        return self.story.payment.status in FINAL and is_judged


def show(api: ApiClient, *, refresh_s: int) -> None:
    """Show the page."""
    payment_id = st.query_params.get("id", "").strip()
    if not payment_id:
        _ask_for_id()
        return
    header.title(*HEAD)
    actions = st.container()
    name = f"payment:{payment_id}"
    live.follow(
        name,
        payment_id,
        load=lambda: _read(api, payment_id),
        show=_show,
        every_s=refresh_s,
        live=True,
        is_final=lambda picture: picture.is_final,
    )
    picture = live.last(name, Picture)
    if picture is not None:
        with actions:
            act.buttons(api, picture.story)


def first_look(api: ApiClient, address: Mapping[str, str], zone: tzinfo) -> Markup | None:
    """Markup of what the payment is; None where the address names none."""
    payment_id = address.get("id", "").strip()
    if not payment_id:
        return None
    picture = _read(api, payment_id)
    return Markup("{}{}{}").format(
        header.drawn(*HEAD), _head(picture.story.payment), _facts(picture, zone, datetime.now(UTC))
    )


def _ask_for_id() -> None:
    header.title(
        "Payment", "Open one from the list, or give its id.", action=("All payments", state.PAYMENTS_PATH)
    )
    with st.form("find", border=False):
        wanted = st.text_input("Payment id", placeholder="0192c0de-…", max_chars=state.SEARCH_MAX)
        if st.form_submit_button("Show") and wanted and wanted.strip():
            st.query_params["id"] = wanted.strip()
            st.rerun()


def _read(api: ApiClient, payment_id: str) -> Picture:
    story = calls.payments.story(api, payment_id)
    return Picture(story, api.payment(payment_id) if story.payment.kind is Kind.DIRECT else None)


def _show(picture: Picture) -> None:
    now, zone = datetime.now(UTC), times.reader_zone()
    story, payment = picture.story, picture.story.payment
    st.html(str(_head(payment)))
    left, right = st.columns(2, gap="medium")
    with left.container(border=True, height="stretch"):
        st.markdown("##### Payment", anchors=False)
        st.html(str(_facts(picture, zone, now)))
    with right.container(border=True, height="stretch"):
        if picture.detail is not None:
            st.markdown("##### Reconciliation", anchors=False)
            _verdict(picture.detail, now)
        else:
            st.markdown("##### What may be done", anchors=False)
            st.html(str(facts.facts(_remaining(story))))
    _ledger(picture)
    st.markdown("##### Story", anchors=False)
    st.html(str(timeline.drawn(story.steps, zone, now)))
    with st.expander("As the API tells it", icon=":material/data_object:"):
        # Not `st.code`: its 1.5 MB of colours cost a fifth of a second before the payment is seen (ADR 20).
        st.html(str(facts.raw(story.model_dump_json(indent=2))))
    st.download_button(
        "Evidence, masked",
        data=lambda: evidence.bundle(story),
        file_name=f"payment-{payment.id}.json",
        mime="application/json",
        icon=":material/download:",
        on_click="ignore",
    )


def _head(payment: PaymentLine) -> Markup:
    return Markup('<div class="pay-head"><span class="pay-big">{}</span>{}</div>').format(
        money.spoken(payment.amount, payment.currency), status.badge(payment.status)
    )


def _facts(picture: Picture, zone: tzinfo, now: datetime) -> Markup:
    payment = picture.story.payment
    return facts.facts(
        [
            ("Id", facts.code(payment.id)),
            ("Kind", payment.kind.value),
            ("Account or payee", payments_table.party(payment)),
            ("Description", payment.description or ""),
            ("Created", times.moment(payment.created_at, zone, now)),
            ("Changed", times.moment(payment.updated_at, zone, now)),
            ("Idempotency key", _key(picture)),
        ]
    )


def _key(picture: Picture) -> Markup | str:
    return facts.code(picture.detail.payment.idempotency_key) if picture.detail is not None else ""


def _remaining(story: Story) -> list[tuple[str, Markup | str]]:
    if not story.actions:
        return [("Now", "Nothing: it is final, or somebody else has it.")]
    return [
        (
            act.LABELS.get(action, action),
            money.cell(
                Money(story.remaining_minor[action], story.payment.currency).major(), story.payment.currency
            ),
        )
        for action in story.actions
    ]


def _verdict(detail: PaymentDetail, now: datetime) -> None:
    verdict = detail.reconciliation
    if verdict is None:
        st.html(str(status.badge(PaymentStatus.PENDING)))
        st.caption("The worker has not come to it yet. This page shows the verdict as soon as there is one.")
        return
    took = times.elapsed(detail.payment.created_at, verdict.created_at)
    st.html(
        str(
            facts.facts(
                [
                    ("Verdict", status.badge(verdict.status)),
                    ("Matched", "yes" if verdict.matched else "no"),
                    ("Discrepancy", _discrepancy(verdict, detail.payment.currency)),
                    ("Note", verdict.notes),
                    ("Decided", times.moment(verdict.created_at, times.reader_zone(), now)),
                    ("Took", took),
                ]
            )
        )
    )
    if verdict.status is ReconciliationStatus.COMPLETED_WITH_DISCREPANCY:
        st.caption("The discrepancy is held in the account suspense until an operator resolves it.")


def _discrepancy(verdict: Reconciliation, currency: str) -> Markup | str:
    return money.cell(verdict.discrepancy_amount, currency) if verdict.discrepancy_amount else ""


def _ledger(picture: Picture) -> None:
    st.markdown("##### Ledger", anchors=False)
    if picture.story.transactions:
        st.html(str(t_accounts.drawn(picture.story.transactions)))
    elif picture.is_final:
        problems.nothing_here("Nothing posted", "A payment that was refused leaves no entries.")
    else:
        problems.nothing_here("Nothing posted yet", "Entries appear together with the verdict.")
