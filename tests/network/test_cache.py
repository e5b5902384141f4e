import gc
import threading
import weakref
from dataclasses import dataclass

import torch

from nst.network.cache import ByteCache
from nst.network.vgg import Backbone
from nst.network.weights import bundled


@dataclass(eq=False)
class Heavy:
    """Something that weighs so many bytes."""

    nbytes: int


def test_the_least_recently_used_goes_when_the_bytes_are_too_many() -> None:
    cache = ByteCache(max_bytes=100)
    first, second = cache.get("a", lambda: Heavy(40)), cache.get("b", lambda: Heavy(40))
    assert cache.get("a", lambda: Heavy(0)) is first  # from now on "b" is the oldest
    cache.get("c", lambda: Heavy(50))
    assert cache.get("a", lambda: Heavy(40)) is first
    assert cache.get("b", lambda: Heavy(40)) is not second
    huge = cache.get("d", lambda: Heavy(101))
    assert cache.get("d", lambda: Heavy(101)) is not huge


def test_threads_share_it() -> None:
    cache = ByteCache(max_bytes=100)
    wrong: list[int] = []

    def work() -> None:
        for turn in range(2000):
            weight = turn % 9 * 5
            if cache.get(weight, lambda weight=weight: Heavy(weight)).nbytes != weight:
                wrong.append(weight)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_it_goes_with_its_network() -> None:
    backbone = Backbone(bundled(), torch.device("cpu"))
    kept = weakref.ref(backbone.cache.get("style", lambda: Heavy(8)))
    assert kept() is not None
    del backbone
    gc.collect()
    assert kept() is None
