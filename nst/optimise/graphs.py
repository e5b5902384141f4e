"""An objective on an NVIDIA GPU as CUDA graphs: one launch for each evaluation instead of 250.

Without them a small picture takes as long as Python takes to launch its kernels. A graph repeats the same kernels on
the same memory, and no Python runs. So there is one graph for evaluations that renew the matches and one for the
others, and both use the matches in the memory of the first.
"""

import logging
import threading
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from nst.optimise.objective import Evaluate, LossTensors, Objective

log = logging.getLogger("nst")

MAX_PIXELS = 1024 * 1536
"""A larger picture keeps the GPU busy while kernels are launched, and a graph would hold much memory."""

MAX_DIFFERENCE = 0.05  # of a graph's gradient, relative: sums in another order change a few per cent in 16 bits

_capturing = threading.Lock()  # two captures at a time would disturb each other


def with_graphs(objective: Objective, pixels: Tensor, capture: "Capture | None" = None) -> Evaluate:
    """`objective` itself, or where graphs are faster a function that returns the same for pictures like `pixels`."""
    if capture is None:
        if not pixels.is_cuda or pixels[0, 0].numel() > MAX_PIXELS:
            return objective
        capture = CudaGraph
    return _Graphs(objective, capture)


class CudaGraph:
    """The kernels that `function` launches for a picture like `pixels`, as a function.

    The results of a call are overwritten by the next one. `pool` is the memory of another graph, to be shared.
    """

    def __init__(self, function: Evaluate, pixels: Tensor, pool: Any) -> None:
        self._pixels, self._graph = pixels.clone(), torch.cuda.CUDAGraph()
        stream = torch.cuda.Stream(pixels.device)
        with _capturing, torch.cuda.graph(self._graph, pool, stream, capture_error_mode="thread_local"):
            self._results = function(self._pixels)

    def __call__(self, pixels: Tensor) -> tuple[LossTensors, Tensor]:
        self._pixels.copy_(pixels)
        self._graph.replay()
        return self._results

    @property
    def pool(self) -> Any:
        return self._graph.pool()


Capture = Callable[[Evaluate, Tensor, Any], CudaGraph]


class _Graphs:
    """Calls an objective, by graphs that the first evaluations create.

    If a graph can't be created, or its results differ, the objective is called without graphs from then on.
    """

    def __init__(self, objective: Objective, capture: Capture) -> None:
        self._objective, self._capture = objective, capture
        self._graphs: dict[bool, CudaGraph] = {}  # by whether the matches are renewed
        self._evaluations, self._usable = 0, True

    def __call__(self, pixels: Tensor) -> tuple[LossTensors, Tensor]:
        renews = self._objective.changes_at(self._evaluations)
        self._evaluations += 1
        pixels = pixels.detach()
        if self._usable and renews not in self._graphs:
            return self._create(pixels, renews)
        if not self._usable:
            return self._objective.evaluate(pixels, renews)
        losses, gradient = self._graphs[renews](pixels)
        return {name: loss.clone() for name, loss in losses.items()}, gradient.clone()

    def _create(self, pixels: Tensor, renews: bool) -> tuple[LossTensors, Tensor]:
        """Evaluate without a graph, which also prepares what a graph must not do, and then create it."""
        losses, gradient = self._objective.evaluate(pixels, renews)
        pool = next((graph.pool for graph in self._graphs.values()), None)
        try:
            graph = self._capture(lambda x: self._objective.evaluate(x, renews), pixels, pool)
            _, same = graph(pixels)
            difference = float((same - gradient).norm() / gradient.norm().clamp_min(torch.finfo(gradient.dtype).tiny))
            if not difference < MAX_DIFFERENCE:
                raise RuntimeError(f"a gradient differs by {difference:.2g}")
            self._graphs[renews] = graph
        except RuntimeError as error:
            log.warning("CUDA graphs are not used: %s", str(error).partition("\n")[0])
            self._usable = False
            self._graphs.clear()
            self._objective.evaluate(pixels, renews)  # the matches may be in the memory of a graph
        return losses, gradient
