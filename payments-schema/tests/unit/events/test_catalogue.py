"""The catalogue of events: its documents are current, and what is told has the shape that it names."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from card_lives import LIVES
from card_lives import life as card_life
from invoice_lives import allocated, credited, life, paid, refunded, voided

from payments_schema.cards import facts as card_facts
from payments_schema.events import pages
from payments_schema.invoices import facts as invoice_facts
from payments_schema.wire.catalogue import TOPICS
from payments_schema.wire.wallets import WalletStatus

DOCS = Path(__file__).parents[4] / "docs"
FOLDER = DOCS / "events"
SKIP = pytest.mark.skipif(not DOCS.exists(), reason="this repository is checked out alone")


@SKIP
def test_the_documents_are_current():
    wanted = {"README.md": pages.page(), **pages.schemas()}
    if os.environ.get("PAYMENTS_GOLDEN") == "write":
        for name, text in wanted.items():
            (FOLDER / name).write_text(text)
    assert {file.name: file.read_text() for file in FOLDER.iterdir()} == wanted


def check(event):
    topic = TOPICS[event.type]
    topic.data.model_validate(event.data, by_alias=True)
    assert topic.version == event.version


@pytest.mark.parametrize("name", LIVES)
def test_what_cards_tell_is_in_the_catalogue(name):
    for change in card_life(*LIVES[name]):
        check(card_facts.of(change))


def test_what_invoices_tell_is_in_the_catalogue():
    lives = (
        life(paid(3000), paid(7500)),
        life(credited(1), voided),
        life(paid(1), credited()),
        life(allocated(1, 5)),
    )
    told = [event for changes in lives for change in changes for event in invoice_facts.of(change)]
    told.append(invoice_facts.of_refund(refunded(1, 5)))
    for event in told:
        check(event)
    assert {event.type for event in told} >= {name for name in TOPICS if name.startswith("invoice.")}


def test_the_end_of_an_invoice_is_told_once_however_it_ends():
    for changes in (life(paid(10_000), paid(1)), life(paid(1), credited()), life(allocated(None, 10_000))):
        told = [event.type for change in changes for event in invoice_facts.of(change)]
        assert told.count("invoice.paid") == 1


def test_every_state_of_a_wallet_payment_that_is_told_has_a_topic():
    told = {f"wallet.{status.value.lower()}" for status in WalletStatus} - {
        "wallet.validating",
        "wallet.pending",
    }
    assert told <= set(TOPICS)


def test_the_openapi_section_refers_to_what_it_brings():
    webhooks, components = pages.openapi_webhooks()
    assert set(webhooks) == set(TOPICS)
    for told in webhooks.values():
        schema = told["post"]["requestBody"]["content"]["application/json"]["schema"]
        assert schema["$ref"].rpartition("/")[2] in components
