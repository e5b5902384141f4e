"""The fused convolution against PyTorch's."""

from types import SimpleNamespace

import pytest
import torch
import torch.nn.functional as F

from nst.network import fused_convolution
from nst.network.fused_convolution import FusedConvolution, is_available, supports
from nst.network.pooling import pool, unpool

KINDS = [(torch.float32, True), (torch.bfloat16, True), (torch.bfloat16, False)]
"""Number format, and whether Winograd's algorithm is used."""


@pytest.mark.parametrize(("dtype", "winograd"), KINDS)
@pytest.mark.parametrize(
    ("inputs", "outputs", "height", "width"),
    [
        (64, 64, 4, 4),
        (32, 128, 5, 7),
        (128, 64, 61, 33),
        (64, 64, 4, 20),
        (64, 64, 1, 200),
        (256, 512, 13, 3),
        (512, 64, 9, 130),
        (32, 64, 190, 182),
    ],
)
def test_it_equals_pytorchs_convolution(
    dtype: torch.dtype, winograd: bool, inputs: int, outputs: int, height: int, width: int
) -> None:
    random = torch.Generator().manual_seed(0)
    x = torch.randn(1, inputs, height, width, generator=random)
    weight = torch.randn(outputs, inputs, 3, 3, generator=random)
    bias = torch.randn(outputs, generator=random)
    mask = (torch.rand(1, outputs, height, width, generator=random) - 0.3).clamp_min(0)
    if not supports(weight, dtype, winograd):
        pytest.skip(f"no fused convolution in {dtype} here")
    convolve, expected = FusedConvolution(weight, dtype, winograd), F.conv2d(x, weight, bias, padding=1)
    given = x.to(dtype)
    own = mask.to(dtype, memory_format=torch.channels_last)
    assert_same(convolve(given, bias), expected)
    assert_same(convolve(given), expected - bias.view(1, -1, 1, 1))
    assert_same(convolve(given, bias, relu=True), expected.relu())
    assert_same(convolve(given, bias, mask=own), expected * (mask > 0))


def assert_same(actual: torch.Tensor, expected: torch.Tensor) -> None:
    if actual.dtype == torch.bfloat16:  # its spectra are rounded, most in the corner of each 4 x 4 tile
        error = (actual.float() - expected) / expected.std()
        assert float(error.square().mean().sqrt()) < 0.04
        assert float(error.abs().max()) < 0.8
    else:
        torch.testing.assert_close(actual, expected, rtol=1e-4, atol=2e-5 * float(expected.abs().max()))


@pytest.mark.parametrize(("dtype", "winograd"), KINDS)
@pytest.mark.parametrize(("height", "width"), [(4, 4), (5, 7), (37, 67), (2, 200), (16, 3)])
def test_pooling_and_its_gradient_equal_those_of_separate_operations(
    dtype: torch.dtype, winograd: bool, height: int, width: int
) -> None:
    random = torch.Generator().manual_seed(0)
    x = torch.randn(1, 64, height, width, generator=random).to(dtype)
    weight = torch.randn(64, 64, 3, 3, generator=random)
    bias = torch.randn(64, generator=random) - 5
    if not supports(weight, dtype, winograd):
        pytest.skip(f"no fused convolution in {dtype} here")
    convolve = FusedConvolution(weight, dtype, winograd)
    features = convolve(x, bias, relu=True)
    expected, positions = pool(features, "max")
    pooled, pooling = convolve.pooled(x, bias)
    assert torch.equal(pooled, expected)
    assert pooling[0] == features.shape
    assert torch.equal(pooling[1], positions)
    grad = torch.randn(pooled.shape, generator=random).to(dtype, memory_format=torch.channels_last)
    unpooled = unpool(grad, *pooling)
    assert torch.equal(convolve(grad, mask=features, pooling=pooling), convolve(unpooled, mask=features))


@pytest.mark.parametrize(("dtype", "winograd"), KINDS)
def test_nan_passes_its_relu(dtype: torch.dtype, winograd: bool) -> None:
    weight, x = torch.ones(64, 64, 3, 3), torch.zeros(1, 64, 8, 8, dtype=dtype)
    if not supports(weight, dtype, winograd):
        pytest.skip(f"no fused convolution in {dtype} here")
    x[0, 0, 0, 0] = torch.nan
    assert FusedConvolution(weight, dtype, winograd)(x, relu=True).isnan().any()


@pytest.mark.parametrize(("dtype", "winograd"), KINDS)
def test_its_relu_makes_no_negative_zero(dtype: torch.dtype, winograd: bool) -> None:
    weight, bias = torch.zeros(64, 64, 3, 3), torch.full((64,), -0.0)
    if not supports(weight, dtype, winograd):
        pytest.skip(f"no fused convolution in {dtype} here")
    result = FusedConvolution(weight, dtype, winograd)(-torch.ones(1, 64, 8, 8, dtype=dtype), bias, relu=True)
    assert not result.signbit().any()


def test_wrong_results_are_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    spectra = fused_convolution._spectra
    monkeypatch.setattr(fused_convolution, "_spectra", lambda *arguments: 1.01 * spectra(*arguments))
    assert not is_available.__wrapped__(torch.float32, True)


def test_a_matrix_unit_is_used_only_with_permission(monkeypatch: pytest.MonkeyPatch) -> None:
    library = SimpleNamespace(is_permitted=lambda: False, convolve_bfloat16=None)
    monkeypatch.setattr(fused_convolution, "processor_flags", lambda: frozenset({"amx_bf16"}))
    monkeypatch.setattr(fused_convolution, "library", lambda _: library)
    assert not is_available.__wrapped__(torch.bfloat16, winograd=False)


@pytest.mark.parametrize(("outputs", "inputs"), [(64, 3), (3, 64), (64, 48), (96, 64)])
def test_other_shapes_are_left_to_pytorch(outputs: int, inputs: int) -> None:
    assert not supports(torch.zeros(outputs, inputs, 3, 3), torch.float32, True)
