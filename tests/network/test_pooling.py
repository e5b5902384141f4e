import pytest
import torch
import torch.nn.functional as F

from nst.network import pooling
from nst.network.pooling import pool, unpool

SHAPES = [(6, 8), (13, 9), (32, 7)]


@pytest.mark.parametrize("kind", ["max", "average"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize(("height", "width"), SHAPES)
def test_pooling_in_bands_equals_autograd_to_the_bit(
    kind: str, dtype: torch.dtype, height: int, width: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pooling, "BAND_ROWS", 3)
    before = _all_different((1, 5, height, width), dtype)  # of equals, torch may take another
    theirs = F.max_pool2d if kind == "max" else F.avg_pool2d
    pooled = theirs(before.requires_grad_(), 2)
    push = torch.randn(pooled.shape).to(dtype, memory_format=torch.channels_last)
    (truth,) = torch.autograd.grad(pooled, before, push)
    found, place = pool(before.detach(), kind)
    assert torch.equal(found, pooled)
    assert torch.equal(unpool(push, before.shape, place), truth)


def _all_different(shape: tuple[int, ...], dtype: torch.dtype) -> torch.Tensor:
    """Positive numbers in disorder, no two the same: their bits are integers that differ."""
    numbers = torch.randperm(torch.Size(shape).numel()).view(shape) + 0x3000
    bits = numbers.to(torch.int32) << 16 if dtype == torch.float32 else numbers.to(torch.int16)
    return bits.view(dtype).contiguous(memory_format=torch.channels_last)


def test_where_all_four_are_zero_no_gradient_comes_back() -> None:
    before = torch.zeros(1, 2, 2, 4)
    before[0, 1, 1, 0] = 1
    _, place = pool(before, "max")
    grad = unpool(torch.ones(1, 2, 1, 2), before.shape, place)
    assert torch.equal(grad, before)
