"""The views that operators keep under a name. It must not know what a view shows."""

from payments_schema.wire.views import ChangeView, SavedView, SavedViews, SaveView

from payments_ui.api_client import ApiClient
from payments_ui.calls.paths import V1


def views(api: ApiClient) -> SavedViews:
    """One's own views by name, then what others share."""
    return api.read(SavedViews, f"{V1}/operations/views")


def save_view(api: ApiClient, asked: SaveView) -> SavedView:
    """Keep a view, in the place of one's own of that name."""
    return api.send(SavedView, f"{V1}/operations/views", body=asked, method="PUT")


def change_view(api: ApiClient, number: int, asked: ChangeView) -> SavedView:
    """Rename one's own view, share it, or take it back."""
    return api.send(SavedView, f"{V1}/operations/views/{{}}", str(number), body=asked, method="PATCH")


def delete_view(api: ApiClient, number: int) -> None:
    """Forget a view."""
    api.send(object, f"{V1}/operations/views/{{}}", str(number), method="DELETE")
