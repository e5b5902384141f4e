"""The process that imported `nst` (which imports this at once, before a program can fork), and its garbage."""

import gc
import os
from collections.abc import Iterator
from contextlib import contextmanager

IMPORTED_IN = os.getpid()


@contextmanager
def collector_paused() -> Iterator[None]:
    """A context for slow imports: the collector would visit all new objects again and again, and free few."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()
