"""What the risk rules ask about payments, read in sets: their past, their payees, their lists.

Must not decide anything.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, LiteralString

from psycopg import AsyncConnection

from payments_schema.database.arrays import texts
from payments_schema.wallets.model import WalletPayment
from payments_schema.wallets.risk import Asked, Outcome, Past, Rules

Connection = AsyncConnection[Any]
MOST_HISTORY = 250
GRAVITY: tuple[Outcome, ...] = ("allow", "review", "block")

_HISTORY: LiteralString = """
SELECT w.id, h.at, h.payer, h.phone, h.amount_minor
FROM unnest(%(ids)s::text[], %(phones)s::text[], %(clients)s::text[], %(users)s::text[])
    AS w (id, phone, client, user_id)
CROSS JOIN LATERAL (
    (SELECT p.id, p.created_at AS at, p.client || '/' || p.user_id AS payer, p.phone, p.amount_minor
    FROM core.wallet_payment AS p
    WHERE p.phone = w.phone AND p.created_at > %(since)s AND p.id < w.id
    ORDER BY p.created_at DESC LIMIT %(most)s)
    UNION
    (SELECT p.id, p.created_at, p.client || '/' || p.user_id, p.phone, p.amount_minor
    FROM core.wallet_payment AS p
    WHERE p.client = w.client AND p.user_id = w.user_id AND p.created_at > %(since)s AND p.id < w.id
    ORDER BY p.created_at DESC LIMIT %(most)s)
) AS h
"""

_KNOWN: LiteralString = """
SELECT w.id FROM unnest(%s::text[], %s::text[]) AS w (id, phone)
WHERE EXISTS (
    SELECT FROM core.wallet_payment AS p
    WHERE p.phone = w.phone AND p.id < w.id AND p.status IN ('CONFIRMED', 'REFUNDED'))
"""


_LISTED: LiteralString = """
SELECT subject, reason, verdict FROM core.wallet_risk_list WHERE subject = ANY (%s)
"""


async def histories(conn: Connection, payments: Sequence[WalletPayment], rules: Rules) -> dict[str, Asked]:
    """What the risk rules ask about, by payment; one round trip for all of them."""
    if not payments:
        return {}
    ids, phones = texts([p.id for p in payments]), texts([p.phone for p in payments])
    asked = {
        "ids": ids,
        "phones": phones,
        "clients": texts([p.client for p in payments]),
        "users": texts([p.user_id for p in payments]),
        "since": min(p.created_at for p in payments) - timedelta(seconds=rules.longest_window_s),
        "most": MOST_HISTORY,
    }
    subjects = sorted({subject for p in payments for subject in (p.phone, p.client, p.owner)})
    async with conn.pipeline():
        of_past = await conn.execute(_HISTORY, asked)
        of_payees = await conn.execute(_KNOWN, [ids, phones])
        of_lists = await conn.execute(_LISTED, [subjects])
    past: dict[str, list[Past]] = {}
    for payment_id, at, payer, phone, minor in await of_past.fetchall():
        past.setdefault(payment_id, []).append(Past(at, payer, phone, minor))
    known = {row[0] for row in await of_payees.fetchall()}
    listed = {subject: (reason, verdict) for subject, reason, verdict in await of_lists.fetchall()}
    return {
        p.id: Asked(
            at=p.created_at,
            payer=None if p.user_id is None else p.owner,
            payee=p.phone,
            amount_minor=p.amount.minor,
            history=past.get(p.id, ()),
            is_known_payee=p.id in known,
            listed=_gravest(listed, (p.phone, p.client, p.owner)),
        )
        for p in payments
    }


def _gravest(listed: Mapping[str, tuple[str, Outcome]], subjects: Sequence[str]) -> dict[str, Outcome]:
    found: dict[str, Outcome] = {}
    for reason, verdict in (listed[subject] for subject in subjects if subject in listed):
        # Two entries may share a reason: the graver one counts.
        found[reason] = GRAVITY[max(GRAVITY.index(found.get(reason, "allow")), GRAVITY.index(verdict))]
    return found
