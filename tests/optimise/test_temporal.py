"""The temporal loss, against NumPy."""

import numpy as np
import torch
from torch import Tensor

from nst.optimise.objective import LossTensors
from nst.optimise.temporal import TEMPORAL_WEIGHT, temporal_loss, with_temporal_loss


def _random(seed: int, channels: int = 3) -> Tensor:
    return torch.rand(1, channels, 5, 7, generator=torch.Generator().manual_seed(seed))


def test_the_loss_is_that_of_the_formula() -> None:
    pixels, warped, confidence = _random(0), _random(1), _random(2, channels=1)
    x, w, c = (tensor.double().numpy() for tensor in (pixels, warped, confidence))
    expected = (np.repeat(c, 3, axis=1) * (x - w) ** 2).sum() / x.size
    assert np.isclose(float(temporal_loss(pixels, warped, confidence)), expected, rtol=1e-5)


def test_the_gradient_is_that_of_the_sum() -> None:
    warped, confidence = _random(1), _random(2, channels=1)

    def evaluate(pixels: Tensor) -> tuple[LossTensors, Tensor]:
        return {"total": pixels.square().sum(), "style": torch.ones(())}, 2 * pixels

    pixels = _random(0)
    losses, gradient = with_temporal_loss(evaluate, warped, confidence)(pixels)
    leaf = pixels.clone().requires_grad_()
    total = leaf.square().sum() + TEMPORAL_WEIGHT * temporal_loss(leaf, warped, confidence)
    total.backward()
    assert leaf.grad is not None
    assert torch.allclose(gradient, leaf.grad, rtol=1e-4, atol=1e-6)
    assert np.isclose(losses["total"], float(total.detach()), rtol=1e-5)
    assert losses["style"] == 1.0
    temporal = TEMPORAL_WEIGHT * float(temporal_loss(pixels, warped, confidence))
    assert np.isclose(losses["temporal"], temporal, rtol=1e-5)
