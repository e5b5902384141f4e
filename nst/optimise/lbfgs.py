"""L-BFGS over pixels in 0..1, as a generator of one step at a time that never waits for a GPU."""

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from nst.network.compiled import operation
from nst.optimise.objective import Evaluate, LossTensors

HISTORY = 8  # curvature pairs; more do not lower the loss

MAX_HISTORY_VALUES = 120_000_000
"""Upper bound of the numbers of the pairs' first halves: above 1024 x 1024 pixels there are fewer pairs."""

PART, COMPILED_PART = 2**16, 2**13
"""Numbers of each curvature pair that a processor handles at a time, so that they stay in its cache."""

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
) -> Iterator[tuple[Tensor, LossTensors]]:
    """L-BFGS with projection onto the box 0..1 and without a line search.

    Nocedal and Wright 2006, "Numerical Optimization", section 7.2. Yields the pixels and their losses `count` times,
    after one evaluation each. The first of several steps only evaluates the start; a single one also moves. The last
    evaluation is without autograd, and its gradient is ignored. The curvature pairs (s, y) are those of the projected
    step. `changes_at` tells whether the loss changes before an evaluation, counted from 0. Then the two gradients
    belong to different losses and give no pair. `stride` is FIRST_STEP or COARSE_FIRST_STEP.
    """
    size = min(HISTORY, max(5, MAX_HISTORY_VALUES // pixels.numel()))
    hessian = InverseHessian(pixels, min(size, count))
    losses, gradient = evaluate(pixels)
    state = best = [pixels, gradient, *losses.values()]
    names, total = list(losses), 2 + list(losses).index("total")
    first = pixels.new_full((), stride * min(1.0, count / CAREFUL_STEPS))
    if count > 1:
        yield pixels, losses
    last = max(1, count - 1)
    for number in range(1, last + 1):
        pixels, gradient = state[:2]
        # Pixels that the gradient pushes out of the box can't move and must not affect the others.
        stuck = ((pixels <= 0) & (gradient > 0)) | ((pixels >= 1) & (gradient < 0))
        direction = hessian.times(gradient.masked_fill(stuck, 0)).masked_fill_(stuck, 0)
        length = direction.square().mean().sqrt().clamp_min(1e-20)
        direction *= torch.where(hessian.is_empty(), first / length, (MAX_STEP / length).clamp_max(1))
        moved = direction.neg_().add_(pixels).clamp_(0, 1)
        with torch.set_grad_enabled(number < last):  # no step follows the last, so its gradient is not needed
            losses, new_gradient = evaluate(moved)
        new_state = [moved, new_gradient, *losses.values()]
        accepted = length.isfinite() & new_state[total].isfinite() & ~(new_state[total] > 3 * best[total])
        if number < last and not changes_at(number):
            hessian.add((moved, pixels), (new_gradient, gradient), accepted)
        hessian.clear_unless(accepted)
        first = torch.where(accepted, first, first / 4)
        state = _choose(accepted, new_state, best)
        best = _choose(state[total] < best[total], state, best)
        yield state[0], dict(zip(names, state[2:], strict=True))


def _choose(condition: Tensor, one: list[Tensor], other: list[Tensor]) -> list[Tensor]:
    """Without copies on a CPU; without waiting on a GPU."""
    if condition.is_cpu:
        return one if condition else other
    return [torch.where(condition, *pair) for pair in zip(one, other, strict=True)]


class InverseHessian:
    """The approximation of L-BFGS from the last `size` curvature pairs, for pictures of the shape of `pixels`.

    Compact form: Byrd, Nocedal and Schnabel 1994, "Representations of quasi-Newton matrices", theorem 2.2. With the
    pairs as rows of S and Y, oldest first, R the upper triangle of S Y^T, and D its diagonal:

        H = g I + [S^T, g Y^T] [[R^-T (D + g Y Y^T) R^-1, -R^-T], [-R^-1, 0]] [S; g Y]

    g is s y / y y of the last pair.
    """

    def __init__(self, pixels: Tensor, size: int) -> None:
        self._size, self._slot = size, 0  # the slot of the next pair
        # On a CPU 16 bits save memory; a GPU has enough, and would need a copy in 32 bits for each product.
        dtype = torch.bfloat16 if pixels.is_cpu else pixels.dtype
        # One block: long-lived tensors between the large short-lived blocks of an evaluation would fragment the heap.
        self._pairs = pixels.new_zeros(2 * size, pixels.numel(), dtype=dtype)  # S, then Y
        self._newest: int | None = None  # the slot of a pair whose products are not known yet
        self._valid = pixels.new_zeros(size)  # 1 or 0
        self._sy, self._yy = pixels.new_zeros(2, size, size)
        self._scale = pixels.new_ones(())

    def is_empty(self) -> Tensor:
        """Whether there is no pair."""
        return ~self._valid.any()

    def add(self, pixels: tuple[Tensor, Tensor], gradients: tuple[Tensor, Tensor], accepted: Tensor) -> None:
        """Add the pair of a step; each argument has the value after it and the one before.

        Nothing is added unless `accepted`, or if the curvature is not positive. `times` has to follow.
        """
        rows = self._pairs[self._slot], self._pairs[self._size + self._slot]
        sums = pixels[0].new_zeros(3)
        for new_s, old_s, new_y, old_y, to_s, to_y in _in_parts(*pixels, *gradients, *rows):
            s, y = (x.to(to_s.dtype).to(x.dtype) for x in (new_s - old_s, new_y - old_y))  # as they are stored
            sums += torch.stack([s.dot(y), s.dot(s), y.dot(y)])
            to_s.copy_(s)
            to_y.copy_(y)
        # Losses can have any magnitude, so the test is on the angle between s and y.
        valid = accepted & (sums[2] > 0) & (sums[0] > 1e-6 * sums[1].sqrt() * sums[2].sqrt())
        for row in rows:
            row.masked_fill_(~valid, 0)  # they may not be finite
        self._valid[self._slot] = valid
        self._newest, self._slot = self._slot, (self._slot + 1) % self._size

    def clear_unless(self, accepted: Tensor) -> None:
        """Forget all pairs, unless a step is accepted."""
        self._valid *= accepted

    def times(self, q: Tensor) -> Tensor:
        """The product with `q`, in place."""
        flat = q.view(-1)
        coefficients = self._coefficients(flat)
        if compiled := self._compiled("add_rows_to", q):
            compiled(self._pairs, coefficients, self._scale, flat, *self._pairs.shape, COMPILED_PART)
            return q
        for part, pairs in _in_parts(flat, self._pairs):
            part.mul_(self._scale).add_(coefficients @ pairs.to(q.dtype))
        return q

    def _coefficients(self, q: Tensor) -> Tensor:
        """The factors of the pairs in the product: 2 `size`."""
        products = self._products(q, self._pairs[self._size + (self._newest or 0)])
        if self._newest is not None:
            self._sy[:, self._newest], yy = products[:, 1].chunk(2)
            self._yy[:, self._newest] = self._yy[self._newest] = yy
            own = self._sy[self._newest, self._newest] / yy[self._newest]
            self._scale = torch.where(self._valid[self._newest] > 0, own, self._scale)
            self._newest = None

        def in_order(x: Tensor) -> Tensor:  # the oldest first
            return x.roll([-self._slot] * x.ndim, list(range(x.ndim)))

        valid = in_order(self._valid)
        both = valid[:, None] * valid
        sy, yy = both * in_order(self._sy), both * in_order(self._yy)
        sq, yq = (valid * in_order(x) for x in products[:, 0].chunk(2))
        r = sy.triu() + torch.diag(1 - valid)
        u = torch.linalg.solve_triangular(r, sq[:, None], upper=True)
        right = sy.diagonal()[:, None] * u + self._scale * (yy @ u - yq[:, None])
        of_s = torch.linalg.solve_triangular(r.T, right, upper=False)
        return torch.cat([x[:, 0].roll(self._slot) for x in (of_s, -self._scale * u)])

    def _compiled(self, name: str, q: Tensor) -> Callable[..., None] | None:
        return operation(name, self._pairs) if q.dtype == torch.float32 else None

    def _products(self, q: Tensor, row: Tensor) -> Tensor:
        """The scalar products of all rows of S and Y with `q` and with `row`: 2 `size` x 2."""
        if compiled := self._compiled("row_products", q):
            parts = q.new_empty(-(-len(q) // COMPILED_PART), len(self._pairs), 2)
            compiled(self._pairs, q, row, parts, *self._pairs.shape, COMPILED_PART)
            return parts.sum(0)
        products = q.new_zeros(len(self._pairs), 2)
        for pairs, *vectors in _in_parts(self._pairs, q, row):
            products += pairs.to(q.dtype) @ torch.stack([vector.to(q.dtype) for vector in vectors], 1)
        return products


def _in_parts(*tensors: Tensor) -> Iterator[tuple[Tensor, ...]]:
    """Split the last dimension of all tensors, after those of one picture are flattened."""
    flat = [x if x.ndim <= 2 else x.reshape(-1) for x in tensors]
    length = PART if flat[0].is_cpu else flat[0].shape[-1]
    return zip(*(x.split(length, -1) for x in flat), strict=True)
