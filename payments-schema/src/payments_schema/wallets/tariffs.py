"""What each provider takes and carries, unless an operator says otherwise. Must not hold a rule."""

from __future__ import annotations

from payments_schema.wallets.routing import Terms, Tier
from payments_schema.wire.wallets import WalletDirection, WalletProvider

_EVERYWHERE = frozenset({"mtn", "telecel", "airteltigo"})
_ON_NET_TO_COLLECT: dict[WalletProvider, frozenset[str]] = {
    WalletProvider.MTN: frozenset({"mtn"}),
    WalletProvider.TELECEL: _EVERYWHERE,
    WalletProvider.AIRTELTIGO: _EVERYWHERE,
}
_TIERS: dict[WalletProvider, tuple[Tier, ...]] = {
    WalletProvider.MTN: (Tier(bps=75, most_minor=1_000),),
    WalletProvider.TELECEL: (Tier(fixed_minor=10, bps=90, most_minor=1_500),),
    WalletProvider.AIRTELTIGO: (Tier(bps=100, least_minor=5, most_minor=1_200),),
}
DEFAULT_TERMS: dict[WalletProvider, Terms] = {
    provider: Terms(
        tiers,
        {
            WalletDirection.DISBURSE: _EVERYWHERE,
            WalletDirection.COLLECT: _ON_NET_TO_COLLECT[provider],
        },
    )
    for provider, tiers in _TIERS.items()
}
