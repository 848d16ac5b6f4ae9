"""An account: its balance in one currency, and the payments that lead to it.

It must not add up payments to a balance: the ledger has it, and says so.
"""

from dataclasses import dataclass
from datetime import UTC, datetime

import streamlit as st
from markupsafe import Markup
from payments_schema.money import CURRENCIES
from payments_schema.wire.payments import AccountBalance

from payments_ui import state
from payments_ui.api_client import ApiClient, PaymentPage, PaymentQuery
from payments_ui.components import facts, header, live, money, payments_table, problems, times

RECENT = 20
DEFAULT_CURRENCY = "USD"


@dataclass(frozen=True, slots=True)
class Picture:
    """What the page shows of an account, read together."""

    balance: AccountBalance
    recent: PaymentPage


def show(api: ApiClient, *, refresh_s: int) -> None:
    """Show the page."""
    header.title("Account", "The balance as the ledger has it, with what led to it.")
    account_id, currency, is_live = _asked()
    if not account_id:
        problems.nothing_here("Which account?", "Type its id above, or follow a link from a payment.")
        return
    live.follow(
        "account",
        (account_id, currency),
        load=lambda: Picture(
            api.balance(account_id, currency),
            api.list_payments(PaymentQuery(account_id=account_id, limit=RECENT)),
        ),
        show=_show,
        every_s=refresh_s,
        live=is_live,
    )


def _asked() -> tuple[str, str, bool]:
    """Show which account the address asks for, and move the address when another one is typed."""
    account_id = st.query_params.get("id", "").strip()[: state.SEARCH_MAX]
    currency = st.query_params.get("currency", "").upper()
    currencies = list(CURRENCIES)
    currency = currency if currency in CURRENCIES else DEFAULT_CURRENCY
    left, right, switch = st.columns([4, 1.5, 1.1], vertical_alignment="bottom")
    with switch:
        is_live = live.toggle("account_live")
    typed = (
        left.text_input("Account", account_id, placeholder="ACC-…", max_chars=state.SEARCH_MAX) or ""
    ).strip()
    chosen = right.selectbox("Currency", sorted(currencies), index=sorted(currencies).index(currency))
    if (typed, chosen) != (account_id, currency):
        st.query_params.from_dict({"id": typed, "currency": chosen} if typed else {})
    return typed, chosen, is_live


def _show(picture: Picture) -> None:
    balance = picture.balance
    with st.container(border=True):
        st.html(
            str(
                Markup('<div class="pay-head"><span class="pay-big">{}</span></div>').format(
                    money.spoken(balance.balance, balance.currency)
                )
                + facts.facts(
                    [
                        ("Available", money.cell(balance.available, balance.currency)),
                        ("Pending", money.cell(balance.pending, balance.currency)),
                        ("Entries", f"{balance.version:,}"),
                    ]
                )
            )
        )
    st.markdown("##### Latest payments", anchors=False)
    rows = picture.recent.rows
    if not rows:
        problems.nothing_here("No payment yet", "This account has not been used; its balance is zero.")
        return
    st.html(
        str(
            payments_table.table(
                rows, times.reader_zone(), datetime.now(UTC), "Latest payments of the account"
            )
        )
    )
    if picture.recent.next_cursor:
        everything = state.payments_link(state.Filters(account=balance.account_id))
        st.html(
            str(
                Markup('<p class="pay-more"><a href="{}">All payments of this account</a></p>').format(
                    everything
                )
            )
        )
