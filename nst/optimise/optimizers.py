"""Adam and RMSprop over pixels in 0..1, as generators of one step at a time.

The classes of `torch.optim` would import PyTorch's compiler, which takes two to five seconds, and `autograd.grad` with
a gradient SymPy, which takes half a second.
"""

import math
from collections.abc import Callable, Iterator, Sequence

import torch
from torch import Tensor

from nst.optimise.laplacian import compose, decompose
from nst.optimise.objective import Evaluate, LossTensors

Update = Callable[[Sequence[Tensor], float], None]
"""Moves the parameters by one step, given their gradients and the learning rate."""


def adam(parameters: Sequence[Tensor]) -> Update:
    """Kingma and Ba 2015, "Adam: A Method for Stochastic Optimization", algorithm 1, with their constants."""
    moments = [(torch.zeros_like(x), torch.zeros_like(x)) for x in parameters]
    steps = 0

    @torch.no_grad()
    def update(gradients: Sequence[Tensor], rate: float) -> None:
        nonlocal steps
        steps += 1
        for x, gradient, (first, second) in zip(parameters, gradients, moments, strict=True):
            first.mul_(0.9).add_(gradient, alpha=0.1)
            second.mul_(0.999).addcmul_(gradient, gradient, value=0.001)
            deviation = (second / (1 - 0.999**steps)).sqrt_().add_(1e-8)
            x.addcdiv_(first, deviation, value=-rate / (1 - 0.9**steps))

    return update


def rmsprop(parameters: Sequence[Tensor]) -> Update:
    """Tieleman and Hinton 2012, lecture 6.5 of their course, with the constants of `torch.optim.RMSprop`."""
    squares = [torch.zeros_like(x) for x in parameters]

    @torch.no_grad()
    def update(gradients: Sequence[Tensor], rate: float) -> None:
        for x, gradient, square in zip(parameters, gradients, squares, strict=True):
            square.mul_(0.99).addcmul_(gradient, gradient, value=0.01)
            x.addcdiv_(gradient, square.sqrt().add_(1e-8), value=-rate)

    return update


def cosine_decay(step: int, steps: int) -> float:
    """Factor of a learning rate: half a cosine, from 1 to 0."""
    return (1 + math.cos(math.pi * step / steps)) / 2


RULES = {"adam": adam, "rmsprop": rmsprop}


def descend(
    pixels: Tensor, evaluate: Evaluate, count: int, learning_rate: float, rule: str = "adam"
) -> Iterator[tuple[Tensor, LossTensors]]:
    """One of RULES, with projection onto the box 0..1 after each step."""
    pixels = pixels.clone()
    update = RULES[rule]([pixels])
    for _ in range(count):
        losses, gradient = evaluate(pixels)
        update([gradient], learning_rate)
        pixels.clamp_(0, 1)
        yield pixels, losses


def descend_pyramid(
    pixels: Tensor, evaluate: Evaluate, count: int, learning_rate: float, rule: str, levels: int
) -> Iterator[tuple[Tensor, LossTensors]]:
    """One of RULES over the levels of the Laplacian pyramid of the pixels (Kolkin et al. 2019 and 2022).

    The loss sees the pixels as they are; those that are yielded are clamped to 0..1.
    """
    pyramid = [level.detach().clone().requires_grad_() for level in decompose(pixels, levels)]
    update = RULES[rule](pyramid)
    picture = compose(pyramid)
    for _ in range(count):
        losses, gradient = evaluate(picture.detach())
        update(torch.autograd.grad((picture * gradient).sum(), pyramid), learning_rate)
        picture = compose(pyramid)
        yield picture.detach().clamp(0, 1), losses
