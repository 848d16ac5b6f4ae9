"""One payment: what it is, what the reconciliation said, and the entries it made; live until it is final.

It must not show another payment than the one whose id is in its address.
"""

from dataclasses import dataclass
from datetime import UTC, datetime

import streamlit as st
from markupsafe import Markup
from payments_schema.wire.ledger import LedgerTransaction
from payments_schema.wire.payments import PaymentDetail, PaymentStatus, Reconciliation, ReconciliationStatus

from payments_ui import state
from payments_ui.api_client import ApiClient, ApiError, ApiNotFound
from payments_ui.components import facts, header, live, money, problems, status, t_accounts, times


@dataclass(frozen=True, slots=True)
class Story:
    """What the page knows of a payment; `ledger` is None where it could not be read."""

    detail: PaymentDetail
    ledger: tuple[LedgerTransaction, ...] | None

    @property
    def is_final(self) -> bool:
        """Tell whether nothing will change any more: final, and its verdict and entries are here."""
        is_open = self.detail.payment.status is PaymentStatus.PENDING
        return not is_open and self.detail.reconciliation is not None and self.ledger is not None


def show(api: ApiClient, *, refresh_s: int) -> None:
    """Show the page."""
    payment_id = st.query_params.get("id", "").strip()
    if not payment_id:
        _ask_for_id()
        return
    header.title("Payment", "Read by its id; nothing on this page depends on a list.")
    live.follow(
        f"payment:{payment_id}",
        payment_id,
        load=lambda: _read(api, payment_id),
        show=_show,
        every_s=refresh_s,
        live=True,
        is_final=lambda story: story.is_final,
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


def _read(api: ApiClient, payment_id: str) -> Story:
    detail = api.payment(payment_id)
    if detail.payment.status is PaymentStatus.PENDING:
        return Story(detail, ())
    try:
        return Story(detail, api.payment_ledger(payment_id))
    except ApiNotFound:
        return Story(detail, ())
    except ApiError:
        # The payment itself is worth showing; the page asks for its entries again.
        return Story(detail, None)


def _show(story: Story) -> None:
    now, zone = datetime.now(UTC), times.reader_zone()
    payment = story.detail.payment
    st.html(
        str(
            Markup('<div class="pay-head"><span class="pay-big">{}</span>{}</div>').format(
                money.spoken(payment.amount, payment.currency), status.badge(payment.status)
            )
        )
    )
    left, right = st.columns(2, gap="medium")
    with left.container(border=True, height="stretch"):
        st.markdown("##### Payment", anchors=False)
        st.html(
            str(
                facts.facts(
                    [
                        ("Id", facts.code(str(payment.id))),
                        ("Account", _account(payment.account_id, payment.currency)),
                        ("Description", payment.description or ""),
                        ("Created", times.moment(payment.created_at, zone, now)),
                        ("Changed", times.moment(payment.updated_at, zone, now)),
                        ("Idempotency key", facts.code(payment.idempotency_key)),
                    ]
                )
            )
        )
    with right.container(border=True, height="stretch"):
        st.markdown("##### Reconciliation", anchors=False)
        _verdict(story.detail, now)
    _ledger(story)
    with st.expander("As the API tells it", icon=":material/data_object:"):
        st.code(story.detail.model_dump_json(indent=2), language="json")


def _account(account_id: str, currency: str) -> Markup:
    return Markup('<a href="{}">{}</a>').format(state.account_link(account_id, currency), account_id)


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


def _ledger(story: Story) -> None:
    st.markdown("##### Ledger", anchors=False)
    if story.ledger is None:
        st.warning("The entries could not be read just now. This page asks again by itself.")
    elif story.ledger:
        st.html(str(t_accounts.drawn(story.ledger)))
    elif story.is_final:
        problems.nothing_here("Nothing posted", "A payment that fails its reconciliation leaves no entries.")
    else:
        problems.nothing_here("Nothing posted yet", "Entries appear together with the verdict.")
