"""What every provider adapter must do, as tests: subclass ProviderConformance, give it a sandbox, run pytest.

Must not know any adapter: it sees the Protocol, and a sandbox that makes a provider behave in a named way.
"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Protocol
from uuid import UUID, uuid4

from payments_schema.money import Money
from payments_schema.wire.wallets import WalletDirection

from recon_worker.wallets.providers.protocol import (
    Accepted,
    NeedsVoucher,
    NotFound,
    NotSent,
    Order,
    Provider,
    Refused,
    Succeeded,
    Unknown,
)

DISBURSE, COLLECT = WalletDirection.DISBURSE, WalletDirection.COLLECT
LONGEST_WAIT_S = 5.0


class Sandbox(Protocol):
    """A provider's test system. Faults last until the next `behave`."""

    @property
    def provider(self) -> Provider:
        """The adapter, talking to this sandbox with a read timeout below LONGEST_WAIT_S."""
        ...

    @property
    def unreachable(self) -> Provider:
        """The same adapter, talking to an address where nobody listens."""
        ...

    def phone(self, outcome: str) -> str:
        """A number whose transfers end in `success`, `rejected` or `ongoing`."""
        ...

    def behave(self, fault: str) -> None:
        """From now on: calm, lost_reply, garbage, huge, outage, hang, wrong_currency, unknown_status."""
        ...

    def times_paid(self, reference: UUID) -> int:
        """How often money truly moved under a reference."""
        ...


def order_for(sandbox: Sandbox, outcome: str, direction: WalletDirection = DISBURSE) -> Order:
    """An order of 12.50 whose outcome is known."""
    return Order(
        uuid4(), direction, Money(1250, "GHS"), sandbox.phone(outcome), "pay_conformance", "conformance"
    )


class ProviderConformance:
    """The tests. A subclass defines the fixture `sandbox`."""

    async def test_a_first_reply_is_never_a_success(self, sandbox: Sandbox) -> None:
        order = order_for(sandbox, "success")
        assert isinstance(await sandbox.provider.submit(order), Accepted)

    async def test_only_asking_confirms(self, sandbox: Sandbox) -> None:
        order = order_for(sandbox, "success")
        await sandbox.provider.submit(order)
        assert isinstance(await sandbox.provider.inquire(order), Succeeded)
        assert sandbox.times_paid(order.reference) == 1

    async def test_a_collection_is_confirmed_or_asks_for_a_voucher(self, sandbox: Sandbox) -> None:
        order = order_for(sandbox, "success", COLLECT)
        said = await sandbox.provider.submit(order)
        assert isinstance(said, Accepted | NeedsVoucher)
        found = await sandbox.provider.inquire(order)
        assert isinstance(found, NeedsVoucher if isinstance(said, NeedsVoucher) else Succeeded)

    async def test_sending_twice_pays_once(self, sandbox: Sandbox) -> None:
        order = order_for(sandbox, "success")
        said = await asyncio.gather(*(sandbox.provider.submit(order) for _ in range(5)))
        assert all(isinstance(one, Accepted) for one in said)
        assert sandbox.times_paid(order.reference) == 1

    async def test_a_rejection_is_told_with_its_reason(self, sandbox: Sandbox) -> None:
        order = order_for(sandbox, "rejected")
        await sandbox.provider.submit(order)
        said = await sandbox.provider.inquire(order)
        assert isinstance(said, Refused)
        assert said.code == "APPROVAL_REJECTED"
        assert sandbox.times_paid(order.reference) == 0

    async def test_what_is_under_way_is_open(self, sandbox: Sandbox) -> None:
        order = order_for(sandbox, "ongoing")
        await sandbox.provider.submit(order)
        assert isinstance(await sandbox.provider.inquire(order), Accepted)

    async def test_an_unknown_reference_is_not_a_failure(self, sandbox: Sandbox) -> None:
        assert isinstance(await sandbox.provider.inquire(order_for(sandbox, "success")), NotFound)

    async def test_a_lost_reply_is_unknown_and_then_found(self, sandbox: Sandbox) -> None:
        order = order_for(sandbox, "success")
        await sandbox.provider.balance("GHS")  # whatever must be fetched once is there
        sandbox.behave("lost_reply")
        assert isinstance(await sandbox.provider.submit(order), Unknown | Accepted)
        sandbox.behave("calm")
        assert isinstance(await sandbox.provider.inquire(order), Succeeded)
        assert sandbox.times_paid(order.reference) == 1

    async def test_replies_that_say_nothing_settle_nothing(self, sandbox: Sandbox) -> None:
        order = order_for(sandbox, "success")
        await sandbox.provider.submit(order)
        for fault in ("garbage", "huge", "outage", "wrong_currency", "unknown_status"):
            sandbox.behave(fault)
            said = await sandbox.provider.inquire(order)
            assert isinstance(said, Unknown), (fault, said)
            assert order.phone.removeprefix("+") not in (said.raw or "")
            assert len(said.raw or "") <= 2000

    async def test_an_outage_never_settles_a_submission(self, sandbox: Sandbox) -> None:
        sandbox.behave("outage")
        said = await sandbox.provider.submit(order_for(sandbox, "success"))
        assert isinstance(said, Unknown | NotSent)

    async def test_a_hanging_provider_is_given_up_in_time(self, sandbox: Sandbox) -> None:
        order = order_for(sandbox, "success")
        await sandbox.provider.balance("GHS")
        sandbox.behave("hang")
        async with asyncio.timeout(LONGEST_WAIT_S):
            assert isinstance(await sandbox.provider.submit(order), Unknown)

    async def test_what_never_left_is_said_to(self, sandbox: Sandbox) -> None:
        assert isinstance(await sandbox.unreachable.submit(order_for(sandbox, "success")), NotSent)

    async def test_asking_in_vain_is_unknown(self, sandbox: Sandbox) -> None:
        assert isinstance(await sandbox.unreachable.inquire(order_for(sandbox, "success")), Unknown)

    async def test_the_statement_has_what_moved(self, sandbox: Sandbox) -> None:
        before = await sandbox.provider.balance("GHS")
        order = order_for(sandbox, "success")
        await sandbox.provider.submit(order)
        after = await sandbox.provider.balance("GHS")
        now = datetime.now(UTC)
        lines = await sandbox.provider.statement(now - timedelta(minutes=5), now + timedelta(minutes=5))
        (line,) = [line for line in lines if line.reference == str(order.reference)]
        assert line.effect_minor == after.minor - before.minor
        assert line.effect_minor == -(order.amount.minor + line.fee_minor)
