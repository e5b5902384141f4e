"""Checks that a server answers before a client with a long time limit is used."""

import urllib.error
import urllib.request
from contextlib import suppress

TIMEOUT = 10.0  # seconds without an answer after which a server counts as unreachable


def check_reachable(url: str) -> None:
    """Raise OSError at once if no server answers at `url`; any status counts as an answer.

    The Hub's own client would try five times in half a minute, with a log line each.
    """
    question = urllib.request.Request(url, method="HEAD")
    with suppress(urllib.error.HTTPError):
        urllib.request.urlopen(question, timeout=TIMEOUT).close()
