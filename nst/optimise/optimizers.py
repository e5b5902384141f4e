"""L-BFGS, Adam and RMSprop over pixels in 0..1, as generators of one step at a time."""

import math
from collections import deque
from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from nst.optimise.laplacian import compose, decompose
from nst.optimise.objective import Evaluate, Losses

HISTORY = 8  # steps in the memory of L-BFGS; more do not lower the loss

MAX_HISTORY_VALUES = 120_000_000
"""Upper bound of the numbers in that memory: above 1024 x 1024 pixels it holds fewer steps."""

PART = 2**22  # numbers that are processed at a time

CAREFUL_STEPS = 8  # with fewer steps the first is shorter: the others could not make up for one that is too long

FIRST_STEP, COARSE_FIRST_STEP, MAX_STEP = 0.03, 0.01, 0.1
"""Root mean square change of a pixel: before any curvature is known, at the last scale and at the others; and at most.

At a coarse scale 0.03 would break up the eyes and mouth of a face.
"""


def lbfgs(
    pixels: Tensor,
    evaluate: Evaluate,
    count: int,
    changes_at: Callable[[int], bool] = lambda _: False,
    stride: float = FIRST_STEP,
) -> Iterator[tuple[Tensor, Losses]]:
    """L-BFGS with projection onto the box 0..1 and without a line search.

    Nocedal and Wright 2006, "Numerical Optimization", algorithm 7.4 (two-loop recursion). Yields the pixels and their
    losses `count` times, after one evaluation each. The first of several steps only evaluates the start; a single one
    also moves. The curvature pairs (s, y) are those of the projected step. `changes_at` tells whether the loss changes
    before an evaluation, counted from 0. Then the two gradients belong to different losses and give no pair. `stride`
    is FIRST_STEP or COARSE_FIRST_STEP.
    """
    history = min(HISTORY, max(5, MAX_HISTORY_VALUES // pixels.numel()))
    memory: deque[tuple[Tensor, Tensor, Tensor]] = deque(maxlen=history)
    # One block: long-lived tensors between the large short-lived blocks of an evaluation would fragment the heap. It
    # has room for one pair more than the memory, because a pair is written before it is tested.
    storage = pixels.new_empty(min(history, count) + 1, 2, pixels.numel(), dtype=torch.bfloat16)
    pairs = 0
    losses, gradient = evaluate(pixels)
    best = (losses["total"], pixels, losses, gradient)
    stride *= min(1.0, count / CAREFUL_STEPS)
    if count > 1:
        yield pixels, losses
    for number in range(1, max(2, count)):
        # Pixels that the gradient pushes out of the box can't move and must not affect the others.
        stuck = ((pixels <= 0) & (gradient > 0)) | ((pixels >= 1) & (gradient < 0))
        direction = _two_loop(gradient.masked_fill(stuck, 0), memory).masked_fill_(stuck, 0)
        length = direction.square().mean().sqrt().clamp_min(1e-20)
        if memory:
            direction *= (MAX_STEP / length).clamp_max(1)
        else:
            direction *= stride / length
        moved = direction.neg_().add_(pixels).clamp_(0, 1)
        losses, new_gradient = evaluate(moved)
        if not math.isfinite(losses["total"]) or losses["total"] > 3 * best[0]:
            memory.clear()
            stride /= 4
            _, pixels, losses, gradient = best
        else:
            if not changes_at(number):
                pair = storage[pairs % len(storage)]
                curvature, product = _differences((moved, pixels), (new_gradient, gradient), pair)
                # Losses can have any magnitude, so the test is on the angle between s and y. It waits for a GPU, for
                # three sums only.
                if curvature > 1e-6 * product:
                    memory.append((pair[0].view_as(pixels), pair[1].view_as(pixels), curvature))
                    pairs += 1
            pixels, gradient = moved, new_gradient
            if losses["total"] < best[0]:
                best = (losses["total"], pixels, losses, gradient)
        yield pixels, losses


def _differences(s: tuple[Tensor, Tensor], y: tuple[Tensor, Tensor], pair: Tensor) -> tuple[Tensor, Tensor]:
    """Write both differences to `pair`, and return s . y and |s| |y|.

    It is done in parts, because a temporary copy of a large picture takes a gigabyte.
    """
    sums = torch.zeros(3, device=pair.device)
    flat = (x.contiguous().view(-1).split(PART) for x in (*s, *y))
    for new_s, old_s, new_y, old_y, to_s, to_y in zip(*flat, *(x.split(PART) for x in pair), strict=True):
        part_s, part_y = new_s - old_s, new_y - old_y
        to_s.copy_(part_s)
        to_y.copy_(part_y)
        sums += torch.stack([(a * b).sum() for a, b in ((part_s, part_y), (part_s, part_s), (part_y, part_y))])
    return sums[0], sums[1].sqrt() * sums[2].sqrt()


def _two_loop(q: Tensor, memory: deque[tuple[Tensor, Tensor, Tensor]]) -> Tensor:
    """The approximate inverse Hessian times the gradient `q`, in place; `memory` holds (s, y, s . y).

    All numbers stay on the device, so nothing here waits for a GPU.
    """
    coefficients = []
    for s, y, curvature in reversed(memory):
        a = _dot(s, q) / curvature
        coefficients.append(a)
        q.addcmul_(y, a, value=-1)
    if memory:
        _, y, curvature = memory[-1]
        q *= curvature / _dot(y, y)
    for (s, y, curvature), a in zip(memory, reversed(coefficients), strict=True):
        q.addcmul_(s, a - _dot(y, q) / curvature)
    return q


def _dot(a: Tensor, b: Tensor) -> Tensor:
    parts = (x.reshape(-1).split(PART) for x in (a, b))
    return torch.stack([(x.float() * y).sum() for x, y in zip(*parts, strict=True)]).sum()


RULES = {"adam": torch.optim.Adam, "rmsprop": torch.optim.RMSprop}
"""Adam (Kingma and Ba 2015), and RMSprop (Tieleman and Hinton 2012, lecture 6.5 of their course)."""


def descend(
    pixels: Tensor, evaluate: Evaluate, count: int, learning_rate: float, rule: str = "adam"
) -> Iterator[tuple[Tensor, Losses]]:
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
) -> Iterator[tuple[Tensor, Losses]]:
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
