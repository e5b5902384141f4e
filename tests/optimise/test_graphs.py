"""CUDA graphs without a GPU: a stand-in records operations and repeats them on the same memory, without any Python."""

import threading
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from PIL import Image
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from nst import Settings
from nst.network import compiled
from nst.network.device import Arithmetic
from nst.network.vgg import Backbone
from nst.network.weights import bundled_weights
from nst.optimise import graphs
from nst.optimise.graphs import Graphed, with_graph
from nst.optimise.objective import Evaluate, LossTensors, Objective
from nst.optimise.regions import Region

SIZE, EVALUATIONS = 64, 12  # with searches for matches at 0, 3, 6 and 10


class RecordedGraph(TorchDispatchMode):
    """What `CudaGraph` does, on a CPU."""

    def __init__(self, function: Evaluate, pixels: Tensor) -> None:
        super().__init__()
        self._calls: list[tuple[Any, Any, Any, Any]] = []
        self._pixels = pixels.clone()
        with self:
            self._results = function(self._pixels)
        for tensor in tree_leaves(self._results):
            tensor.fill_(torch.nan)  # a capture computes nothing

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func.name() in ("aten::_local_scalar_dense", "aten::nonzero"):
            raise RuntimeError("operation not permitted when stream is capturing")
        out = func(*args, **(kwargs or {}))
        if not func.is_view:
            self._calls.append((func, args, kwargs or {}, out))
        return out

    def __call__(self, pixels: Tensor) -> tuple[LossTensors, Tensor]:
        self._pixels.copy_(pixels)
        with torch.no_grad():
            for func, args, kwargs, recorded in self._calls:
                new = func(*args, **kwargs)
                for old, tensor in zip(tree_leaves(recorded), tree_leaves(new), strict=True):
                    if isinstance(old, Tensor) and old is not tensor and old.layout == torch.strided:
                        old.copy_(tensor)
        return self._results


@pytest.fixture
def objectives(style: Image.Image, monkeypatch: pytest.MonkeyPatch) -> tuple[Objective, Objective]:
    """Twice the same, without C++, whose functions a stand-in could not record."""
    monkeypatch.setattr(compiled, "library", lambda _: None)
    backbone = Backbone(bundled_weights(), torch.device("cpu"), Arithmetic(torch.float32))
    photo = torch.rand(1, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(0))
    mask = Image.new("L", (SIZE, SIZE), 255)
    mask.paste(0, (0, 0, 20, SIZE))
    one, two = (
        Objective(photo, [Region([(style, 1.0)], mask)], SIZE, Settings(size=SIZE), backbone) for _ in range(2)
    )
    return one, two


@pytest.fixture
def pictures() -> Iterator[Tensor]:
    random = torch.Generator().manual_seed(1)
    return (torch.rand(1, 3, SIZE, SIZE, generator=random) for _ in range(EVALUATIONS))


def _assert_same(one: tuple[LossTensors, Tensor], other: tuple[LossTensors, Tensor]) -> None:
    torch.testing.assert_close(one[0], other[0], rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(one[1], other[1], rtol=1e-3, atol=1e-3 * float(one[1].abs().max()))


def test_a_graph_gives_what_the_objective_gives(
    objectives: tuple[Objective, Objective], pictures: Iterator[Tensor], monkeypatch: pytest.MonkeyPatch
) -> None:
    objective, other = objectives
    evaluations: list[bool] = []
    evaluate = other.evaluate
    monkeypatch.setattr(other, "evaluate", lambda x, renews: evaluations.append(renews) or evaluate(x, renews))
    graphed = Graphed(other, RecordedGraph)
    results = []
    for picture in pictures:
        expected, actual = objective(picture), graphed(picture)
        _assert_same(actual, expected)
        results.append((actual[1], actual[1].clone()))
    assert evaluations == [True, False, False, True, True, True]  # two without a graph, the capture, three searches
    assert all(torch.equal(gradient, copy) for gradient, copy in results)  # no later call has overwritten it


@pytest.mark.parametrize("fault", ["error", "difference"])
def test_without_a_usable_graph_the_objective_is_called(
    fault: str,
    objectives: tuple[Objective, Objective],
    pictures: Iterator[Tensor],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(graphs, "_failed", threading.Event())
    objective, other = objectives

    class Faulty(RecordedGraph):
        def __init__(self, function: Evaluate, pixels: Tensor) -> None:
            super().__init__(function, pixels)
            if fault == "error":
                raise RuntimeError("CUDA error")

        def __call__(self, pixels: Tensor) -> tuple[LossTensors, Tensor]:
            losses, gradient = super().__call__(pixels)
            return losses, 1.1 * gradient

    graphed = Graphed(other, Faulty)
    for picture in pictures:
        _assert_same(graphed(picture), objective(picture))
    assert [record.message for record in caplog.records] == [
        f"CUDA graphs are not used: {'CUDA error' if fault == 'error' else 'a gradient differs by 0.1'}"
    ]


def test_on_a_cpu_there_is_no_graph(objectives: tuple[Objective, Objective]) -> None:
    objective = objectives[0]
    assert with_graph(objective, torch.rand(1, 3, SIZE, SIZE)) is objective
