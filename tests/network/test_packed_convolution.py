"""oneDNN's convolution against PyTorch's."""

import pytest
import torch
import torch.nn.functional as F

from nst.network import packed_convolution
from nst.network.packed_convolution import Convolution, is_available

RANDOM = torch.Generator().manual_seed(0)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("packed", [True, False])
@pytest.mark.parametrize("relu", [True, False])
@pytest.mark.parametrize(("padding", "stride"), [((1, 1), (1, 1)), ((0, 0), (1, 1)), ((2, 6), (1, 4))])
def test_it_equals_conv2d(
    padding: tuple[int, int],
    stride: tuple[int, int],
    relu: bool,
    packed: bool,
    dtype: torch.dtype,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if not packed:
        monkeypatch.setattr(packed_convolution, "is_available", lambda _: False)
    elif not is_available(dtype):
        pytest.skip("not available here")
    weight, bias = torch.randn(24, 16, 3, 3, generator=RANDOM).to(dtype), torch.randn(24, generator=RANDOM).to(dtype)
    x = torch.randn(1, 16, 9, 13, generator=RANDOM).to(dtype, memory_format=torch.channels_last)
    result = Convolution(weight, padding, stride)(x, bias, relu)
    expected = F.conv2d(x, weight, bias, stride, padding)
    expected = expected.relu() if relu else expected
    assert float((result - expected).float().norm() / expected.float().norm()) < (
        1e-6 if dtype == torch.float32 else 3e-3
    )
    assert result.is_contiguous(memory_format=torch.channels_last)
    assert not (relu and result.signbit().any())  # pooling compares bits


@pytest.mark.parametrize("fault", ["missing", "wrong"])
def test_operations_that_are_missing_or_wrong_are_not_used(fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def convolve(x: torch.Tensor, *_: object) -> torch.Tensor:
        if fault == "missing":
            raise AttributeError("_convolution_pointwise")
        return torch.zeros_like(x)

    monkeypatch.setattr(packed_convolution, "_convolve", convolve)
    assert not is_available.__wrapped__(torch.float32)
