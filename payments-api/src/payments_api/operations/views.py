"""The HTTP of the views that operators keep. Must not touch what a view shows."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Path
from payments_schema.operations import views
from payments_schema.wire.views import ChangeView, SavedView, SavedViews, SaveView

from payments_api.http.auth import OPERATORS, STAFF, Principal, Role, authorize
from payments_api.http.door import Door, principal, roles
from payments_api.http.unit_of_work import UnitOfWork

router = APIRouter(prefix="/api/v1/operations/views", route_class=Door, tags=["operations"])
Caller = Annotated[Principal, Depends(principal)]
Number = Annotated[int, Path(ge=1, le=2**62)]


@router.get("", openapi_extra=roles(STAFF))
async def list_views(conn: UnitOfWork, caller: Caller) -> SavedViews:
    """List one's own views of the payments list by name, then what others share."""
    return SavedViews(data=await views.list_visible(conn, caller.client))


@router.put("", openapi_extra=roles(STAFF))
async def save_view(conn: UnitOfWork, caller: Caller, body: SaveView) -> SavedView:
    """Keep a view under a name, in the place of one's own other one of that name.

    Viewers keep views as well; what is shared stands in everybody's list, so sharing takes an operator.
    """
    _require_sharer(caller, body.is_shared)
    await views.lock_owner(conn, caller.client)
    await views.require_room(conn, caller.client, body.name)
    return await views.save(conn, caller.client, body)


@router.patch("/{view_id}", openapi_extra=roles(STAFF))
async def change_view(conn: UnitOfWork, caller: Caller, view_id: Number, body: ChangeView) -> SavedView:
    """Rename one's own view, share it, or take it back."""
    _require_sharer(caller, body.is_shared)
    return await views.change(conn, caller.client, view_id, body)


@router.delete("/{view_id}", status_code=204, openapi_extra=roles(STAFF))
async def delete_view(conn: UnitOfWork, caller: Caller, view_id: Number) -> None:
    """Forget one's own view; an approver may clear away what anybody shares."""
    await views.delete(conn, caller.client, view_id, may_clear=Role.APPROVER in caller.roles)


def _require_sharer(caller: Principal, is_shared: bool | None) -> None:
    if is_shared:
        authorize(caller, OPERATORS)
