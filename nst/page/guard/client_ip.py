"""Where visitors are, as far as that can be known."""

import ipaddress
from typing import Any

from nst.config import Config


def address(request: Any, config: Config) -> str:
    """The address that a request came from.

    On a Space, proxies stand between, and each adds to a list whom it was asked by: the last that
    is not of their own network was seen by one of them. What comes before it, anybody may write.
    Elsewhere the server itself knows whom to believe.
    """
    if config.space:
        listed = request.headers.get("x-forwarded-for", "").split(",")
        for told in reversed([part.strip() for part in listed]):
            if _is_public(told):
                return told
    return request.client.host if request.client else ""


def _is_public(told: str) -> bool:
    try:
        return ipaddress.ip_address(told).is_global
    except ValueError:
        return False
