"""L-BFGS and Adam over the pixels, kept between black and white, a step at a time."""

import math
from collections import deque
from collections.abc import Iterator

import torch
from torch import Tensor

from nst.optimise.objective import Evaluate, Losses

HISTORY = 20
"""Steps that L-BFGS remembers."""
MAX_REMEMBERED = 120_000_000
"""Numbers in those steps, at most: beyond 1024 x 1024 pixels it remembers fewer."""
FIRST_STEP, LONGEST_STEP = 0.01, 0.1
"""Root mean square change of a pixel: before any curvature is known, and at most."""


def lbfgs(pixels: Tensor, evaluate: Evaluate, count: int) -> Iterator[tuple[Tensor, Losses]]:
    """L-BFGS in the box 0..1: a projected step without line search, one evaluation each.

    The first of `count` only looks at the picture, unless it is the only one: that moves it, too.

    Nocedal and Wright 2006, algorithm 7.4 (two-loop recursion). Curvature is learnt from the step
    that was really made, after the projection.
    """
    history = min(HISTORY, max(5, MAX_REMEMBERED // pixels.numel()))
    memory: deque[tuple[Tensor, Tensor, Tensor]] = deque(maxlen=history)
    # In one block from the start: steps that live long, strewn between the large short-lived blocks
    # of an evaluation, would leave holes that fit nothing.
    room = pixels.new_empty(history, 2, *pixels.shape, dtype=torch.bfloat16)
    learnt = 0
    losses, gradient = evaluate(pixels)
    best = (losses["total"], pixels, losses, gradient)
    stride = FIRST_STEP
    if count > 1:
        yield pixels, losses
    for _ in range(max(1, count - 1)):
        # Where a pixel leans on the wall of the box, pushing on would only mislead the others.
        stuck = ((pixels <= 0) & (gradient > 0)) | ((pixels >= 1) & (gradient < 0))
        direction = _two_loop(gradient.masked_fill(stuck, 0), memory)
        direction = direction.masked_fill_(stuck, 0)
        length = direction.square().mean().sqrt().clamp_min(1e-20)
        if memory:
            direction *= (LONGEST_STEP / length).clamp_max(1)
        else:
            direction *= stride / length
        moved = (pixels - direction).clamp_(0, 1)
        losses, new_gradient = evaluate(moved)
        if not math.isfinite(losses["total"]) or losses["total"] > 3 * best[0]:
            memory.clear()
            stride /= 4
            _, pixels, losses, gradient = best
        else:
            s, y = moved - pixels, new_gradient - gradient
            curvature = (s * y).sum()
            # A loss of any magnitude is welcome: what counts is the angle between s and y. The test
            # waits for a GPU once more, for three sums: the evaluation has been waited for before.
            if curvature > 1e-6 * s.norm() * y.norm():
                place = room[learnt % history]
                place[0], place[1] = s, y
                memory.append((place[0], place[1], curvature))
                learnt += 1
            pixels, gradient = moved, new_gradient
            if losses["total"] < best[0]:
                best = (losses["total"], pixels, losses, gradient)
        yield pixels, losses


def _two_loop(gradient: Tensor, memory: deque[tuple[Tensor, Tensor, Tensor]]) -> Tensor:
    """The inverse Hessian, as far as `memory` knows it, times the gradient.

    All numbers stay on the device, so that nothing in here waits for a GPU.
    """
    q = gradient.clone()
    coefficients = []
    for s, y, curvature in reversed(memory):
        a = (s * q).sum() / curvature
        coefficients.append(a)
        q.addcmul_(y, a, value=-1)
    if memory:
        _, y, curvature = memory[-1]
        q *= curvature / y.square().sum()
    for (s, y, curvature), a in zip(memory, reversed(coefficients), strict=True):
        q.addcmul_(s, a - (y * q).sum() / curvature)
    return q


def adam(
    pixels: Tensor, evaluate: Evaluate, count: int, learning_rate: float
) -> Iterator[tuple[Tensor, Losses]]:
    """Adam (Kingma and Ba 2015), projected onto the box after each step."""
    pixels = pixels.clone()
    optimizer = torch.optim.Adam([pixels], lr=learning_rate)
    for _ in range(count):
        losses, pixels.grad = evaluate(pixels)
        optimizer.step()
        pixels.clamp_(0, 1)
        yield pixels, losses
