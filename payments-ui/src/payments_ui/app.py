"""Which pages there are, and under which addresses. Navigation only: nothing is shown from here."""

from collections.abc import Callable
from functools import partial

import streamlit as st
from markupsafe import Markup
from streamlit.navigation.page import Page

from payments_ui import identity, sign_in, state
from payments_ui.api_client import ApiClient, HttpApiClient
from payments_ui.components import header
from payments_ui.pages import (
    account,
    approvals,
    create,
    differences,
    events,
    home,
    invoices,
    jobs,
    ledger,
    overview,
    payment,
    payments,
    statements,
    wallet_rules,
    wallets,
    workspace,
)
from payments_ui.settings import Settings, SignIn
from payments_ui.workspace.client import Supervisor


@st.cache_resource(show_spinner=False)
def _wiring() -> tuple[ApiClient, Settings]:
    """Make what all sessions of the process share: settings, and a client with its connections."""
    settings = Settings()
    return HttpApiClient(
        settings.api_url, lambda: identity.bearer(settings, identity.present(settings))
    ), settings


@st.cache_resource(show_spinner=False)
def _supervisor(socket: str) -> Supervisor:
    """Make the way to the workspace's supervisor, which all sessions share."""
    return Supervisor(socket)


def navigate() -> None:
    """Show the menu and run the page that the address names."""
    api, settings = _wiring()
    listed = st.Page(
        partial(payments.show, api, refresh_s=settings.ui_refresh_s),
        title="Payments",
        url_path=state.PAYMENTS_PATH,
    )
    one = st.Page(
        partial(payment.show, api, refresh_s=settings.ui_refresh_s),
        title="Payment",
        url_path=state.PAYMENT_PATH,
    )
    new = st.Page(
        partial(create.show, api),
        title="New payment",
        url_path=state.CREATE_PATH,
    )
    balance = st.Page(
        partial(account.show, api, refresh_s=settings.ui_refresh_s),
        title="Account",
        url_path=state.ACCOUNT_PATH,
    )
    start = st.Page(partial(home.show, listed), title="Payments platform", visibility="hidden", default=True)
    chosen = st.navigation(
        {
            "": [start, *_live(api, settings, {"Overview": (overview.show, state.OVERVIEW_PATH)})],
            "Payments": [listed, one, new],
            "Operations": _live(
                api,
                settings,
                {
                    "Discrepancies": (differences.show, state.DIFFERENCES_PATH),
                    "Approvals": (approvals.show, state.APPROVALS_PATH),
                    "Jobs": (jobs.show, state.JOBS_PATH),
                },
            )
            + _still(
                api,
                {
                    "Wallet operations": (wallets.show, state.WALLETS_PATH),
                    "Wallet rules": (wallet_rules.show, state.WALLET_RULES_PATH),
                    "Statements": (statements.show, state.STATEMENTS_PATH),
                    "Invoices": (invoices.show, state.INVOICES_PATH),
                    "Events and webhooks": (events.show, state.EVENTS_PATH),
                },
            ),
            "Accounts": [balance, *_still(api, {"Ledger": (ledger.show, state.LEDGER_PATH)})],
            **_development(settings),
        },
        expanded=True,
    )
    header.look(header.tab(chosen.title, settings.devtools_instance))
    # Every address leads here first: whoever is nobody sees no page.
    if settings.ui_sign_in is SignIn.NONE or _signed_in(settings):
        chosen.run()


def _signed_in(settings: Settings) -> bool:
    """Say who this session is, or show how to sign in; whoever has no role here sees no page."""
    person = identity.present(settings)
    if person is None:
        header.title("Payments platform", "These pages move money, so they ask who you are.")
        if settings.ui_sign_in is SignIn.OIDC:
            if st.button("Sign in", type="primary"):
                st.login()
        else:
            st.html(str(Markup('<p><a class="pay-action" href="/{}">Sign in</a></p>').format(sign_in.PATH)))
        return False
    who = Markup('<p class="pay-who">{} · {}{}</p>').format(
        person.name,
        ", ".join(person.roles) or "no role",
        Markup(' · <a href="/{}">change</a>').format(sign_in.PATH)
        if settings.ui_sign_in is SignIn.DEVELOPMENT
        else "",
    )
    st.sidebar.html(str(who))
    if settings.ui_sign_in is SignIn.OIDC and st.sidebar.button("Sign out"):
        st.logout()
    if not person.roles:
        header.title("Payments platform", "You are signed in, but nobody gave you a role here.")
        st.warning(
            f"Ask whoever runs your OpenID provider for one of {', '.join(identity.ROLES)} in the claim "
            f"`{settings.oidc_roles_claim}`, then sign out and in again."
        )
    return bool(person.roles)


def _live(
    api: ApiClient, settings: Settings, pages: dict[str, tuple[Callable[..., None], str]]
) -> list[Page]:
    """Pages that read again by themselves."""
    return [
        st.Page(partial(show, api, refresh_s=settings.ui_refresh_s), title=title, url_path=path)
        for title, (show, path) in pages.items()
    ]


def _development(settings: Settings) -> dict[str, list[Page]]:
    """The workspace's page, where these pages are a developer's own."""
    if not settings.supervisor_socket:
        return {}
    page = partial(
        workspace.show,
        _supervisor(settings.supervisor_socket),
        refresh_s=settings.ui_refresh_s,
        instance=settings.devtools_instance,
        may_run=lambda: identity.may_operate(settings, identity.present(settings)),
    )
    return {"Development": [st.Page(page, title="Workspace", url_path=state.WORKSPACE_PATH)]}


def _still(api: ApiClient, pages: dict[str, tuple[Callable[..., None], str]]) -> list[Page]:
    """Pages that are read when they are opened."""
    return [st.Page(partial(show, api), title=title, url_path=path) for title, (show, path) in pages.items()]
