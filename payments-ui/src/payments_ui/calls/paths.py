"""What the paths of all calls share. It must not know any of them."""

V1 = "/api/v1"


def page(cursor: str) -> dict[str, str]:
    """One page of fifty, from a cursor on where there is one."""
    return {"limit": "50", **({"cursor": cursor} if cursor else {})}
