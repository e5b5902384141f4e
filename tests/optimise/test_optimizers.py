import math

import pytest
import torch

from nst.optimise import lbfgs as lbfgs_module
from nst.optimise.lbfgs import InverseHessian, lbfgs
from nst.optimise.optimizers import RULES, descend, descend_pyramid


def test_lbfgs_recovers_from_a_loss_that_is_not_finite() -> None:
    calls = 0

    def bowl(pixels: torch.Tensor) -> tuple[dict[str, torch.Tensor], torch.Tensor]:
        nonlocal calls
        calls += 1
        total = (pixels - 0.3).square().sum()
        return {"total": total * math.nan if calls == 4 else total}, 2 * (pixels - 0.3)

    start = torch.full((1, 3, 4, 4), 0.9)
    pictures = [pixels for pixels, _ in lbfgs(start, bowl, 12)]
    assert all(pixels.isfinite().all() for pixels in pictures)
    assert torch.allclose(pictures[-1], torch.tensor(0.3), atol=1e-3)


def test_lbfgs_stays_between_0_and_1() -> None:
    target = torch.tensor([-0.5, 0.5, 1.5]).view(1, 3, 1, 1).expand(1, 3, 4, 4)

    def bowl(pixels: torch.Tensor) -> tuple[dict[str, torch.Tensor], torch.Tensor]:
        return {"total": (pixels - target).square().sum()}, 2 * (pixels - target)

    *_, (pixels, _) = lbfgs(torch.full((1, 3, 4, 4), 0.4), bowl, 30)
    assert torch.allclose(pixels, target.clamp(0, 1), atol=1e-3)


@pytest.mark.parametrize("count", [1, 2, 5])
def test_the_last_evaluation_of_lbfgs_is_without_autograd(count: int) -> None:
    modes = []

    def bowl(pixels: torch.Tensor) -> tuple[dict[str, torch.Tensor], torch.Tensor]:
        modes.append(torch.is_grad_enabled())
        return {"total": pixels.square().sum()}, 2 * pixels

    assert len(list(lbfgs(torch.full((1, 3, 4, 4), 0.9), bowl, count))) == count
    assert modes == [True] * max(1, count - 1) + [False]
    assert torch.is_grad_enabled()


@pytest.mark.parametrize("rule", RULES)
def test_gradient_rules_stay_between_0_and_1(rule: str) -> None:
    target = torch.tensor([-0.5, 0.5, 1.5]).view(1, 3, 1, 1).expand(1, 3, 4, 4)

    def bowl(pixels: torch.Tensor) -> tuple[dict[str, torch.Tensor], torch.Tensor]:
        return {"total": (pixels - target).square().sum()}, 2 * (pixels - target)

    start = torch.full((1, 3, 4, 4), 0.4)
    *_, (pixels, _) = descend(start, bowl, 200, 0.01, rule)
    assert torch.allclose(pixels, target.clamp(0, 1), atol=0.02)
    assert torch.equal(start, torch.full((1, 3, 4, 4), 0.4))


@pytest.mark.parametrize(("rule", "original"), [("adam", torch.optim.Adam), ("rmsprop", torch.optim.RMSprop)])
def test_rules_are_those_of_pytorch(rule: str, original: type[torch.optim.Optimizer]) -> None:
    generator = torch.Generator().manual_seed(0)
    expected = [torch.rand(shape, generator=generator) for shape in ((3, 4), (5,))]
    own = [x.clone() for x in expected]
    optimizer, update = original(expected, lr=0.1), RULES[rule](own)
    for step in range(20):
        gradients = [torch.randn(x.shape, generator=generator) * (step % 3) for x in own]
        for x, gradient in zip(expected, gradients, strict=True):
            x.grad = gradient.clone()
        optimizer.param_groups[0]["lr"] = rate = 0.1 / (1 + step)
        optimizer.step()
        update(gradients, rate)
        assert all(torch.allclose(*pair, atol=1e-6) for pair in zip(own, expected, strict=True))


@pytest.mark.parametrize("rule", RULES)
def test_a_pyramid_moves_large_areas_sooner_than_pixels(rule: str) -> None:
    target = torch.full((1, 3, 32, 24), 0.9)

    def bowl(pixels: torch.Tensor) -> tuple[dict[str, torch.Tensor], torch.Tensor]:
        return {"total": (pixels - target).square().sum()}, 2 * (pixels - target)

    start = torch.full_like(target, 0.4)
    *_, (pixels, losses) = descend(start, bowl, 10, 0.01, rule)
    *_, (from_pyramid, of_pyramid) = descend_pyramid(start, bowl, 10, 0.01, rule, levels=4)
    assert of_pyramid["total"] < 0.8 * losses["total"]
    assert (from_pyramid - pixels).mean() > 0.05
    assert torch.equal(start, torch.full_like(target, 0.4))


def test_the_loss_of_a_pyramid_sees_pixels_before_they_are_clamped() -> None:
    highest = []

    def push(pixels: torch.Tensor) -> tuple[dict[str, torch.Tensor], torch.Tensor]:
        highest.append(float(pixels.max()))
        return {"total": -pixels.sum()}, -torch.ones_like(pixels)

    pictures = [pixels for pixels, _ in descend_pyramid(torch.full((1, 3, 8, 8), 0.95), push, 10, 0.05, "adam", 2)]
    assert highest[-1] > 1
    assert all(float(pixels.max()) <= 1 for pixels in pictures)


@pytest.mark.parametrize("compiled", [True, False])
@pytest.mark.parametrize("steps", [1, 3, 5, 6, 12])
def test_the_compact_form_equals_the_two_loop_recursion(
    steps: int, compiled: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nocedal and Wright 2006, algorithm 7.4; with a pair of negative curvature, which neither uses."""
    monkeypatch.setattr(lbfgs_module, "PART", 7)
    monkeypatch.setattr(lbfgs_module, "COMPILED_PART", 7)
    if not compiled:
        monkeypatch.setattr(lbfgs_module, "operation", lambda *_: None)
    random = torch.Generator().manual_seed(0)
    hessian = InverseHessian(torch.zeros(1, 3, 4, 5), 5)
    hessian._pairs = hessian._pairs.float()
    matrix = torch.randn(60, 60, generator=random, dtype=torch.float64)
    pairs = []
    q = torch.zeros(1, 3, 4, 5)
    for number in range(steps):
        s = torch.randn(60, generator=random)
        y = (matrix @ matrix.T).float() @ s * (-1 if number == 3 else 1)
        add_pair(hessian, s, y)
        pairs = [*pairs, (s, y)][-5:]
        q = torch.randn(1, 3, 4, 5, generator=random)
        result = hessian.times(q.clone())
        expected = two_loop(q.double().flatten(), [(s.double(), y.double()) for s, y in pairs if s @ y > 0])
        torch.testing.assert_close(
            result.flatten().double(), expected, rtol=2e-4, atol=2e-4 * float(expected.abs().max())
        )
    assert not hessian.is_empty()
    hessian.clear_unless(torch.tensor(False))
    assert hessian.is_empty()
    direction = hessian.times(q.clone())
    assert torch.allclose(direction / direction.norm(), q / q.norm(), atol=1e-6)


def add_pair(hessian: InverseHessian, s: torch.Tensor, y: torch.Tensor) -> None:
    s, y = s.view(1, 3, 4, 5), y.view(1, 3, 4, 5)
    hessian.add((s, torch.zeros_like(s)), (y, torch.zeros_like(y)), torch.tensor(True))


def two_loop(q: torch.Tensor, pairs: list[tuple[torch.Tensor, torch.Tensor]]) -> torch.Tensor:
    factors = []
    for s, y in reversed(pairs):
        factors.append(s @ q / (s @ y))
        q = q - factors[-1] * y
    s, y = pairs[-1]
    q = q * (s @ y) / (y @ y)
    for (s, y), factor in zip(pairs, reversed(factors), strict=True):
        q = q + s * (factor - y @ q / (s @ y))
    return q


def test_a_pair_with_numbers_that_are_not_finite_is_not_used() -> None:
    hessian = InverseHessian(torch.zeros(1, 3, 4, 5), 5)
    random = torch.Generator().manual_seed(0)
    s = torch.randn(60, generator=random)
    q = torch.randn(1, 3, 4, 5, generator=random)
    add_pair(hessian, s, 2 * s)
    hessian.times(q.clone())
    add_pair(hessian, s, torch.full_like(s, math.nan))
    assert torch.allclose(hessian.times(q.clone()), q / 2, rtol=1e-2)


def test_tiny_gradients_leave_no_scale_that_is_not_finite() -> None:
    hessian = InverseHessian(torch.zeros(1, 3, 4, 5), 5)
    add_pair(hessian, torch.full((60,), 0.03), torch.full((60,), 1e-24))
    ones = torch.ones(1, 3, 4, 5)
    hessian.times(ones.clone())
    assert hessian.is_empty()
    assert torch.equal(hessian.times(ones.clone()), ones)


def test_a_pair_that_rounding_turns_uphill_is_not_used() -> None:
    random = torch.Generator().manual_seed(0)
    s, other = torch.randn(2, 60, generator=random)
    across = other - s * (s @ other) / (s @ s)
    hessian = InverseHessian(torch.zeros(1, 3, 4, 5), 5)
    for number in range(20):
        add_pair(hessian, s, across + 3e-6 * (1 + number) * s)
        q = torch.randn(1, 3, 4, 5, generator=random)
        assert float((q * hessian.times(q.clone())).sum()) > 0
