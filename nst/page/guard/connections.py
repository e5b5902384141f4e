"""Closes connections whose clients keep the server waiting.

Each connection takes one of the files that a process may have open. uvicorn itself waits forever for a request, for
the rest of its body, and for a client that does not read the answer.
"""

import asyncio
import resource
from contextlib import suppress

from uvicorn.protocols.http.h11_impl import H11Protocol

PERIOD = 15.0  # seconds between two looks at a connection
MIN_BYTES = 5000  # of a body, or of an answer, that a client has to send or read in a period

MAX_OPEN_FILES = 10_240  # as many as macOS allows


def raise_file_limit() -> None:
    """Let this process open as many files as the system permits, up to MAX_OPEN_FILES."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    limit = MAX_OPEN_FILES if hard == resource.RLIM_INFINITY else min(hard, MAX_OPEN_FILES)
    if 0 <= soft < limit:
        with suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))


def max_connections() -> int:
    """Half of the files that may be open; the other half is for pictures, pipes and libraries."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return (MAX_OPEN_FILES if soft == resource.RLIM_INFINITY else soft) // 2


class Connection(H11Protocol):
    """uvicorn's connection, which ends when its client makes no progress within a period or two."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Close the oldest connection without a request if there are too many."""
        super().connection_made(transport)
        transport.set_write_buffer_limits(high=0)  # so what is unsent shrinks until all of it is sent
        self._received = self._answers = 0
        self._last = self._expected()
        self._next_look = self.loop.call_later(PERIOD, self._look)
        limit = max_connections()
        if len(self.connections) > limit:
            alive = [c for c in self.connections if isinstance(c, Connection) and not c.transport.is_closing()]
            idle = [connection for connection in alive if connection._idle()]
            if len(alive) > limit and idle:
                min(idle, key=lambda connection: connection._next_look.when()).transport.abort()

    def data_received(self, data: bytes) -> None:
        """Count what arrives."""
        self._received += len(data)
        super().data_received(data)

    def resume_writing(self) -> None:
        """Count how often all has been sent."""
        self._answers += 1
        super().resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        """Look no more."""
        self._next_look.cancel()
        super().connection_lost(exc)

    def _idle(self) -> bool:
        return self.cycle is None or self.cycle.response_complete

    def _expected(self) -> tuple[tuple[str, object], int] | None:
        """The next action of the client, and how many bytes of it are done; None if the server acts next."""
        if unsent := self.transport.get_write_buffer_size():
            return ("read", self._answers), -unsent
        if self._idle():
            return ("request", self.cycle), 0  # its head is too short to arrive in parts
        if self.cycle.more_body and not self.flow.read_paused:
            return ("body", self.cycle), self._received
        return None

    def _look(self) -> None:
        """Close the connection if the client has made no progress since the last look."""
        last, self._last = self._last, self._expected()
        if last and self._last and last[0] == self._last[0] and self._last[1] - last[1] < MIN_BYTES:
            self.transport.abort()
        else:
            self._next_look = self.loop.call_later(PERIOD, self._look)
