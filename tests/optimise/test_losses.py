from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from nst.optimise.losses import (
    CONTENT_FACTORS,
    STYLE_FACTORS,
    content_loss,
    emphasis,
    energies,
    gram,
    style_loss,
    total_variation,
    weighted_error,
    with_gram,
    with_weighted_error,
)
from nst.optimise.matching import matching_loss, with_matching_loss

F_TINY = torch.tensor([[[[1.0, 2.0]], [[0.0, 3.0]]]])  # 1 x 2 channels x 1 x 2 positions


def test_gram_by_hand() -> None:
    # Channels (1, 2) and (0, 3): products 5, 6, 9 over two positions.
    assert gram(F_TINY).tolist() == [[2.5, 3.0], [3.0, 4.5]]


def test_gram_ignores_the_memory_layout() -> None:
    x = torch.rand(1, 5, 6, 7)
    assert torch.allclose(gram(x), gram(x.contiguous(memory_format=torch.channels_last)))


def test_content_loss_by_hand() -> None:
    target = torch.tensor([[[[1.0, 0.0]], [[0.0, 1.0]]]])
    # Differences 0, 2, 0, 2: eight, over a target energy of two.
    assert float(content_loss(F_TINY, target)) == 4.0
    assert float(content_loss(target, target)) == 0.0
    assert float(content_loss(target * 0, target)) == 1.0


def test_style_loss_by_hand() -> None:
    target = torch.tensor([[2.0, 0.0], [0.0, 1.0]])
    # Differences .5, 3, 3, 3.5: 0.25 + 9 + 9 + 12.25 over 5.
    assert float(style_loss(gram(F_TINY), target)) == pytest.approx(30.5 / 5)


def test_the_styles_energy_bounds_that_of_a_weak_photo() -> None:
    target = torch.tensor([[[[1.0, 0.0]], [[0.0, 1.0]]]])  # an energy of two, at two positions
    assert float(content_loss(F_TINY, target, style=5.9)) == 4.0
    assert float(content_loss(F_TINY, target, style=12)) == pytest.approx(8 / (12 / 6 * 2))
    assert float(content_loss(F_TINY, target * 0, style=12)) == pytest.approx(14 / 4)


def test_emphasis_by_hand() -> None:
    photo = torch.tensor([[[[2.0, 2.0, 0.0, 0.0]]]])
    # Energies 4, 4, 0, 0; of the neighbourhoods 4, 8/3, 4/3, 0.
    roots = [value**0.5 for value in (4, 8 / 3, 4 / 3, 0)]
    mean = (4 * roots[0] + 4 * roots[1]) / 8
    assert emphasis(energies(photo)).flatten().tolist() == pytest.approx([root / mean for root in roots])
    assert float(content_loss(photo * 0, photo)) == pytest.approx(1)
    assert emphasis(energies(photo * 0)).flatten().tolist() == [1, 1, 1, 1]


@pytest.mark.parametrize("kind", CONTENT_FACTORS)
def test_content_loss_does_not_depend_on_the_scale(kind: str) -> None:
    target = torch.tensor([[[[1.0, 0.0]], [[0.0, 1.0]]]])
    for style in (0.0, 12.0):
        smaller = content_loss(F_TINY / 4, target / 4, kind, 1 / 4, style / 4**2)
        assert smaller == content_loss(F_TINY, target, kind, style=style)


@pytest.mark.parametrize("kind", STYLE_FACTORS)
def test_style_loss_does_not_depend_on_the_scale(kind: str) -> None:
    target = torch.tensor([[2.0, 0.0], [0.0, 1.0]])
    smaller = style_loss(gram(F_TINY / 4), target / 4**2, kind, 2, 1 / 4)
    assert smaller == style_loss(gram(F_TINY), target, kind, 2)


@pytest.mark.parametrize(("kind", "expected"), [("half", 4.0), ("quarter", 8 / 16), ("mean", 8 / 4)])
def test_content_losses_of_the_literature_by_hand(kind: str, expected: float) -> None:
    target = torch.tensor([[[[1.0, 0.0]], [[0.0, 1.0]]]])
    assert float(content_loss(F_TINY, target, kind)) == expected


def test_style_losses_of_the_literature_by_hand() -> None:
    target = torch.tensor([[[[1.0, 0.0]], [[0.0, 1.0]]]])
    # G: 5, 6, 6, 9. A: 1, 0, 0, 1. Differences squared: 16 + 36 + 36 + 64 = 152; N = M = 2.
    grams = gram(F_TINY), gram(target)
    assert float(style_loss(*grams, "gatys", 2)) == 152 / (4 * 2**2 * 2**2)
    assert float(style_loss(*grams, "mean", 2)) == 152 / 4


def test_total_variation_by_hand() -> None:
    pixels = torch.tensor([[0.0, 1.0], [0.5, 0.5]]).expand(1, 3, 2, 2)
    # Down: .5, -.5 -> mean .25. Right: 1, 0 -> mean .5.
    assert float(total_variation(pixels)) == pytest.approx(0.75)


@pytest.mark.parametrize(
    "loss",
    [
        lambda x: content_loss(x, torch.ones_like(x)),
        lambda x: style_loss(gram(x), torch.eye(3)),
        lambda x: matching_loss(x, torch.linspace(-1, 1, 60).view(20, 3) / 20),
        total_variation,
    ],
)
def test_gradients_equal_finite_differences(loss: Callable[[Tensor], Tensor]) -> None:
    x = torch.rand(1, 3, 4, 5, generator=torch.Generator().manual_seed(0)).requires_grad_()
    (gradient,) = torch.autograd.grad(loss(x), x)
    for place in [(0, 0, 0, 0), (0, 1, 2, 3), (0, 2, 3, 4)]:
        step = torch.zeros_like(x)
        step[place] = 1e-2
        slope = float((loss(x + step) - loss(x - step)).detach()) / 2e-2
        assert float(gradient[place]) == pytest.approx(slope, rel=1e-2, abs=1e-4)


@pytest.mark.parametrize(
    ("dtype", "tolerance"), [(torch.float64, 1e-6), (torch.float32, 1e-5), (torch.bfloat16, 2e-2)]
)
def test_losses_add_their_gradients_to_that_of_the_next_layer(dtype: torch.dtype, tolerance: float) -> None:
    """Of a loss, of the next layer, of both, and with a picture larger than a block of rows."""
    generator = torch.Generator().manual_seed(0)
    features, photo = torch.randn(2, 1, 8, 41, 60, generator=generator).to(dtype).unbind()
    target = torch.randn(41 * 60, 8, generator=generator).to(dtype) / 100
    factor = torch.rand(1, 1, 41, 60, generator=generator) / 1000
    inside = torch.arange(0, 41 * 60, 3)
    functions: list[tuple[Callable[[Tensor], Tensor], Callable[[Tensor], tuple[Tensor, Tensor]]]] = [
        (lambda x: gram(x).square().sum(), lambda x: with_gram(x)),
        (lambda x: weighted_error(x, photo, factor), lambda x: with_weighted_error(x, photo, factor)),
        (lambda x: matching_loss(x, target), lambda x: with_matching_loss(x, target)),
        (lambda x: matching_loss(x, target[inside], inside), lambda x: with_matching_loss(x, target[inside], inside)),
    ]
    x = features.contiguous(memory_format=torch.channels_last).requires_grad_()
    expected, total, passed = torch.zeros(features.shape), torch.zeros(()), x
    for number, (alone, passing) in enumerate(functions):
        (own,) = torch.autograd.grad(alone(x), x)
        expected += own.float()
        passed, loss = passing(passed)
        assert torch.equal(passed, x)
        total = total + (loss.square().sum() if number == 0 else loss)
    (gradient,) = torch.autograd.grad(total, x, retain_graph=True)
    assert float((gradient.float() - expected).norm() / expected.norm()) < tolerance
    next_layer = (passed * 0.01).square().sum()
    (own,) = torch.autograd.grad((x * 0.01).square().sum(), x)
    (gradient,) = torch.autograd.grad(total + next_layer, x, retain_graph=True)
    assert float((gradient.float() - expected - own.float()).norm() / expected.norm()) < tolerance
    assert torch.equal(torch.autograd.grad(next_layer, x)[0], own)
