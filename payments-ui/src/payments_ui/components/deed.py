"""A dialog for any deed that is not a payment's own: looked at again, with a reason, once per opening.

It must not be opened from inside a live part, and knows nothing of what is done.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import streamlit as st
from markupsafe import Markup
from payments_schema.errors import PaymentsError
from payments_schema.ids import uuid7
from payments_schema.money import Money, parse_major

from payments_ui import state
from payments_ui.api_client import ApiError
from payments_ui.components import facts, grid, money, problems
from payments_ui.components.fields import AMOUNT_NAMES, Fields

LARGE_MINOR = 100_000
"""From here on the amount is typed a second time, so that no slip of a digit goes through."""

Named = Sequence[tuple[str, Markup | str]]


@dataclass(frozen=True, slots=True)
class Filled:
    """What the reader has said. amount: None where all of it is meant; key: the opening's only one."""

    reason: str
    amount: Money | None
    key: str


@dataclass(frozen=True, slots=True)
class Deed:
    """What a dialog asks and does. look: reads anew what is acted on, and may raise `ApiError`.

    most: the amount may be less than this, and is not asked for without it. whole: reads anew what is moved
    where no amount is asked for. below: what else there is to see of it, such as the entries that it would
    post; read anew as well. ask: asks a second person where the API says that one is needed.
    """

    label: str
    look: Callable[[], Named]
    do: Callable[[Filled], object]
    warning: str = ""
    most: Money | None = None
    whole: Callable[[], Money] | None = None
    wants_reason: bool = True
    below: Callable[[Money | None], Markup] | None = None
    ask: Callable[[Filled], object] | None = None


def button(deed: Deed, key: str, *, disabled: bool = False) -> None:
    """Show the button that opens the dialog; its idempotency key is made then."""
    if st.button(deed.label, key=f"open_{key}", disabled=disabled):
        st.dialog(deed.label, width="large", on_dismiss="rerun")(dialog)(deed, f"ui-{uuid7()}")


def dialog(deed: Deed, key: str) -> None:
    """Show what is acted on as it is now, ask, do it once it is confirmed, and show what came of it."""
    if is_over(f"done_{key}", lambda: _form(deed, key)):
        result(*st.session_state[f"done_{key}"])


def is_over(slot: str, form: Callable[[], None]) -> bool:
    """Show a form until it has put what came of it into this slot of the session; then it is gone.

    What is shown afterwards stands at the dialog's top: below the form it would stand where the button stood,
    and the second press of a double click would fall on it.
    """
    if slot in st.session_state:
        return True
    place = st.empty()
    with place.container():
        form()
    if slot not in st.session_state:
        return False
    place.empty()
    return True


def result(word: str, named: Named) -> None:
    """Show what came of an opening, to be closed by who has seen it."""
    head = Markup('<p class="pay-sum pay-good"><i class="pay-shape pay-disc"></i>{}</p>').format(word)
    st.html(str(Markup('<div class="pay-result">{}{}</div>').format(head, facts.facts(named))))


def _form(deed: Deed, key: str) -> None:
    try:
        st.html(str(facts.facts(deed.look())))
        whole = deed.whole() if deed.whole is not None else None
    except ApiError as error:
        problems.show(error)
        return
    if deed.warning:
        st.warning(deed.warning)
    inputs = Fields()
    amount, is_sound = _amount(deed.most, key, inputs)
    is_sound = is_sound and _seen(deed, amount)
    moved = amount or whole
    if is_sound and moved is not None:
        is_sound = confirmed(moved, f"typed_{key}")
    if deed.ask is not None and st.session_state.get(f"second_{key}"):
        _ask_second(deed, deed.ask, amount, key, inputs)
        return
    reason = ""
    if deed.wants_reason:
        reason = st.text_area("Reason", max_chars=255, key=f"reason_{key}", help="Kept in the audit trail.")
        inputs.under("reason")
    if not st.button(f"{deed.label} now", type="primary", key=f"do_{key}", disabled=not is_sound):
        return
    said = (reason or "").strip()
    if deed.wants_reason and not said:
        st.caption(":red[Say why: the reason is kept in the audit trail.]")
        return
    try:
        deed.do(Filled(said, amount, key))
    except ApiError as error:
        if error.code == "approval_required" and deed.ask is not None:
            st.session_state[f"second_{key}"] = True
            _ask_second(deed, deed.ask, amount, key, inputs)
        else:
            problems.refused(error, inputs)
        return
    _keep(deed, key, "Done")


def _seen(deed: Deed, amount: Money | None) -> bool:
    """Show what else there is to see; False where the API would refuse."""
    if deed.below is None:
        return True
    try:
        more = deed.below(amount)
    except ApiError as error:
        problems.show(error)
        return False
    if more:
        st.html(str(more))
    return True


def _ask_second(
    deed: Deed, ask: Callable[[Filled], object], amount: Money | None, key: str, inputs: Fields
) -> None:
    """Ask somebody else to agree; nothing is done until then."""
    st.warning("So much needs a second person. Nothing was done; say why, and ask one.")
    reason = (st.text_area("Reason", max_chars=1000, key=f"why_{key}") or "").strip()
    inputs.under("reason")
    if not st.button("Ask a second person", type="primary", key=f"ask_{key}", disabled=not reason):
        return
    try:
        ask(Filled(reason, amount, f"{key}-ask"))
    except ApiError as error:
        problems.refused(error, inputs)
        return
    waiting = grid.link(state.page_link(state.APPROVALS_PATH, state="waiting"), "among the approvals")
    _keep(deed, key, "Asked", ("It waits", waiting))


def _keep(deed: Deed, key: str, word: str, *more: tuple[str, Markup]) -> None:
    """Remember what came of an opening: how that which was acted on stands now."""
    try:
        named = deed.look()
    except ApiError as error:
        named = [("As it is now", error.detail)]
    st.session_state[f"done_{key}"] = (word, [*named, *more, ("Key", facts.code(key))])


def _amount(most: Money | None, key: str, inputs: Fields) -> tuple[Money | None, bool]:
    """Ask how much; False while what is typed will not do."""
    if most is None:
        return None, True
    limit = money.spoken(most.major(), most.currency)
    typed = st.text_input(f"Amount, at most {limit}", most.major(), key=f"amount_{key}", max_chars=30) or ""
    inputs.under(*AMOUNT_NAMES)
    try:
        amount = parse_major(typed.strip().replace(",", ""), most.currency)
    except PaymentsError as error:
        st.caption(f":red[{error.detail}]")
        return None, False
    if not 0 < amount.minor <= most.minor:
        st.caption(f":red[Between nothing and {limit}.]")
        return None, False
    return amount, True


def confirmed(amount: Money, slot: str) -> bool:
    """Ask for a large amount a second time; True once it was typed, and for every small one."""
    if amount.minor < LARGE_MINOR:
        return True
    typed = st.text_input(
        f"This is a large amount of {amount.currency}. Type {amount.major()} to confirm.",
        key=slot,
        max_chars=30,
    )
    return (typed or "").strip().replace(",", "") == amount.major()


def all_confirmed(amounts: Iterable[Money], slot: str) -> bool:
    """Ask for the sum of each currency that is large; True once all of them were typed."""
    sums: dict[str, Money] = {}
    for amount in amounts:
        sums[amount.currency] = sums.get(amount.currency, Money(0, amount.currency)) + amount
    typed = [confirmed(sums[currency], f"{slot}_{currency}") for currency in sorted(sums)]
    return all(typed)
