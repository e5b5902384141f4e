"""What a step asks of a GPU, counted without one: on PyTorch's meta device, which has no numbers to wait for."""

from collections import Counter
from itertools import islice
from typing import Any

import pytest
import torch
from PIL import Image
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from nst import Settings
from nst.network.device import Arithmetic
from nst.network.vgg import Backbone
from nst.network.weights import bundled_weights
from nst.optimise.lbfgs import lbfgs
from nst.optimise.objective import Objective
from nst.optimise.regions import Region

META = torch.device("meta")
NO_KERNELS = ("aten::empty", "aten::new_empty", "aten::detach", "aten::_unsafe_view", "aten::lift_fresh")
NO_KERNELS += ("aten::promote_types", "aten::scalar_tensor")


class Kernels(TorchDispatchMode):
    """Counts operations that launch a kernel on a GPU."""

    def __init__(self) -> None:
        super().__init__()
        self.counts: Counter[str] = Counter()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if not (func.is_view or func.name().startswith(NO_KERNELS)):
            self.counts[func.name()] += 1
        return func(*args, **(kwargs or {}))


@pytest.fixture
def evaluate(request: pytest.FixtureRequest, style: Image.Image) -> Objective:
    backbone = Backbone(bundled_weights(), META, Arithmetic(torch.bfloat16))
    size = request.param
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Tensor, "__float__", lambda _: 1.0)  # the set-up may wait
        photo = torch.empty(1, 3, size, size, device=META)
        return Objective(photo, [Region([(style, 1.0)])], size, Settings(size=size), backbone)


def _kernels(evaluate: Objective, size: int) -> int:
    with Kernels() as kernels:
        evaluate(torch.empty(1, 3, size, size, device=META))
    return kernels.counts.total()


@pytest.mark.parametrize(
    ("evaluate", "size", "most", "most_with_search"),
    [(512, 512, 250, 350), (2048, 2048, 310, 595)],
    indirect=["evaluate"],
)
def test_an_evaluation_launches_few_kernels(evaluate: Objective, size: int, most: int, most_with_search: int) -> None:
    with_search, without = _kernels(evaluate, size), _kernels(evaluate, size)
    assert 200 < without <= most
    assert without < with_search <= most_with_search


@pytest.mark.parametrize("evaluate", [512], indirect=True)
def test_no_step_waits(evaluate: Objective) -> None:
    pixels = torch.empty(1, 3, 512, 512, device=META)
    with pytest.raises(RuntimeError):
        float(pixels.sum())
    steps = lbfgs(pixels, evaluate, 100, evaluate.changes_at)
    assert len([*islice(steps, 12)]) == 12  # with searches for matches, and more steps than curvature pairs
    with Kernels() as kernels:
        next(steps)
    assert kernels.counts.total() <= 370
