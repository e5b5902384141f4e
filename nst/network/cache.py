"""A cache that is bounded by what its contents weigh."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Any, Protocol, TypeVar


class Weighable(Protocol):
    """Whatever can tell how many bytes it holds."""

    @property
    def nbytes(self) -> int: ...


Value = TypeVar("Value", bound=Weighable)


class ByteCache:
    """What is costly to make, by key, while all of it together weighs at most `most` bytes.

    The least recently used goes first. Threads may share it; two that ask for the same thing at
    the same time both make it.
    """

    def __init__(self, most: int = 64 * 2**20) -> None:
        self._most = most
        self._kept: OrderedDict[Hashable, Any] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: Hashable, make: Callable[[], Value]) -> Value:
        """What is kept under the key, or else what `make` returns, which is then kept."""
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]
        made = make()
        with self._lock:
            self._kept[key] = made
            self._kept.move_to_end(key)
            while sum(value.nbytes for value in self._kept.values()) > self._most:
                self._kept.popitem(last=False)
        return made
