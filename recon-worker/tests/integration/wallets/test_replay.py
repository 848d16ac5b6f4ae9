"""Past decisions made again: the same weights change nothing, others say what they would have changed."""

from __future__ import annotations

from datetime import timedelta

from payments_schema.wallets.replay import what_if_risk, what_if_routing
from payments_schema.wallets.risk import DEFAULT, RULES
from payments_schema.wallets.routing import Weights
from wallets.world import START, Wallets

SINCE = START - timedelta(days=1)


async def test_routing_with_the_same_weights_changes_nothing(wallets: Wallets) -> None:
    for number in range(5):
        await wallets.initiate(amount=f"{number + 1}0.00")
    await wallets.run(2)
    found = await what_if_routing(wallets.conn, Weights(explore_ppm=0), SINCE)
    assert (found["decisions"], found["changed"]) == (5, 0)
    assert found["fees_minor"]["before"] == found["fees_minor"]["after"] > 0


async def test_other_weights_are_told_apart(wallets: Wallets) -> None:
    await wallets.conn.execute(
        "INSERT INTO core.wallet_attempt (payment_id, purpose, number, provider, reference, state, fee_minor,"
        " sends, inquiries, created_at, resolved_at, code) SELECT 'x' || n, 'payment', 1, 'mtn',"
        " gen_random_uuid(), CASE WHEN n <= 8 THEN 'succeeded' ELSE 'failed' END, 0, 1, 1,"
        " %(now)s::timestamptz - interval '10 s', %(now)s, 'SERVICE_UNAVAILABLE'"
        " FROM generate_series(1, 10) AS n",
        {"now": wallets.now - timedelta(seconds=1)},
    )
    await wallets.initiate()
    await wallets.run(2)
    patient = await what_if_routing(wallets.conn, Weights(second_costs_minor=0, worth_bps=1), SINCE)
    assert patient["after"] == {"mtn": 1}
    assert patient["before"] == {"airteltigo": 1}


async def test_rules_are_tried_on_the_past_without_effect(wallets: Wallets) -> None:
    id = await wallets.initiate()
    await wallets.run(2)
    same = await what_if_risk(wallets.conn, RULES.validate_python(DEFAULT), SINCE)
    assert (same["payments"], same["changed"]) == (1, 0)
    strict = {"rules": [{"kind": "large", "name": "any", "over_minor": 1, "outcome": "block"}]}
    found = await what_if_risk(wallets.conn, RULES.validate_python(strict), SINCE)
    assert (found["outcomes"], found["reasons"], found["changed"]) == ({"block": 1}, {"any": 1}, 1)
    assert (await wallets.get(id)).status == "CONFIRMED"
