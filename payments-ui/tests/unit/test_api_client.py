"""Whatever the API answers, a page gets a wire model or one typed error with a sentence."""

import json
from collections.abc import Callable

import httpx
import pytest
from payments_schema.wire.payments import CreatePayment

from payments_ui.api_client import (
    ApiError,
    ApiFailed,
    ApiNotFound,
    ApiRefused,
    ApiUnreachable,
    HttpApiClient,
    PaymentQuery,
)
from payments_ui.fake_api_client import a_line, a_payment

ROW = a_payment().model_dump(mode="json")
LINE = a_line(a_payment()).model_dump(mode="json")


def client(answer: Callable[[httpx.Request], httpx.Response]) -> HttpApiClient:
    return HttpApiClient("http://api", transport=httpx.MockTransport(answer))


def problem(status: int, code: str, sentence: str, **more: object) -> httpx.Response:
    body = {
        "type": "about:blank",
        "title": "t",
        "status": status,
        "code": code,
        "detail": sentence,
        "error": sentence,
    }
    return httpx.Response(status, json={**body, **more})


def test_a_payment_is_sent_with_its_key_and_its_amount_as_a_string() -> None:
    seen: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(201, json=ROW)

    created = client(answer).create_payment(
        CreatePayment.model_validate({"accountId": "ACC-1", "amount": "12345678901234.10"}), "key-1"
    )
    assert not created.replayed
    assert seen[0].headers["Idempotency-Key"] == "key-1"
    assert json.loads(seen[0].content) == {
        "accountId": "ACC-1",
        "amount": "12345678901234.10",
        "currency": "USD",
    }


def test_a_replay_is_told() -> None:
    api = client(lambda _: httpx.Response(200, json=ROW, headers={"Idempotent-Replayed": "true"}))
    assert api.create_payment(CreatePayment.model_validate({"accountId": "A", "amount": 1}), "k").replayed


def page_of(*rows: object, cursor: str | None = None) -> dict[str, object]:
    return {"object": "list", "data": list(rows), "has_more": cursor is not None, "next_cursor": cursor}


def test_the_next_cursor_is_the_pages() -> None:
    page = client(lambda _: httpx.Response(200, json=page_of(LINE, cursor="pay_1"))).list_payments(
        PaymentQuery()
    )
    assert (len(page.rows), page.next_cursor) == (1, "pay_1")


def test_ids_cannot_climb_out_of_their_path() -> None:
    paths: list[bytes] = []

    def answer(request: httpx.Request) -> httpx.Response:
        paths.append(request.url.raw_path)
        return problem(404, "not_found", "Payment not found")

    for bad in ("..", "a/../b", "a?b=c", "ä b"):
        with pytest.raises(ApiNotFound):
            client(answer).payment(bad)
    assert paths == [
        b"/payments/%2E%2E",
        b"/payments/a%2F..%2Fb",
        b"/payments/a%3Fb%3Dc",
        b"/payments/%C3%A4%20b",
    ]


def test_a_refusal_names_its_fields() -> None:
    answer = problem(
        422, "malformed_request", "The request is malformed.", fields=[{"field": "amount", "reason": "no"}]
    )
    with pytest.raises(ApiRefused) as refused:
        client(lambda _: answer).list_payments(PaymentQuery())
    assert refused.value.fields == ("amount (no)",)
    assert refused.value.detail == "The request is malformed."


@pytest.mark.parametrize("answer", [httpx.Response(200, text="<html>"), httpx.Response(200, json={"a": 1})])
def test_an_answer_of_another_shape_is_a_failure_of_the_api(answer: httpx.Response) -> None:
    with pytest.raises(ApiFailed):
        client(lambda _: answer).payment("x")


def test_what_a_newer_api_says_more_is_no_error() -> None:
    api = client(lambda _: httpx.Response(200, json=page_of({**LINE, "mood": "fine"})))
    assert len(api.list_payments(PaymentQuery()).rows) == 1


@pytest.mark.parametrize("status", [500, 502, 503])
def test_a_broken_api_is_told_in_a_sentence(status: int) -> None:
    with pytest.raises(ApiFailed) as failed:
        client(lambda _: httpx.Response(status, text="Traceback (most recent call last)")).payment("x")
    assert "Traceback" not in failed.value.detail


@pytest.mark.parametrize(
    ("fault", "unknown"),
    [
        (httpx.ConnectError("refused"), False),
        (httpx.ConnectTimeout("slow"), False),
        (httpx.ReadTimeout("slow"), True),
        (httpx.RemoteProtocolError("cut"), True),
        (httpx.ReadError("reset"), True),
    ],
)
def test_only_what_was_sent_may_have_happened(fault: httpx.TransportError, unknown: bool) -> None:
    def answer(_: httpx.Request) -> httpx.Response:
        raise fault

    with pytest.raises(ApiUnreachable) as away:
        client(answer).create_payment(CreatePayment.model_validate({"accountId": "A", "amount": 1}), "k")
    assert away.value.outcome_unknown is unknown
    assert isinstance(away.value, ApiError)
