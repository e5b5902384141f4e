"""The temporal loss of videos: Ruder, Dosovitskiy and Brox 2016, "Artistic Style Transfer for Videos", section 4."""

import torch
from torch import Tensor

from nst.optimise.objective import Evaluate, LossTensors

TEMPORAL_WEIGHT = 100.0
"""Weight of the temporal loss beside the others. A larger weight blurs frames, a smaller one lets strokes flicker."""


def temporal_loss(pixels: Tensor, warped: Tensor, confidence: Tensor) -> Tensor:
    """Mean of c (x - w)^2 over all numbers: formula 7.

    The pixels x are 1 x 3 x H x W in 0..1. w is the frame before, moved along the optical flow, of the same shape. The
    confidence c is 1 x 1 x H x W in 0..1.
    """
    return (confidence * (pixels - warped).square()).mean()


def with_temporal_loss(evaluate: Evaluate, warped: Tensor, confidence: Tensor) -> Evaluate:
    """The losses of `evaluate` and the temporal loss, with the gradient of their weighted sum."""

    def evaluate_both(pixels: Tensor) -> tuple[LossTensors, Tensor]:
        losses, gradient = evaluate(pixels)
        weight = TEMPORAL_WEIGHT * confidence
        with torch.no_grad():
            temporal = temporal_loss(pixels, warped, weight)
            gradient = gradient + 2 / pixels.numel() * weight * (pixels - warped)
        return losses | {"total": losses["total"] + temporal, "temporal": temporal}, gradient

    return evaluate_both
