"""Standard Webhooks signatures: the library, wrapped so that garbage is a refusal and never a fault.

Must not read a clock of its own: the library's five minutes around now are the rule.
"""

from __future__ import annotations

import base64
import binascii
import secrets
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from standardwebhooks.webhooks import Webhook, WebhookVerificationError

PREFIX = "whsec_"
SHORTEST_BYTES = 16


class SignatureRefused(Exception):
    """The headers are missing, malformed or stale, or no secret made the signature; says which, no more."""


def new_secret() -> str:
    """A secret of 24 random bytes, as the standard writes it."""
    return PREFIX + base64.b64encode(secrets.token_bytes(24)).decode()


def key_of(secret: str) -> bytes:
    """The bytes of a secret: base64, with or without the prefix. Raises ValueError where it is none."""
    text = secret.strip().removeprefix(PREFIX)
    try:
        key = base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("a webhook secret is whsec_ and base64") from None
    if len(key) < SHORTEST_BYTES:
        raise ValueError(f"a webhook secret has at least {SHORTEST_BYTES} bytes")
    return key


def sign(keys: Sequence[bytes], message_id: str, at: datetime, body: str) -> dict[str, str]:
    """The headers of a message, signed with every key, so that a receiver may know either."""
    stamp = at.astimezone(UTC)
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(int(stamp.timestamp())),
        "webhook-signature": " ".join(Webhook(key).sign(message_id, stamp, body) for key in keys),
    }


def verify(keys: Sequence[bytes], headers: Mapping[str, str], body: bytes) -> None:
    """Accept a message that one of the keys signed within five minutes. Raises SignatureRefused."""
    given = {name: headers.get(name, "") for name in ("webhook-id", "webhook-timestamp", "webhook-signature")}
    missing = [name for name, value in given.items() if not value]
    if missing:
        raise SignatureRefused(f"{', '.join(missing)} missing")
    if not given["webhook-timestamp"].isascii() or not given["webhook-timestamp"].isdecimal():
        raise SignatureRefused("webhook-timestamp is not a number of seconds")
    reason = "no key fits the signature"
    for key in keys:
        try:
            Webhook(key).verify(body, dict(given), json_parse=False)
        # The library raises ValueError (its children too) and TypeError on garbage; all of it is a refusal.
        except (WebhookVerificationError, ValueError, TypeError, OverflowError) as error:
            if "too old" in str(error) or "too new" in str(error):
                reason = "webhook-timestamp is more than five minutes off"
        else:
            return
    raise SignatureRefused(reason)
