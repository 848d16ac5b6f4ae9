"""The one address of this process that is no page: what a list shows, whole, streamed from the API as CSV.

It must not hold more of the file than the piece under way, and passes on no parameter it does not know.
"""

from collections.abc import AsyncIterator
from dataclasses import fields

import httpx
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from payments_ui import state
from payments_ui.api_client import CONNECT_TIMEOUT_S, PaymentQuery
from payments_ui.settings import Settings

SOURCE = "/api/v1/operations/payments.csv"
PIECE_TIMEOUT_S = 30.0
_TAKEN = frozenset(PaymentQuery(**{field.name: "x" for field in fields(PaymentQuery)}).filters())  # pyright: ignore[reportArgumentType] - only the names are asked


def route(settings: Settings) -> Route:
    """The route that streams the export."""
    token = settings.payments_api_token
    headers = {"Authorization": f"Bearer {token.get_secret_value()}"} if token else {}

    async def export(request: Request) -> Response:
        asked = {name: value for name, value in request.query_params.items() if name in _TAKEN}
        # A client of its own: it lives as long as the stream does, which may be minutes.
        api = httpx.AsyncClient(
            base_url=settings.api_url,
            headers=headers,
            timeout=httpx.Timeout(PIECE_TIMEOUT_S, connect=CONNECT_TIMEOUT_S),
        )
        try:
            answer = await api.send(api.build_request("GET", SOURCE, params=asked), stream=True)
        except httpx.HTTPError:
            await api.aclose()
            return PlainTextResponse("The payments API does not answer; try again.\n", status_code=503)
        if not answer.is_success:
            await answer.aclose()
            await api.aclose()
            return PlainTextResponse("The payments API refused this export.\n", status_code=502)
        return StreamingResponse(
            _pieces(api, answer),
            media_type="text/csv",
            headers={"Content-Disposition": 'attachment; filename="payments.csv"'},
        )

    return Route(f"/{state.EXPORT_PATH}", export, methods=["GET"])


async def _pieces(api: httpx.AsyncClient, answer: httpx.Response) -> AsyncIterator[bytes]:
    try:
        async for piece in answer.aiter_bytes():
            yield piece
    finally:
        await answer.aclose()
        await api.aclose()
