"""The formulas: content, Gram, style, total variation.

F: features of the result at a layer, P: of the photo; G, A: Gram matrices of the result and of
the style; N channels, M = H * W positions. All sums are float32.
"""

from typing import Any

import torch
from torch import Tensor


def content_loss(features: Tensor, target: Tensor) -> Tensor:
    """Sum (F - P)^2 / sum P^2: the squared error of Gatys et al. 2016 (eq. 1), made relative.

    Both 1 x N x H x W; a scalar, 0 for equal features, 1 for none at all.
    """
    return (features.float() - target.float()).square().sum() / target.float().square().sum()


def gram(features: Tensor) -> Tensor:
    """G = F F^T / M, the correlations of the channels: 1 x N x H x W -> N x N, float32.

    Gatys et al. 2016, eq. 3, divided by the number of positions so that size does not matter.
    """
    return _Gram.apply(features)


def style_loss(gram: Tensor, target: Tensor) -> Tensor:
    """Sum (G - A)^2 / sum A^2: the distance of Gatys et al. 2016 (eq. 4), made relative."""
    return (gram - target).square().sum() / target.square().sum()


def total_variation(pixels: Tensor) -> Tensor:
    """Mean squared difference of neighbours, right and down: 1 x 3 x H x W -> a scalar.

    Mahendran and Vedaldi 2015, with beta = 2.
    """
    down, right = pixels.diff(dim=2), pixels.diff(dim=3)
    return down.square().mean() + right.square().mean()


class _Gram(torch.autograd.Function):
    """F F^T on the (H W) x N view that channels-last memory already is.

    Autograd would not see that the product is symmetric and would multiply twice on the way back.
    """

    @staticmethod
    def forward(ctx: Any, features: Tensor) -> Tensor:
        rows = features.permute(0, 2, 3, 1).reshape(-1, features.shape[1])
        ctx.save_for_backward(rows)
        ctx.shape = features.shape
        return (rows.T @ rows).float() / rows.shape[0]

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Tensor:
        (rows,) = ctx.saved_tensors
        _, channels, height, width = ctx.shape
        both = (grad + grad.T).div_(rows.shape[0]).to(rows.dtype)
        return (rows @ both).view(1, height, width, channels).permute(0, 3, 1, 2)
