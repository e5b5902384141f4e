"""Adam and RMSprop over pixels in 0..1, as generators of one step at a time."""

from collections.abc import Iterator

import torch
from torch import Tensor

from nst.optimise.laplacian import compose, decompose
from nst.optimise.objective import Evaluate, LossTensors

RULES = {"adam": torch.optim.Adam, "rmsprop": torch.optim.RMSprop}
"""Adam (Kingma and Ba 2015), and RMSprop (Tieleman and Hinton 2012, lecture 6.5 of their course)."""


def descend(
    pixels: Tensor, evaluate: Evaluate, count: int, learning_rate: float, rule: str = "adam"
) -> Iterator[tuple[Tensor, LossTensors]]:
    """One of RULES, with projection onto the box 0..1 after each step."""
    pixels = pixels.clone()
    optimizer = RULES[rule]([pixels], lr=learning_rate)
    for _ in range(count):
        losses, pixels.grad = evaluate(pixels)
        optimizer.step()
        pixels.clamp_(0, 1)
        yield pixels, losses


def descend_pyramid(
    pixels: Tensor, evaluate: Evaluate, count: int, learning_rate: float, rule: str, levels: int
) -> Iterator[tuple[Tensor, LossTensors]]:
    """One of RULES over the levels of the Laplacian pyramid of the pixels (Kolkin et al. 2019 and 2022).

    The loss sees the pixels as they are; those that are yielded are clamped to 0..1.
    """
    pyramid = [level.detach().clone().requires_grad_() for level in decompose(pixels, levels)]
    optimizer = RULES[rule](pyramid, lr=learning_rate)
    picture = compose(pyramid)
    for _ in range(count):
        losses, gradient = evaluate(picture.detach())
        optimizer.zero_grad()
        picture.backward(gradient)
        optimizer.step()
        picture = compose(pyramid)
        yield picture.detach().clamp(0, 1), losses
