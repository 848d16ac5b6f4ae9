"""Finds the one address to talk to, and refuses those inside: what was checked is what is connected to.

Must not be passed by: a name resolved a second time could mean another machine.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Sequence
from ipaddress import IPv4Network, IPv6Network
from typing import NamedTuple

import httpx


class AddressRefused(Exception):
    """The receiver's address is not one that events may be sent to."""


class Pinned(NamedTuple):
    """A request's target: the address as URL, and the name that Host and TLS are to carry."""

    url: httpx.URL
    host: str
    name: str


Networks = Sequence[IPv4Network | IPv6Network]


async def pin(address: str, *, allow_private: bool, allowed: Networks = ()) -> Pinned:
    """Resolve once; every address found must be public or allowed, and the first is taken.

    Raises AddressRefused.
    """
    url = httpx.URL(address)
    try:
        written: str | None = str(ipaddress.ip_address(url.host))
    except ValueError:
        written = None
    addresses = [written] if written else await _resolve(url)
    if not allow_private and not all(is_public(one) or _is_in(one, allowed) for one in addresses):
        raise AddressRefused("loopback, private and link-local addresses are refused")
    return Pinned(url.copy_with(host=addresses[0]), url.netloc.decode("ascii"), url.host)


async def _resolve(url: httpx.URL) -> list[str]:
    try:
        found = await asyncio.get_running_loop().getaddrinfo(
            url.host, url.port or (443 if url.scheme == "https" else 80), type=socket.SOCK_STREAM
        )
    except (OSError, UnicodeError) as error:
        raise AddressRefused("the name does not resolve") from error
    addresses = list(dict.fromkeys(str(entry[4][0]) for entry in found))
    if not addresses:
        raise AddressRefused("the name does not resolve")
    return addresses


def _is_in(address: str, allowed: Networks) -> bool:
    found = ipaddress.ip_address(address.partition("%")[0])
    return any(found in network for network in allowed)


def is_public(address: str) -> bool:
    """Whether an address is on the open internet; one that hides a v4 address is judged by that."""
    found = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(found, ipaddress.IPv6Address):
        hidden = found.ipv4_mapped or found.sixtofour or (found.teredo[1] if found.teredo else None)
        if hidden is None and found in ipaddress.ip_network("64:ff9b::/96"):
            hidden = ipaddress.IPv4Address(int(found) & 0xFFFFFFFF)
        if hidden is not None:
            return is_public(str(hidden))
    return found.is_global and not found.is_multicast
