import numpy as np
import pytest
import torch
from torch import Tensor

from nst.network.compiled import operation
from nst.optimise import matching
from nst.optimise.matching import directions, match, matching_loss, pulls


@pytest.fixture(params=["compiled", "in blocks"], autouse=True)
def implementation(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a compiler and without."""
    if request.param == "in blocks":
        monkeypatch.setattr(matching, "operation", lambda *_: None)


def test_matching_equals_brute_force() -> None:
    generator = torch.Generator().manual_seed(0)
    picture, style = (torch.rand(1, 4, h, w, generator=generator) for h, w in ((3, 5), (4, 2)))
    target, weight = match(directions(picture), directions(style))
    loss = float(matching_loss(picture, target, weight=weight))

    def unit(features: Tensor) -> np.ndarray:
        rows = features[0].numpy().astype(np.float64).reshape(4, -1).T
        rows = rows - rows.mean(0)
        return rows / np.linalg.norm(rows, axis=1, keepdims=True)

    distance = 1 - unit(picture) @ unit(style).T
    expected = distance.min(1).mean() + distance.min(0).mean()
    assert loss == pytest.approx(expected, rel=1e-5)
    assert float(matching_loss(style, match(directions(style), directions(style))[0])) < 1e-5


def test_matching_does_not_depend_on_the_block_size(monkeypatch: pytest.MonkeyPatch) -> None:
    generator = torch.Generator().manual_seed(0)
    picture, style = (torch.randn(50, 6, generator=generator), torch.randn(20, 6, generator=generator))
    whole, _ = match(picture, style)
    features = picture.T.reshape(1, 6, 5, 10).requires_grad_()
    loss = matching_loss(features, whole)
    (gradient,) = torch.autograd.grad(loss, features)
    monkeypatch.setattr(matching, "BLOCK", 7)
    assert torch.allclose(match(picture, style)[0], whole)
    in_blocks = matching_loss(features, whole)
    assert torch.allclose(in_blocks, loss)
    assert torch.allclose(torch.autograd.grad(in_blocks, features)[0], gradient, atol=1e-7)


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-5), (torch.bfloat16, 5e-3)])
def test_the_gradient_equals_autograds(dtype: torch.dtype, tolerance: float, masked: bool) -> None:
    generator = torch.Generator().manual_seed(0)
    features = (1 + torch.randn(1, 70, 9, 15, generator=generator)).to(dtype)
    inside = torch.arange(135).view(9, 15)[2:, :11].flatten() if masked else None
    target = torch.randn(135 if inside is None else len(inside), 70, generator=generator).to(dtype)
    exact = features.double().requires_grad_()
    rows = exact.flatten(2)[0].T if inside is None else exact.flatten(2)[0].T[inside]
    loss = -3 * (torch.nn.functional.normalize(rows - rows.mean(0)) * target).sum()
    (expected,) = torch.autograd.grad(loss, exact)
    own = features.contiguous(memory_format=torch.channels_last).requires_grad_()
    result = 3 * matching_loss(own, target, inside, weight=0)
    assert float(result.detach()) == pytest.approx(float(loss.detach()), rel=1e-4)
    (gradient,) = torch.autograd.grad(result, own)
    assert float((gradient - expected).norm() / expected.norm()) < tolerance


def test_a_picture_position_takes_a_limited_weight_from_style_positions(monkeypatch: pytest.MonkeyPatch) -> None:
    """What fits nowhere is nearest to a few positions, and would become noise there."""
    monkeypatch.setattr(matching, "CAPACITY", 2.0)
    scattered, crowded = torch.arange(10), torch.zeros(10, dtype=torch.long)
    assert pulls(scattered, 20).tolist() == pytest.approx([0.1] * 10)
    assert pulls(crowded, 20).tolist() == pytest.approx([2 / 20 / 10] * 10)
    assert pulls(scattered, 4000).tolist() == pytest.approx([2 / 4000] * 10)
    picture = torch.cat([torch.eye(6)[[0]], torch.eye(6)[[1] * 19]])
    style = torch.nn.functional.normalize(torch.eye(6)[[2, 3, 4, 5]] + 0.1 * torch.eye(6)[[0]], dim=1)
    target, weight = match(picture, style)
    assert float(weight) == pytest.approx(1 + 2 / 20)
    assert target[0].norm() > target[1].norm()
    assert torch.allclose(target[0], style[0] / 20 + style.mean(0) * 2 / 20)
    features = torch.ones(1, 6, 4, 5)
    assert float(matching_loss(features, target * 0, weight=weight)) == pytest.approx(1.1)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_matches_in_the_features_format_are_compared_by_the_compiled_operations(
    dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    if operation("similarities", torch.zeros(1, dtype=dtype)) is None:
        pytest.skip("no compiler here")
    monkeypatch.setattr(matching, "operation", operation)
    monkeypatch.setattr(matching, "unit_offsets", lambda *_: pytest.fail("PyTorch's operations were used"))
    features = torch.rand(1, 64, 6, 6).to(dtype).requires_grad_()
    matching_loss(features, torch.rand(36, 64).to(dtype)).backward()


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_nan_has_a_match_within_bounds(dtype: torch.dtype) -> None:
    of_rows, _, of_columns = matching._maxima(torch.full((9, 32), torch.nan, dtype=dtype))
    assert 0 <= int(of_rows.min()) <= int(of_rows.max()) < 32
    assert 0 <= int(of_columns.min()) <= int(of_columns.max()) < 9
