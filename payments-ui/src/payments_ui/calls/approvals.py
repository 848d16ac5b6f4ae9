"""What needs a second person. It must not decide who that may be."""

from payments_schema.wire.approvals import ApprovalPage, ApprovalView, AskApproval, DecideApproval

from payments_ui.api_client import ApiClient
from payments_ui.calls.paths import V1, page


def approvals(api: ApiClient, state: str, cursor: str) -> ApprovalPage:
    """One page of what needs a second person, newest first."""
    asked = page(cursor) | ({"state": state} if state else {})
    return api.read(ApprovalPage, f"{V1}/approvals", params=asked)


def approval(api: ApiClient, number: int) -> ApprovalView:
    """One request for a second person, as it is now."""
    return api.read(ApprovalView, f"{V1}/approvals/{{}}", str(number))


def ask_approval(api: ApiClient, asked: AskApproval, key: str) -> ApprovalView:
    """Ask a second person, once per key."""
    return api.send(ApprovalView, f"{V1}/approvals", body=asked, key=key)


def decide_approval(api: ApiClient, number: int, word: DecideApproval, key: str) -> ApprovalView:
    """Agree, which has it done at once, or reject."""
    return api.send(ApprovalView, f"{V1}/approvals/{{}}/decide", str(number), body=word, key=key)


def withdraw_approval(api: ApiClient, number: int) -> ApprovalView:
    """Take one's own request back."""
    return api.send(ApprovalView, f"{V1}/approvals/{{}}/withdraw", str(number))
