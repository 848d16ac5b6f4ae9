"""The addresses of this process that are no pages: a list whole as CSV, and an invoice to print.

They come from the API as streams. It must not hold more than the piece under way, and passes on no
parameter it does not know.
"""

from collections.abc import AsyncIterator
from dataclasses import fields
from http import HTTPStatus
from urllib.parse import quote

import httpx
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from payments_ui import identity, state
from payments_ui.api_client import CONNECT_TIMEOUT_S, PaymentQuery
from payments_ui.settings import Settings, SignIn

SOURCE = "/api/v1/operations/payments.csv"
PRINTED = "/api/v1/invoices/{}/print"
PIECE_TIMEOUT_S = 30.0
_TAKEN = frozenset(PaymentQuery(**{field.name: "x" for field in fields(PaymentQuery)}).filters())  # pyright: ignore[reportArgumentType] - only the names are asked


def routes(settings: Settings) -> list[Route]:
    """The routes that stream what the API has made."""

    async def export(request: Request) -> Response:
        asked = {name: value for name, value in request.query_params.items() if name in _TAKEN}
        headers = {"Content-Disposition": 'attachment; filename="payments.csv"'}
        return await _passed_on(settings, request, SOURCE, asked, "text/csv", headers)

    async def printed(request: Request) -> Response:
        path = PRINTED.format(quote(request.query_params.get("id", ""), safe="").replace(".", "%2E"))
        # Stricter than what the pages need: a page to print runs nothing.
        policy = {"Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'"}
        return await _passed_on(settings, request, path, {}, "text/html", policy)

    return [
        Route(f"/{state.EXPORT_PATH}", export, methods=["GET"]),
        Route(f"/{state.PRINT_PATH}", printed, methods=["GET"]),
    ]


async def _passed_on(
    settings: Settings,
    request: Request,
    path: str,
    asked: dict[str, str],
    kind: str,
    headers: dict[str, str],
) -> Response:
    token = identity.bearer(settings, identity.of_request(request.cookies, settings))
    if token is None and settings.ui_sign_in is not SignIn.NONE:
        return PlainTextResponse("Sign in first.\n", status_code=HTTPStatus.FORBIDDEN)
    # A client of its own: it lives as long as the stream does, which may be minutes.
    api = httpx.AsyncClient(
        base_url=settings.api_url,
        headers={"Authorization": f"Bearer {token}"} if token else {},
        timeout=httpx.Timeout(PIECE_TIMEOUT_S, connect=CONNECT_TIMEOUT_S),
    )
    try:
        answer = await api.send(api.build_request("GET", path, params=asked), stream=True)
    except httpx.HTTPError:
        await api.aclose()
        return PlainTextResponse("The payments API does not answer; try again.\n", status_code=503)
    if not answer.is_success:
        await answer.aclose()
        await api.aclose()
        known = answer.status_code == HTTPStatus.NOT_FOUND
        return PlainTextResponse(
            "There is no such thing.\n" if known else "The payments API refused this.\n",
            status_code=HTTPStatus.NOT_FOUND if known else HTTPStatus.BAD_GATEWAY,
        )
    return StreamingResponse(_pieces(api, answer), media_type=kind, headers=headers)


async def _pieces(api: httpx.AsyncClient, answer: httpx.Response) -> AsyncIterator[bytes]:
    try:
        async for piece in answer.aiter_bytes():
            yield piece
    finally:
        await answer.aclose()
        await api.aclose()
