"""Statements are imported once, matched exactly, and what differs is booked when an operator confirms it."""

from __future__ import annotations

from datetime import timedelta

import pytest
from payments_schema.errors import InvalidTransition
from payments_schema.ledger.audit import integrity
from payments_schema.wallets import reports, statements
from payments_schema.wallets.matching import Match
from wallets.world import Wallets


async def lines_of(wallets: Wallets, provider: str) -> list[statements.NewLine]:
    found = await wallets.providers[provider].statement(
        wallets.now - timedelta(days=1), wallets.now + timedelta(days=1)
    )
    return [
        statements.NewLine(x.provider_id, x.reference, x.effect_minor, x.fee_minor, x.currency, x.at)
        for x in found
    ]


@pytest.mark.parametrize("provider", ["mtn", "telecel", "airteltigo"])
async def test_what_we_booked_matches_the_statement(wallets: Wallets, provider: str) -> None:
    for number in range(4):
        await wallets.initiate(amount=f"{number + 2}1.00", provider=provider)
    await wallets.run(3)
    lines = await lines_of(wallets, provider)
    assert await statements.import_lines(wallets.conn, provider, lines) == 4
    assert await statements.import_lines(wallets.conn, provider, lines) == 0
    found = await statements.match(wallets.conn, provider, "GHS", wallets.now)
    assert [one.is_certain for one in found] == [True] * 4
    assert await statements.match(wallets.conn, provider, "GHS", wallets.now) == []


async def test_a_higher_fee_and_a_stranger_are_proposed_and_booked_on_confirmation(wallets: Wallets) -> None:
    await wallets.initiate()
    await wallets.run(2)
    (line,) = await lines_of(wallets, "mtn")
    stranger = statements.NewLine("strange", "nobody", 700, 0, "GHS", wallets.now - timedelta(days=2))
    dearer = replace_line(line, -6)
    await statements.import_lines(wallets.conn, "mtn", [dearer, stranger])
    found = await statements.match(wallets.conn, "mtn", "GHS", wallets.now)
    assert {(one.kind, one.difference_minor) for one in found} == {("one_to_one", -6), ("suspense", 700)}
    before = await wallets.balances()
    for proposal in await statements.list_matches(wallets.conn, "proposed", 10):
        await statements.decide(wallets.conn, proposal["id"], "o", True, wallets.now)
        with pytest.raises(InvalidTransition):
            await statements.decide(wallets.conn, proposal["id"], "o", True, wallets.now)
    after = await wallets.balances()
    changes = {code: after[code] - before.get(code, 0) for code in after}
    assert changes["provider_float_mtn"] == 700 - 6
    assert (changes["provider_fees"], changes["wallet_suspense"]) == (6, -700)
    assert (await integrity(wallets.conn)).ok


def replace_line(line: statements.NewLine, by_minor: int) -> statements.NewLine:
    return line._replace(effect_minor=line.effect_minor + by_minor)


async def test_the_daily_report_counts_and_counts_again(wallets: Wallets) -> None:
    await wallets.initiate()
    await wallets.initiate("0243123451")
    await wallets.initiate(direction="collect")
    await wallets.run(3)
    day = wallets.now.date()
    await reports.make(wallets.conn, day)
    await reports.make(wallets.conn, day)
    (row,) = await reports.read(wallets.conn, day)
    assert (row["payments"], row["confirmed"], row["failed"]) == (3, 2, 1)
    assert (row["in_minor"], row["out_minor"], row["fees_minor"]) == (2500, 2500, 38)
    assert "mtn,GHS,3,2,1" in reports.as_csv([row])
    assert "<td>25.00</td>" in reports.as_page(day, [row])


async def test_what_another_matcher_took_meanwhile_is_not_matched_again(wallets: Wallets) -> None:
    await wallets.initiate()
    await wallets.run(2)
    (line,) = await lines_of(wallets, "mtn")
    stranger = statements.NewLine("strange", "nobody", 700, 0, "GHS", wallets.now - timedelta(days=2))
    await statements.import_lines(wallets.conn, "mtn", [line, stranger])
    pending = [await statements.read_pending(wallets.conn, "mtn", "GHS") for _ in range(2)]
    found = [one.matches(wallets.now) for one in pending]
    assert len(await statements.put_matches(wallets.conn, "mtn", "GHS", found[0])) == 2
    assert await statements.put_matches(wallets.conn, "mtn", "GHS", found[1]) == []
    assert len(await statements.list_matches(wallets.conn, None, 10)) == 2
    # The attempt is taken although the line that claims it now is another one.
    twin = line._replace(provider_id="twin")
    await statements.import_lines(wallets.conn, "mtn", [twin])
    (late,) = (await statements.read_pending(wallets.conn, "mtn", "GHS")).lines
    stale = found[0][0]
    claim = Match("one_to_one", (late.id,), stale.attempts, 0, is_certain=True)
    assert await statements.put_matches(wallets.conn, "mtn", "GHS", [claim]) == []


async def test_a_provider_that_is_silent_keeps_its_last_known_balance(wallets: Wallets) -> None:
    said, silent = statements.NewBalance("mtn", 500, None), statements.NewBalance("mtn", None, "timed out")
    other = statements.NewBalance("telecel", -7, None)
    await statements.note_balances(wallets.conn, "GHS", [other, said], wallets.now)
    await statements.note_balances(wallets.conn, "GHS", [silent], wallets.now + timedelta(minutes=1))
    found = await wallets.conn.execute(
        "SELECT provider, balance_minor, error, checked_at FROM core.wallet_provider ORDER BY provider"
    )
    assert await found.fetchall() == [
        ("mtn", 500, "timed out", wallets.now),
        ("telecel", -7, None, wallets.now),
    ]
