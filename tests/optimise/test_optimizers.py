import math

import pytest
import torch

from nst.optimise.lbfgs import lbfgs
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


@pytest.mark.parametrize("rule", RULES)
def test_gradient_rules_stay_between_0_and_1(rule: str) -> None:
    target = torch.tensor([-0.5, 0.5, 1.5]).view(1, 3, 1, 1).expand(1, 3, 4, 4)

    def bowl(pixels: torch.Tensor) -> tuple[dict[str, torch.Tensor], torch.Tensor]:
        return {"total": (pixels - target).square().sum()}, 2 * (pixels - target)

    start = torch.full((1, 3, 4, 4), 0.4)
    *_, (pixels, _) = descend(start, bowl, 200, 0.01, rule)
    assert torch.allclose(pixels, target.clamp(0, 1), atol=0.02)
    assert torch.equal(start, torch.full((1, 3, 4, 4), 0.4))


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
