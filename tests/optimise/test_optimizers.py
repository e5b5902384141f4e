import math

import torch

from nst.optimise.optimizers import lbfgs


def test_lbfgs_recovers_from_a_loss_that_is_not_finite() -> None:
    calls = 0

    def bowl(pixels: torch.Tensor) -> tuple[dict[str, float], torch.Tensor]:
        nonlocal calls
        calls += 1
        total = float((pixels - 0.3).square().sum())
        return {"total": math.nan if calls == 4 else total}, 2 * (pixels - 0.3)

    start = torch.full((1, 3, 4, 4), 0.9)
    pictures = [pixels for pixels, _ in lbfgs(start, bowl, 12)]
    assert all(pixels.isfinite().all() for pixels in pictures)
    assert torch.allclose(pictures[-1], torch.tensor(0.3), atol=1e-3)


def test_lbfgs_stays_between_0_and_1() -> None:
    target = torch.tensor([-0.5, 0.5, 1.5]).view(1, 3, 1, 1).expand(1, 3, 4, 4)

    def bowl(pixels: torch.Tensor) -> tuple[dict[str, float], torch.Tensor]:
        return {"total": float((pixels - target).square().sum())}, 2 * (pixels - target)

    *_, (pixels, _) = lbfgs(torch.full((1, 3, 4, 4), 0.4), bowl, 30)
    assert torch.allclose(pixels, target.clamp(0, 1), atol=1e-3)
