"""Puts the application together: layers, routes, pools, batcher.

Must not read the environment or hold a rule of any capability.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from importlib.metadata import version

from fastapi import FastAPI
from payments_schema.database.pool import make_pool
from payments_schema.wire.approvals import ApprovalKind
from prometheus_client import CollectorRegistry
from starlette.middleware import Middleware

from payments_api.accounts import routes as accounts
from payments_api.approvals import routes as approvals
from payments_api.batching import MicroBatcher
from payments_api.cards import operations as card_operations
from payments_api.cards import routes as cards
from payments_api.cards.approved import CardRefund
from payments_api.cards.kind import CardKind
from payments_api.events import routes as events
from payments_api.health import routes as health
from payments_api.health.metrics import make_gauges
from payments_api.http import documentation, problems
from payments_api.http.auth import authenticator
from payments_api.http.door import Doorkeeper
from payments_api.http.guard import Guard
from payments_api.http.limits import RateLimiter
from payments_api.http.observation import Observation
from payments_api.invoices import routes as invoices
from payments_api.invoices.approved import CreditRefund
from payments_api.jobs import routes as jobs
from payments_api.kinds import routes as kinds
from payments_api.ledger import routes as ledger
from payments_api.ledger.approved import WriteOff
from payments_api.operations import routes as operators
from payments_api.operations import views as saved_views
from payments_api.payments import operations
from payments_api.payments import routes as payments
from payments_api.payments.operations import PaymentBatcher
from payments_api.settings import Settings
from payments_api.wallets import bookkeeping as wallet_books
from payments_api.wallets import callbacks as wallet_callbacks
from payments_api.wallets import operations as wallet_operations
from payments_api.wallets import providers as wallet_providers
from payments_api.wallets import risk as wallet_risk
from payments_api.wallets import routes as wallets
from payments_api.wallets import statements as wallet_statements
from payments_api.wallets.approved import WalletRefund
from payments_api.wallets.kind import WalletKind
from payments_api.webhooks import incoming, subscriptions

_DESCRIPTION = """
Payments that reconcile, and the operations around them.

Errors are RFC 9457 problems with a stable `code`; `error` repeats the sentence. Every POST that moves money
needs an `Idempotency-Key`. Amounts are decimal strings; numbers are taken too, and read exactly.
"""


def create_app(settings: Settings) -> FastAPI:
    """Make the application; nothing is connected before its lifespan starts."""
    registry = CollectorRegistry()
    app = FastAPI(
        title="Payments API",
        version=version("payments-api"),
        description=_DESCRIPTION,
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        lifespan=_lifespan(settings),
        middleware=[
            Middleware(Observation, registry=registry),
            Middleware(Guard, allowed_hosts=settings.hosts),
        ],
        # Validation failures and exceptions would be exported with the values that caused them.
        telemetry={
            "tracing": settings.tracing_enabled,
            "metrics": False,
            "logs": False,
            "operation_spans": False,
        },
    )
    app.openapi = lambda: documentation.describe(app)
    app.state.registry = registry
    app.state.settings = settings
    app.state.gauges = make_gauges(registry)
    limiter = RateLimiter(settings.requests_per_s, settings.rate_limit_burst)
    app.state.doorkeeper = Doorkeeper(authenticator(settings), limiter)
    problems.install(app)
    app.state.wallet_terms = wallet_operations.Terms.of(settings)
    app.state.airteltigo_shared_key = settings.airteltigo_key
    # What a second person can be asked to agree to.
    app.state.deeds = {
        ApprovalKind.CARD_REFUND: CardRefund(),
        ApprovalKind.WALLET_REFUND: WalletRefund(),
        ApprovalKind.WRITE_OFF: WriteOff(),
        ApprovalKind.CREDIT_REFUND: CreditRefund(),
    }
    # A further kind of payment adds itself here.
    app.state.kinds = (CardKind(), WalletKind())
    capabilities = (
        payments,
        cards,
        kinds,
        wallet_books,
        wallet_risk,
        wallet_providers,
        wallet_statements,
        wallets,
        wallet_callbacks,
        invoices,
        incoming,
        subscriptions,
        accounts,
        operators,
        saved_views,
        jobs,
        ledger,
        approvals,
        events,
        health,
    )
    for capability in capabilities:
        app.include_router(capability.router)
    if settings.serves_docs:
        app.include_router(documentation.router)
    return app


def _lifespan(settings: Settings) -> Callable[[FastAPI], AbstractAsyncContextManager[None]]:
    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncGenerator[None]:
        """Open the pools without waiting for Postgres: liveness and 503 must work without it."""
        timeout_s = settings.database_timeout_s
        pool = make_pool(
            settings.bounded_conninfo,
            min_size=2,
            max_size=settings.database_pool_size,
            name="payments-api",
            timeout_s=timeout_s,
        )
        lanes = make_pool(
            settings.bounded_conninfo,
            min_size=settings.batch_lanes,
            max_size=settings.batch_lanes + 1,
            name="payments-api batches",
            timeout_s=timeout_s,
        )
        batcher: PaymentBatcher = MicroBatcher(
            lanes,
            operations.flush,
            same=lambda item: item.client,
            key=lambda item: item.payment.key,
            most_items=settings.batch_items,
            lanes=settings.batch_lanes,
            backlog=settings.batch_backlog,
            timeout_s=timeout_s,
        )
        app.state.card_terms = terms = card_operations.Terms.of(settings)
        card_lanes, app.state.cards = card_operations.open_lanes(settings, terms)
        app.state.pool, app.state.payments = pool, batcher
        event_lanes, app.state.payment_events = incoming.open_lanes(settings)
        for one in (pool, lanes, card_lanes, event_lanes):
            await one.open(wait=False)
        try:
            yield
        finally:
            await batcher.close()
            await app.state.cards.close()
            await app.state.payment_events.close()
            for one in (event_lanes, card_lanes, lanes, pool):
                await one.close(timeout=2)

    return lifespan
