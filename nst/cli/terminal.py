"""Signals that save the picture before the program ends, and output streams that never fail."""

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any

_SIGNALS = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]


def _exit(number: int, _: FrameType | None) -> None:
    os._exit(128 + number)


def end_at_once() -> None:
    """From now on a signal ends the process at once, without a traceback. For slow imports.

    A signal that is ignored, as by `nohup`, stays ignored.
    """
    if threading.current_thread() is threading.main_thread():
        for number in _SIGNALS:
            if signal.getsignal(number) != signal.SIG_IGN:
                signal.signal(number, _exit)


def restore_signals() -> None:
    """Undo `end_at_once`: Python's own handlers are back."""
    for number in _SIGNALS:
        if signal.getsignal(number) is _exit:
            interrupt = number == signal.SIGINT
            signal.signal(number, signal.default_int_handler if interrupt else signal.SIG_DFL)


class Interrupted(KeyboardInterrupt):
    """Ctrl-C, SIGTERM, or a closed terminal ends the run."""


class Interrupts:
    """A context in which the first signal raises `Interrupted`, and all others are ignored.

    `number` is the first signal's number, or 0. A signal that was ignored before, as by `nohup`,
    stays ignored.
    """

    def __init__(self) -> None:
        self.number = 0
        self._deferred = False
        self._handlers: dict[int, Any] = {}

    def __enter__(self) -> "Interrupts":
        if threading.current_thread() is threading.main_thread():
            for number in _SIGNALS:
                if (handler := signal.getsignal(number)) != signal.SIG_IGN:
                    self._handlers[number] = handler
                    signal.signal(number, self._on_signal)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._handlers.items():
            signal.signal(number, handler)

    def _on_signal(self, number: int, _: FrameType | None) -> None:
        if self.number:
            return
        self.number = number
        if not self._deferred:
            raise Interrupted

    @contextmanager
    def deferred(self) -> Iterator[None]:
        """A context for saving: a signal only sets `number`."""
        self._deferred = True
        try:
            yield
        finally:
            self._deferred = False


def print_message(text: str) -> None:
    """Print one line on stderr."""
    print("nst:", " ".join(text.split()), file=sys.stderr)


@contextmanager
def tolerant_streams() -> Iterator[None]:
    """A context in which output is dropped if it can't be written: closed, full, broken pipe."""
    # A closed stream's descriptor would go to the next file opened, and warnings into that file.
    while (number := os.open(os.devnull, os.O_RDWR)) <= 2:
        pass
    os.close(number)
    streams = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = _Tolerant(streams[0]), _Tolerant(streams[1])
    try:
        yield
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        sys.stdout, sys.stderr = streams


class _Tolerant:
    """A stream whose write errors are ignored."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream
        with suppress(AttributeError, OSError, ValueError):
            stream.reconfigure(errors="backslashreplace")

    def write(self, text: str) -> int:
        self._try("write", text)
        return len(text)

    def flush(self) -> None:
        self._try("flush")

    def _try(self, method: str, *arguments: str) -> None:
        if self._stream is None:
            return
        try:
            getattr(self._stream, method)(*arguments)
        except (OSError, ValueError):
            # Python flushes the buffer at exit, which would fail again: send it to /dev/null.
            with suppress(OSError, ValueError):
                null = os.open(os.devnull, os.O_WRONLY)
                os.dup2(null, self._stream.fileno())
                os.close(null)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)
