"""Whether a server answers, before a client that would wait for it long is asked."""

import urllib.error
import urllib.request
from contextlib import suppress

TIMEOUT = 10.0
"""Seconds a server may stay silent before it counts as out of reach."""


def check_reachable(url: str) -> None:
    """Raise OSError at once if no server answers at `url`, with whatever status.

    The Hub's own client would ask five times over half a minute, with a log line each.
    """
    question = urllib.request.Request(url, method="HEAD")
    with suppress(urllib.error.HTTPError):
        urllib.request.urlopen(question, timeout=TIMEOUT).close()
