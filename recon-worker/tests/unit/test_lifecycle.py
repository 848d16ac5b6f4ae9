"""Reconciliation and the lifecycle of a payment, which the schema's repository owns, agree."""

from payments_schema.wire.payments import PAYMENT_TRANSITIONS, PaymentStatus

from recon_worker.reconciliation import rules

BROUGHT = {verdict.payment_status for verdict in (rules.NEGATIVE, rules.ZERO, rules.MATCHED)}


def test_a_pending_payment_can_be_brought_wherever_the_lifecycle_allows():
    assert PAYMENT_TRANSITIONS[PaymentStatus.PENDING] == BROUGHT
