"""The daily report per provider and currency: counted from payments and attempts, kept as JSON.

Must not be the source of any other figure: it can be made again at any time.
"""

from __future__ import annotations

import csv
import io
import json
from datetime import date
from html import escape
from typing import Any, LiteralString

from psycopg import AsyncConnection
from psycopg.rows import TupleRow

from payments_schema.money import major

Connection = AsyncConnection[TupleRow]
FIGURES = (
    "payments",
    "confirmed",
    "failed",
    "expired",
    "refunded",
    "late",
    "in_minor",
    "out_minor",
    "fees_minor",
)

_MAKE: LiteralString = """
INSERT INTO core.wallet_report AS r (day, provider, currency, figures, made_at)
SELECT %(day)s, coalesce(p.provider, 'none'), p.currency,
    jsonb_build_object(
        'payments', count(DISTINCT p.id),
        'confirmed', count(DISTINCT p.id) FILTER (WHERE p.status IN ('CONFIRMED', 'REFUNDED')),
        'failed', count(DISTINCT p.id) FILTER (WHERE p.status = 'FAILED'),
        'expired', count(DISTINCT p.id) FILTER (WHERE p.status = 'EXPIRED'),
        'refunded', count(DISTINCT p.id) FILTER (WHERE p.status = 'REFUNDED'),
        'late', count(DISTINCT p.id) FILTER (WHERE p.late_outcome IS NOT NULL),
        'in_minor', coalesce(sum(p.amount_minor) FILTER (
            WHERE a.state = 'succeeded' AND p.direction = 'collect' AND a.purpose = 'payment'), 0),
        'out_minor', coalesce(sum(p.amount_minor) FILTER (
            WHERE a.state = 'succeeded' AND (p.direction = 'disburse' OR a.purpose = 'refund')), 0),
        'fees_minor', coalesce(sum(a.fee_minor) FILTER (WHERE a.state = 'succeeded'), 0)),
    now()
FROM core.wallet_payment AS p
LEFT JOIN core.wallet_attempt AS a ON a.payment_id = p.id AND a.provider = p.provider
WHERE p.created_at >= %(day)s::date::timestamp AT TIME ZONE 'UTC'
    AND p.created_at < (%(day)s::date + 1)::timestamp AT TIME ZONE 'UTC'
GROUP BY coalesce(p.provider, 'none'), p.currency
ON CONFLICT (day, provider, currency) DO UPDATE SET figures = excluded.figures, made_at = excluded.made_at
"""


async def make(conn: Connection, day: date) -> None:
    """Count a day (UTC, by the payments' creation), or count it again."""
    await conn.execute(_MAKE, {"day": day})


async def read(conn: Connection, day: date) -> list[dict[str, Any]]:
    """The report of a day: one row per provider and currency."""
    found = await conn.execute(
        "SELECT provider, currency, figures FROM core.wallet_report WHERE day = %s "
        "ORDER BY provider, currency",
        [day],
    )
    return [
        {"day": day.isoformat(), "provider": provider, "currency": currency, **figures}
        for provider, currency, figures in await found.fetchall()
    ]


def as_csv(rows: list[dict[str, Any]]) -> str:
    """The report for a spreadsheet."""
    sheet = io.StringIO()
    writer = csv.DictWriter(sheet, ["day", "provider", "currency", *FIGURES])
    writer.writeheader()
    writer.writerows(rows)
    return sheet.getvalue()


def as_page(day: date, rows: list[dict[str, Any]]) -> str:
    """The report as a page to print."""
    heads = ["Provider", "Currency", *(name.removesuffix("_minor").capitalize() for name in FIGURES)]
    lines = ["".join(f"<td>{escape(cell)}</td>" for cell in _cells(row)) for row in rows]
    body = (
        "".join(f"<tr>{line}</tr>" for line in lines) or f"<tr><td colspan={len(heads)}>No payments</td></tr>"
    )
    head = "".join(f"<th scope=col>{name}</th>" for name in heads)
    title = f"Wallet payments of {day.isoformat()}"
    return (
        f"<!doctype html><html lang=en><meta charset=utf-8><title>{title}</title>"
        "<style>body{font:14px sans-serif}"
        "td,th{padding:4px 12px;text-align:right;border-bottom:1px solid}</style>"
        f"<h1>{title}</h1><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></html>"
    )


def _cells(row: dict[str, Any]) -> list[str]:
    figures = [
        major(row[name], row["currency"]) if name.endswith("_minor") else str(row[name]) for name in FIGURES
    ]
    return [str(row["provider"]), str(row["currency"]), *figures]


def as_json(rows: list[dict[str, Any]]) -> str:
    """The report for a program."""
    return json.dumps(rows, separators=(",", ":"))
