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
)
from nst.optimise.matching import matching_loss

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
