"""The process: which one imported `nst`, and a pause of its garbage collector.

`nst` imports this at once, before a program can fork.
"""

import gc
import os
from collections.abc import Iterator
from contextlib import contextmanager

IMPORTED_IN = os.getpid()


@contextmanager
def collector_paused() -> Iterator[None]:
    """A context for slow imports. They create many objects, which the collector would visit several times."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()
