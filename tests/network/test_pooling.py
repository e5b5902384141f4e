import pytest
import torch
import torch.nn.functional as F

from nst.network import pooling
from nst.network.pooling import pool, unpool

SHAPES = [(6, 8), (13, 9), (32, 7)]


@pytest.fixture(params=["compiled", "in bands", "at once"], autouse=True)
def implementation(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a compiler, without, and as on a GPU."""
    if request.param != "compiled":
        monkeypatch.setattr(pooling, "operation", lambda *_: None)
        monkeypatch.setattr(pooling, "BAND_ROWS", 3)
        monkeypatch.setattr(pooling, "at_once", lambda _: request.param == "at once")


@pytest.mark.parametrize("kind", ["max", "average"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize(("height", "width"), SHAPES)
def test_pooling_equals_autograd_exactly(kind: str, dtype: torch.dtype, height: int, width: int) -> None:
    before = _all_different((1, 5, height, width), dtype)  # torch may choose another of equal values
    reference = F.max_pool2d if kind == "max" else F.avg_pool2d
    pooled = reference(before.requires_grad_(), 2)
    push = torch.randn(pooled.shape).to(dtype, memory_format=torch.channels_last)
    (truth,) = torch.autograd.grad(pooled, before, push)
    out, positions = pool(before.detach(), kind)
    assert torch.equal(out, pooled)
    assert torch.equal(unpool(push, before.shape, positions), truth)


def _all_different(shape: tuple[int, ...], dtype: torch.dtype) -> torch.Tensor:
    """Distinct positive numbers in random order, made from distinct integers."""
    numbers = torch.randperm(torch.Size(shape).numel()).view(shape) + 0x3000
    bits = numbers.to(torch.int32) << 16 if dtype == torch.float32 else numbers.to(torch.int16)
    return bits.view(dtype).contiguous(memory_format=torch.channels_last)


def test_the_gradient_of_four_zeros_is_zero() -> None:
    before = torch.zeros(1, 2, 2, 4)
    before[0, 1, 1, 0] = 1
    _, positions = pool(before, "max")
    grad = unpool(torch.ones(1, 2, 1, 2), before.shape, positions)
    assert torch.equal(grad, before)
