import gc
import weakref
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import torch

from nst.network.cache import ByteCache
from nst.network.vgg import Backbone
from nst.network.weights import bundled_weights


@dataclass(eq=False)
class Block:
    """A value of a given size."""

    nbytes: int


def test_the_least_recently_used_is_dropped_first() -> None:
    cache = ByteCache(max_bytes=100)
    first, second = cache.get("a", lambda: Block(40)), cache.get("b", lambda: Block(40))
    assert cache.get("a", lambda: Block(0)) is first  # from now on "b" is the oldest
    cache.get("c", lambda: Block(50))
    assert cache.get("a", lambda: Block(40)) is first
    assert cache.get("b", lambda: Block(40)) is not second
    huge = cache.get("d", lambda: Block(101))
    assert cache.get("d", lambda: Block(101)) is not huge


def test_threads_may_share_a_cache() -> None:
    cache = ByteCache(max_bytes=100)

    def work() -> None:
        for number in range(2000):
            size = number % 9 * 5
            assert cache.get(size, lambda size=size: Block(size)).nbytes == size

    with ThreadPoolExecutor(4) as pool:
        for future in [pool.submit(work) for _ in range(4)]:
            future.result(timeout=60)


def test_a_cache_is_freed_with_its_network() -> None:
    backbone = Backbone(bundled_weights(), torch.device("cpu"))
    kept = weakref.ref(backbone.cache.get("style", lambda: Block(8)))
    assert kept() is not None
    del backbone
    gc.collect()
    assert kept() is None
