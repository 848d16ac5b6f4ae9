"""Every way a wallet payment can go, against the simulator, ending with equal books."""

from __future__ import annotations

from datetime import timedelta

import pytest
import structlog
from payments_schema.errors import InvalidTransition, PaymentNotFound
from payments_schema.ledger.audit import integrity
from payments_schema.wallets import lifecycle, store
from payments_schema.wire.wallets import AttemptState, Review, WalletStatus
from structlog.testing import LogCapture
from wallets.world import DELAYED, FAILED, LATE, LOST, ONGOING, REJECTED, Wallets

from recon_worker.wallets import desk


async def test_a_disbursement_is_confirmed_by_asking(wallets: Wallets) -> None:
    id = await wallets.initiate()
    await wallets.round()
    assert (await wallets.get(id)).status is WalletStatus.PROCESSING  # a 202 proves nothing
    await wallets.run(2)
    payment = await wallets.get(id)
    assert (payment.status, payment.provider) == (WalletStatus.CONFIRMED, "mtn")
    trail = [step.to_status for step in await store.transitions(wallets.conn, id)]
    assert trail == ["INITIATED", "VALIDATING", "PENDING", "PROCESSING", "CONFIRMED"]
    balances = await wallets.balances()
    assert balances["provider_float_mtn"] == -2519
    assert (balances["provider_fees"], balances["wallet_clearing"], balances["test"]) == (19, 0, -2500)
    await wallets.assert_books_agree()
    assert (await integrity(wallets.conn)).ok


async def test_a_collection_credits_its_owner(wallets: Wallets) -> None:
    id = await wallets.initiate(direction="collect", user_id="u1")
    await wallets.run(2)
    assert (await wallets.get(id)).status is WalletStatus.CONFIRMED
    balances = await wallets.balances()
    assert (balances["test/u1"], balances["provider_float_mtn"]) == (2500, 2481)
    await wallets.assert_books_agree()


async def test_a_rejection_is_final_and_gives_the_money_back(wallets: Wallets) -> None:
    id = await wallets.initiate(REJECTED)
    await wallets.run(3)
    payment = await wallets.get(id)
    assert (payment.status, payment.failure_code) == (WalletStatus.FAILED, "APPROVAL_REJECTED")
    assert len(payment.attempts) == 1
    balances = await wallets.balances()
    assert (balances["wallet_clearing"], balances["test"]) == (0, 0)


async def test_a_provider_failure_tries_the_others_and_then_gives_up(wallets: Wallets) -> None:
    id = await wallets.initiate(FAILED)
    await wallets.run(10)
    payment = await wallets.get(id)
    assert payment.status is WalletStatus.FAILED
    assert sorted(attempt.provider for attempt in payment.attempts) == ["airteltigo", "mtn", "telecel"]
    assert wallets.successes() == []


async def test_the_next_provider_pays_after_a_definite_failure(wallets: Wallets) -> None:
    wallets.world.knobs["mtn"] = wallets.world.knobs["mtn"].changed({"decline": 1.0})
    id = await wallets.initiate()
    await wallets.run(5)
    payment = await wallets.get(id)
    assert payment.status is WalletStatus.CONFIRMED
    assert [(a.provider, a.state) for a in payment.attempts] == [
        ("mtn", "failed"),
        ("airteltigo", "succeeded"),
    ]
    assert len(payment.routing) == 2
    await wallets.assert_books_agree()


async def test_a_lost_reply_is_asked_about_and_found_paid(wallets: Wallets) -> None:
    id = await wallets.initiate(LOST)
    await wallets.round()
    assert (await wallets.get(id)).attempts[0].state is AttemptState.UNKNOWN
    await wallets.run(2)
    payment = await wallets.get(id)
    assert (payment.status, payment.attempts[0].sends) == (WalletStatus.CONFIRMED, 1)
    assert len(wallets.successes()) == 1
    await wallets.assert_books_agree()


async def test_a_request_that_never_arrived_is_sent_again_under_the_same_reference(wallets: Wallets) -> None:
    id = await wallets.initiate("0243123462")
    await wallets.round()
    assert (await wallets.get(id)).attempts[0].state is AttemptState.UNKNOWN
    await wallets.run(10)
    payment = await wallets.get(id)
    assert payment.status is WalletStatus.CONFIRMED
    assert [attempt.provider for attempt in payment.attempts] == ["mtn"]
    assert payment.attempts[0].sends == 2
    assert len(wallets.successes()) == 1


async def test_an_outage_before_anything_was_sent_leads_elsewhere(wallets: Wallets) -> None:
    wallets.world.knobs["mtn"] = wallets.world.knobs["mtn"].changed({"outage": True})
    id = await wallets.initiate()
    await wallets.run(30)
    payment = await wallets.get(id)
    assert payment.status is WalletStatus.CONFIRMED
    assert [attempt.state for attempt in payment.attempts] == ["failed", "succeeded"]
    await wallets.assert_books_agree()


async def test_delayed_is_waited_for(wallets: Wallets) -> None:
    id = await wallets.initiate(DELAYED)
    await wallets.run(20)
    assert (await wallets.get(id)).status is WalletStatus.PROCESSING
    await wallets.run(40)
    assert (await wallets.get(id)).status is WalletStatus.CONFIRMED


async def test_expiry_with_a_late_success_of_a_disbursement_is_booked(wallets: Wallets) -> None:
    id = await wallets.initiate(LATE)
    await wallets.run(310, 5)
    assert (await wallets.get(id)).status is WalletStatus.EXPIRED
    assert (await wallets.balances())["wallet_clearing"] == 2500
    # It succeeds after 400 s; by then it is asked for once in at most 15 % of its age: 60 s, and the step.
    await wallets.run(90 + 60 + 5, 5)
    payment = await wallets.get(id)
    assert (payment.status, payment.late_outcome) == (WalletStatus.EXPIRED, "paid")
    balances = await wallets.balances()
    assert (balances["wallet_clearing"], balances["test"]) == (0, -2500)
    await wallets.assert_books_agree()


async def test_a_late_collection_is_sent_back(wallets: Wallets) -> None:
    id = await wallets.initiate(LATE, direction="collect")
    await wallets.run(500, 5)
    assert (await wallets.get(id)).late_outcome == "refunding"
    # The refund begins at 465 s at the latest, takes as long itself and is asked for as seldom.
    await wallets.run(465 + 400 + 65 - 500, 5)
    payment = await wallets.get(id)
    assert (payment.status, payment.late_outcome) == (WalletStatus.EXPIRED, "refunded")
    balances = await wallets.balances()
    assert (balances["wallet_clearing"], balances.get("test", 0)) == (0, 0)
    await wallets.assert_books_agree()


async def test_a_late_collection_is_credited_where_the_rule_says_so(wallets: Wallets) -> None:
    wallets.desk = lifecycle.replace(wallets.desk, limits=lifecycle.Limits(late_rule="credit"))
    id = await wallets.initiate(LATE, direction="collect")
    await wallets.run(500, 5)
    assert (await wallets.get(id)).late_outcome == "credited"
    assert (await wallets.balances())["test"] == 2500


async def test_ongoing_for_ever_expires_and_is_still_asked_about(wallets: Wallets) -> None:
    id = await wallets.initiate(ONGOING)
    await wallets.run(330, 5)
    payment = await wallets.get(id)
    assert payment.status is WalletStatus.EXPIRED
    assert payment.due_at is not None


async def test_cancel_before_it_is_sent_and_not_after(wallets: Wallets) -> None:
    id = await wallets.initiate(user_id="u1")
    payment = await wallets.get(id)
    for stranger in (("test", None), ("test", "u2"), ("other", "u1")):
        with pytest.raises(PaymentNotFound):
            lifecycle.cancel(payment, *stranger, wallets.now)
    await store.save(wallets.conn, [lifecycle.cancel(payment, "test", "u1", wallets.now)])
    await wallets.run(2)
    assert (await wallets.get(id)).status is WalletStatus.CANCELLED
    assert wallets.world.calls["mtn.submit"] == 0
    other = await wallets.initiate()
    await wallets.round()
    with pytest.raises(InvalidTransition):
        lifecycle.cancel(await wallets.get(other), "test", None, wallets.now)


async def test_a_refund_goes_back_by_the_same_provider(wallets: Wallets) -> None:
    id = await wallets.initiate(direction="collect")
    await wallets.run(2)
    change = lifecycle.refund(await wallets.get(id), "operator o", "asked", wallets.now)
    await store.save(wallets.conn, [change])
    from payments_schema.ledger import store as ledger

    await ledger.post_many(wallets.conn, change.postings)
    await wallets.run(4)
    payment = await wallets.get(id)
    assert payment.status is WalletStatus.REFUNDED
    with pytest.raises(InvalidTransition):
        lifecycle.refund(payment, "operator o", "again", wallets.now)
    assert (await wallets.balances())["wallet_clearing"] == 0
    await wallets.assert_books_agree()


async def test_review_stops_a_payment_until_an_operator_decides(wallets: Wallets) -> None:
    await wallets.conn.execute(
        "INSERT INTO core.wallet_risk_list (subject, verdict, reason, added_by) "
        "VALUES ('+233243123499', 'review', 'watched', 'o'), ('+233243123498', 'block', 'stolen', 'o')"
    )
    id = await wallets.initiate()
    blocked = await wallets.initiate("0243123498")
    await wallets.run(400, 50)
    payment = await wallets.get(id)
    assert (payment.status, payment.review) == (WalletStatus.VALIDATING, Review.REQUIRED)
    assert payment.risk is not None
    assert payment.risk["reasons"] == ["watched"]
    assert (await wallets.get(blocked)).failure_code == "risk_blocked"
    change = lifecycle.decide_review(payment, "o", True, "known", wallets.desk.limits, wallets.now)
    await store.save(wallets.conn, [change])
    await wallets.run(3)
    assert (await wallets.get(id)).status is WalletStatus.CONFIRMED


async def test_telecel_waits_for_the_voucher(wallets: Wallets) -> None:
    id = await wallets.initiate("0203123499", direction="collect", provider="telecel")
    await wallets.run(2)
    payment = await wallets.get(id)
    assert payment.attempts[0].state is AttemptState.VOUCHER
    await store.save(wallets.conn, [lifecycle.give_voucher(payment, "000000", wallets.now)])
    await wallets.run(2)
    payment = await wallets.get(id)
    assert (payment.attempts[0].state, payment.attempts[0].code) == (AttemptState.VOUCHER, "wrong_voucher")
    await store.save(wallets.conn, [lifecycle.give_voucher(payment, "123456", wallets.now)])
    await wallets.run(3)
    payment = await wallets.get(id)
    assert (payment.status, payment.voucher) == (WalletStatus.CONFIRMED, None)
    await wallets.assert_books_agree()


@pytest.mark.parametrize("phone", ["0243123456", "0243123460", "0243123461", "0243123462"])
async def test_replies_that_say_nothing_never_pay_twice(wallets: Wallets, phone: str) -> None:
    id = await wallets.initiate(phone)
    await wallets.run(60, 2)
    payment = await wallets.get(id)
    assert len(wallets.successes()) == 1
    assert len(payment.attempts) == 1
    if phone in ("0243123460", "0243123461"):
        attempt = payment.attempts[0]
        assert (payment.status, attempt.state) == (WalletStatus.PROCESSING, AttemptState.UNKNOWN)
        assert attempt.code in ("status_not_known", "currency_differs")
        assert attempt.raw is not None
        assert "233243123" not in attempt.raw
    else:
        assert payment.status is WalletStatus.CONFIRMED


async def test_a_worker_that_died_while_sending_is_followed_by_a_question(wallets: Wallets) -> None:
    id = await wallets.initiate()
    (step,) = await wallets.begin()
    await wallets.providers[step.attempt.provider].submit(step.order)  # and then it dies
    assert await wallets.begin() == []
    wallets.pass_time(61)
    (again,) = await wallets.begin()
    assert again.action == "inquire"
    await wallets.settle(await wallets.talk(again))
    assert (await wallets.get(id)).status is WalletStatus.CONFIRMED
    assert len(wallets.successes()) == 1


async def test_an_answer_that_comes_twice_counts_once(wallets: Wallets) -> None:
    id = await wallets.initiate()
    await wallets.round()
    wallets.pass_time(2)
    (step,) = await wallets.begin()
    result = await wallets.talk(step)
    await wallets.settle(result)
    await wallets.settle(result, result)
    assert (await wallets.get(id)).status is WalletStatus.CONFIRMED
    assert (await wallets.balances())["provider_float_mtn"] == -2519


async def test_a_provider_without_float_is_left_out(wallets: Wallets) -> None:
    await wallets.conn.execute(
        "INSERT INTO core.wallet_provider (provider, currency, balance_minor, checked_at) "
        "VALUES ('mtn', 'GHS', 10, %s)",
        [wallets.now - timedelta(seconds=1)],
    )
    id = await wallets.initiate()
    await wallets.run(2)
    payment = await wallets.get(id)
    assert payment.provider == "airteltigo"
    left_out = [c for c in payment.routing[0]["candidates"] if c["excluded"]]
    assert [c["provider"] for c in left_out] == ["mtn"]


async def test_rules_of_another_release_hold_payments_back_and_stop_nothing(
    wallets: Wallets, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard = LogCapture()
    own = structlog.wrap_logger(None, processors=[heard], wrapper_class=structlog.BoundLogger)
    monkeypatch.setattr(desk, "log", own)
    put = "INSERT INTO core.wallet_rules (risk, set_by) VALUES (%s, %s)"
    await wallets.conn.execute(put, ['{"rules": [{"kind": "psychic", "name": "x"}]}', "later"])
    await wallets.conn.execute(
        "INSERT INTO core.wallet_risk_list (subject, verdict, reason, added_by) "
        "VALUES ('+233243123498', 'allow', 'our own', 'o')"
    )
    on_its_way = await wallets.initiate("0243123498")
    held = await wallets.initiate()
    await wallets.run(4)
    assert (await wallets.get(on_its_way)).status is WalletStatus.CONFIRMED
    payment = await wallets.get(held)
    assert (payment.status, payment.review) == (WalletStatus.VALIDATING, Review.REQUIRED)
    assert payment.risk is not None
    (reason,) = payment.risk["reasons"]
    (said,) = heard.entries  # once, however many pulls
    assert said["log_level"] == "error"
    assert reason == f"{said['rule_set']} cannot be read"
    assert "POST /api/v1/wallets/rules" in said["hint"]
    await wallets.conn.execute(put, ['{"rules": []}', "o"])
    later = await wallets.initiate()
    await wallets.run(3)
    assert (await wallets.get(later)).status is WalletStatus.CONFIRMED
    assert (await wallets.get(held)).review is Review.REQUIRED  # an operator's word, as for any review
