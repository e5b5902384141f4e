"""The IP address of a visitor, as far as it can be known."""

import ipaddress
from typing import Any

from nst.config import Config

MAX_PROXIES = 10  # addresses that are read: a client may have written thousands
MAX_LENGTH = 45  # characters of an address


def client_ip(request: Any, config: Config) -> str:
    """The address that a request came from.

    On a Space, each proxy appends the address of its client to a header. The last one outside the proxies' own network
    is reliable; a client may write any others before it. Elsewhere the server has evaluated the header.
    """
    if config.space:
        forwarded = request.headers.get("x-forwarded-for", "").rsplit(",", MAX_PROXIES)[-MAX_PROXIES:]
        for ip in reversed([part.strip() for part in forwarded]):
            if _is_public(ip):
                return ip
    return request.client.host[:MAX_LENGTH] if request.client else ""


def _is_public(ip: str) -> bool:
    try:
        return ipaddress.ip_address(ip).is_global
    except ValueError:
        return False
