"""Keeps the PyTorch state of the calling program and ours apart."""

import multiprocessing
import os
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from functools import cache, wraps
from typing import ParamSpec, TypeVar

import torch

from nst.network.device import cores
from nst.process import IMPORTED_IN

P = ParamSpec("P")
Result = TypeVar("Result")

_max_threads = cache(cores)


def isolated(function: Callable[P, Result]) -> Callable[P, Result]:
    """The function with gradients, without autocast, with the CPU as default device, on `cores` at most.

    Afterwards the caller's state is back. The default number format is the same for all threads of a process, so it
    can't be changed for one; functions that create tensors name their format.
    """

    @wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> Result:
        own = _own_state()(function)
        if os.getpid() == IMPORTED_IN and multiprocessing.parent_process() is None:
            return own(*args, **kwargs)
        # In a fork OpenMP would wait for threads of the parent. For another thread it starts new ones.
        with ThreadPoolExecutor(1) as thread:
            return thread.submit(own, *args, **kwargs).result()

    return call


def isolated_steps(steps: Generator[Result, None, None]) -> Generator[Result, None, None]:
    """The generator, with each of its steps `isolated`."""
    advance = isolated(lambda: next(steps, None))
    try:
        while (result := advance()) is not None:
            yield result
    finally:
        steps.close()


@contextmanager
def _own_state() -> Iterator[None]:
    threads = torch.get_num_threads()
    with ExitStack() as stack:
        stack.enter_context(torch.inference_mode(False))
        stack.enter_context(torch.enable_grad())
        for kind in ("cpu", "cuda", "mps"):
            if torch.is_autocast_enabled(kind):
                stack.enter_context(torch.autocast(kind, enabled=False))
        if torch.empty(0).device.type != "cpu":
            stack.enter_context(torch.device("cpu"))
        if threads > _max_threads():
            torch.set_num_threads(_max_threads())
            stack.callback(torch.set_num_threads, threads)
        yield
