"""What a terminal does to a run: interrupts that keep the picture, output that nobody reads."""

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any

_SIGNALS = [
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
]


def end_at_once() -> None:
    """From now on a signal to end ends the process where it is: nothing is there to keep yet."""
    for number in _SIGNALS:
        if signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, lambda number, _: os._exit(128 + number))


class Ended(KeyboardInterrupt):
    """Somebody wants the run to end: Ctrl-C, SIGTERM, or a terminal that was closed."""


class Interrupts:
    """Within it, the first signal to end raises `Ended`, and no other does; `number` is its own.

    What is ignored already, as by `nohup`, stays ignored.
    """

    def __init__(self) -> None:
        self.number = 0
        self._held = False
        self._before: dict[int, Any] = {}

    def __enter__(self) -> "Interrupts":
        if threading.current_thread() is threading.main_thread():
            for number in _SIGNALS:
                if (before := signal.getsignal(number)) != signal.SIG_IGN:
                    self._before[number] = before
                    signal.signal(number, self._hear)
        return self

    def __exit__(self, *_: object) -> None:
        for number, before in self._before.items():
            signal.signal(number, before)

    def _hear(self, number: int, _: FrameType | None) -> None:
        if self.number:
            return
        self.number = number
        if not self._held:
            raise Ended

    @contextmanager
    def held(self) -> Iterator[None]:
        """While something is saved, a signal only sets `number`."""
        self._held = True
        try:
            yield
        finally:
            self._held = False


def tell(text: str) -> None:
    """A line for the person who started this."""
    print("nst:", " ".join(text.split()), file=sys.stderr)


@contextmanager
def tolerant_streams() -> Iterator[None]:
    """Output that can't be written (closed, a full disk, a pipe to nobody) is dropped."""
    # A closed stream's number would go to the next file that is opened, and warnings into it.
    while (number := os.open(os.devnull, os.O_RDWR)) <= 2:
        pass
    os.close(number)
    before = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = _Tolerant(before[0]), _Tolerant(before[1])
    try:
        yield
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        sys.stdout, sys.stderr = before


class _Tolerant:
    """A stream to write to for as long as that works."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream
        with suppress(AttributeError, OSError, ValueError):
            stream.reconfigure(errors="backslashreplace")

    def write(self, text: str) -> int:
        self._try("write", text)
        return len(text)

    def flush(self) -> None:
        self._try("flush")

    def _try(self, name: str, *given: str) -> None:
        if self._stream is None:
            return
        try:
            getattr(self._stream, name)(*given)
        except (OSError, ValueError):
            # What is still in its buffer has to go somewhere, or Python's own end would fail.
            with suppress(OSError, ValueError):
                nowhere = os.open(os.devnull, os.O_WRONLY)
                os.dup2(nowhere, self._stream.fileno())
                os.close(nowhere)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)
