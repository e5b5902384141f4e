"""A least recently used cache with an upper bound in bytes."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Any, Protocol, TypeVar


class HasSize(Protocol):
    """A value that knows its size in bytes."""

    @property
    def nbytes(self) -> int: ...


Value = TypeVar("Value", bound=HasSize)


class ByteCache:
    """Values by key, up to `max_bytes` in total; the least recently used are dropped first.

    Threads may share it. Two threads that request the same missing key both compute its value.
    """

    def __init__(self, max_bytes: int = 64 * 2**20) -> None:
        self._max_bytes = max_bytes
        self._values: OrderedDict[Hashable, Any] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: Hashable, make: Callable[[], Value]) -> Value:
        """The cached value of the key; if there is none, `make()`, which is then cached."""
        with self._lock:
            if key in self._values:
                self._values.move_to_end(key)
                return self._values[key]
        value = make()
        with self._lock:
            self._values[key] = value
            self._values.move_to_end(key)
            while sum(value.nbytes for value in self._values.values()) > self._max_bytes:
                self._values.popitem(last=False)
        return value
