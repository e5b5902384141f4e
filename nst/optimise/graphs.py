"""An objective on an NVIDIA GPU as a CUDA graph: one launch for each evaluation instead of 250.

Without it a small picture takes as long as Python takes to launch its kernels. A graph repeats the same kernels on the
same memory, and no Python runs. Evaluations that renew the matches are few, and do not use it.
"""

import logging
import math
import threading
from collections.abc import Callable

import torch
from torch import Tensor

from nst.network.memory import free_memory, needed_memory
from nst.optimise.objective import Evaluate, LossTensors, Objective

log = logging.getLogger("nst")

MAX_PIXELS = 1024 * 1536  # a larger picture keeps the GPU busy while kernels are launched

MIN_TORCH = (2, 13)  # before, a capture that failed could leave the allocator in a state that ends the process

GRAPH_MEMORY = 2.5
"""Memory of a run with a graph, relative to one without: the graph keeps its own beside that of other evaluations."""

MAX_DIFFERENCE = 0.05  # of a graph's gradient, relative: sums in another order change a few per cent in 16 bits

_capturing = threading.Lock()  # two captures at a time would disturb each other
_failed = threading.Event()  # in this process


def with_graph(objective: Evaluate, pixels: Tensor) -> Evaluate:
    """A function that returns what `objective` does for pictures like `pixels`; itself where a graph is not faster."""
    if type(objective) is not Objective:  # the others compute too much, or not the same in each evaluation
        return objective
    count, dtype = pixels[0, 0].numel(), objective.dtype
    version = tuple(int(part) for part in torch.__version__.split(".")[:2])
    if not pixels.is_cuda or count > MAX_PIXELS or version < MIN_TORCH or _failed.is_set():
        return objective
    if free_memory(pixels.device) < GRAPH_MEMORY * needed_memory(count, dtype, pixels.device):
        return objective
    return Graphed(objective, CudaGraph)


class CudaGraph:
    """The kernels that `function` launches for a picture like `pixels`, as a function.

    The results of a call are overwritten by the next one.
    """

    def __init__(self, function: Evaluate, pixels: Tensor) -> None:
        self._pixels, self._graph = pixels.clone(), torch.cuda.CUDAGraph()
        # The current stream is set again even if the capture fails.
        current = torch.cuda.stream(torch.cuda.current_stream(pixels.device))
        with _capturing, current, torch.cuda.graph(self._graph, capture_error_mode="thread_local"):
            self._results = function(self._pixels)

    def __call__(self, pixels: Tensor) -> tuple[LossTensors, Tensor]:
        self._pixels.copy_(pixels)
        self._graph.replay()
        return self._results


class Graphed:
    """Calls an objective by a graph that the first evaluation with constant matches creates.

    If that fails, or if its results differ, this process uses no graphs from then on.
    """

    def __init__(self, objective: Objective, capture: Callable[[Evaluate, Tensor], Evaluate]) -> None:
        self._objective, self._capture = objective, capture
        self._graph: Evaluate | None = None
        self._evaluations = 0

    def __call__(self, pixels: Tensor) -> tuple[LossTensors, Tensor]:
        renews = self._objective.changes_at(self._evaluations)
        self._evaluations += 1
        pixels = pixels.detach()
        if self._graph and not renews:
            losses, gradient = self._graph(pixels)
            return {name: loss.clone() for name, loss in losses.items()}, gradient.clone()
        results = self._objective.evaluate(pixels, renews)  # also prepares what a graph must not do
        if not renews and not _failed.is_set():
            self._create(pixels, results[1])
        return results

    def _create(self, pixels: Tensor, gradient: Tensor) -> None:
        """Create the graph, and compare its gradient."""
        size = float(gradient.norm())
        if not math.isfinite(size):  # the run will fail, and others need not know
            return
        try:
            graph = self._capture(lambda x: self._objective.evaluate(x, renews=False), pixels)
            difference = float((graph(pixels)[1] - gradient).norm())
            if not difference <= MAX_DIFFERENCE * size:
                raise RuntimeError(f"a gradient differs by {difference / size:.2g}")
            self._graph = graph
        except RuntimeError as error:
            log.warning("CUDA graphs are not used: %s", str(error).partition("\n")[0])
            _failed.set()
