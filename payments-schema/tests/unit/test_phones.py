"""Telephone numbers in every notation become one, or are refused without being repeated."""

from __future__ import annotations

import pytest

from payments_schema.phones import PhoneMalformed, mask_text, masked, network_of, normalise


@pytest.mark.parametrize(
    "given",
    [
        "0243123499",
        "243123499",
        "233243123499",
        "+233243123499",
        "00233243123499",
        "+233 (0) 24 312 3499",
        "024 312 3499",
        "024-312-3499",
        "(024) 312.3499",
        "\uff10\uff12\uff14\uff13\uff11\uff12\uff13\uff14\uff19\uff19",
        " +233\u00a024\u2011312\u20113499 ",
    ],
)
def test_notations_of_one_number(given: str) -> None:
    assert normalise(given) == "+233243123499"


@pytest.mark.parametrize(
    ("given", "network"),
    [("0543123499", "mtn"), ("0203123499", "telecel"), ("0563123499", "airteltigo"), ("46733123450", "mtn")],
)
def test_networks_follow_from_prefixes(given: str, network: str) -> None:
    assert network_of(normalise(given)) == network


@pytest.mark.parametrize(
    "given",
    [
        "",
        "024312349",
        "02431234999",
        "0303123499",
        "+1 202 555 0100",
        "024312349a",
        "+",
        "٠٢٤٣١٢٣٤٩٩x",
        "++233243123499",
    ],
)
def test_what_is_no_ghanaian_wallet_is_refused_without_repeating_it(given: str) -> None:
    with pytest.raises(PhoneMalformed) as refused:
        normalise(given)
    assert len(given) < 5 or given not in refused.value.detail


def test_masks_hide_the_middle() -> None:
    assert masked("+233243123499") == "+23324***3499"
    assert mask_text('{"partyId": "233243123499", "amount": "25.00", "ref": 12345}') == (
        '{"partyId": "23324***3499", "amount": "25.00", "ref": 12345}'
    )
