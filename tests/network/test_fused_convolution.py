"""The fused convolution against PyTorch's."""

import pytest
import torch
import torch.nn.functional as F

from nst.network import fused_convolution
from nst.network.fused_convolution import FusedConvolution, is_available, supports


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize(
    ("inputs", "outputs", "height", "width"),
    [(64, 64, 4, 4), (32, 128, 5, 7), (128, 64, 61, 33), (64, 64, 1, 200), (256, 512, 13, 3)],
)
def test_it_equals_pytorchs_convolution(
    dtype: torch.dtype, inputs: int, outputs: int, height: int, width: int
) -> None:
    random = torch.Generator().manual_seed(0)
    x = torch.randn(1, inputs, height, width, generator=random)
    weight = torch.randn(outputs, inputs, 3, 3, generator=random)
    bias = torch.randn(outputs, generator=random)
    mask = (torch.rand(1, outputs, height, width, generator=random) - 0.3).clamp_min(0)
    if not supports(weight, dtype):
        pytest.skip(f"no fused convolution in {dtype} here")
    convolve, expected = FusedConvolution(weight, dtype), F.conv2d(x, weight, bias, padding=1)

    def check(actual: torch.Tensor, expected: torch.Tensor) -> None:
        if dtype == torch.bfloat16:  # its spectra are rounded, most in the corner of each 4 x 4 tile
            error = (actual.float() - expected) / expected.std()
            assert float(error.square().mean().sqrt()) < 0.04
            assert float(error.abs().max()) < 0.8
        else:
            torch.testing.assert_close(actual, expected, rtol=1e-4, atol=1e-5 * float(expected.abs().max()))

    given = x.to(dtype)
    own = mask.to(dtype, memory_format=torch.channels_last)
    check(convolve(given, bias), expected)
    check(convolve(given, None), expected - bias.view(1, -1, 1, 1))
    check(convolve(given, bias, relu=True), expected.relu())
    check(convolve(given, bias, mask=own), expected * (mask > 0))


def test_nan_passes_its_relu() -> None:
    weight, x = torch.ones(64, 64, 3, 3), torch.zeros(1, 64, 8, 8)
    if not supports(weight, torch.float32):
        pytest.skip("no fused convolution here")
    x[0, 0, 0, 0] = torch.nan
    assert FusedConvolution(weight, torch.float32)(x, None, relu=True).isnan().any()


def test_its_relu_makes_no_negative_zero() -> None:
    weight, bias = torch.zeros(64, 64, 3, 3), torch.full((64,), -0.0)
    if not supports(weight, torch.float32):
        pytest.skip("no fused convolution here")
    result = FusedConvolution(weight, torch.float32)(-torch.ones(1, 64, 8, 8), bias, relu=True)
    assert not result.signbit().any()


def test_wrong_results_are_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    packed = fused_convolution._packed
    monkeypatch.setattr(fused_convolution, "_packed", lambda *arguments: 1.01 * packed(*arguments))
    assert not is_available.__wrapped__(torch.float32)


@pytest.mark.parametrize(("outputs", "inputs"), [(64, 3), (3, 64), (64, 48), (96, 64)])
def test_other_shapes_are_left_to_pytorch(outputs: int, inputs: int) -> None:
    assert not supports(torch.zeros(outputs, inputs, 3, 3), torch.float32)
