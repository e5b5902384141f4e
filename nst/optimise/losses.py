"""The losses: content, style (Gram matrices), total variation. The fourth is in `nst.optimise.matching`.

F, P: features of the result and of the photo at a layer. G, A: Gram matrices of the result and of
the style. N: channels. M = H * W: positions. All sums have float32 or more.

Features may be the network's own times `scale`, as float16 needs (`Backbone.scale`). The losses do not depend on it. G
and A are computed from the scaled features and contain scale^2.
"""

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from nst.network.compiled import operation

MIN_ENERGY = 1 / 6
"""Lower bound of the photo's energy in the relative content loss, relative to the style's energy.

Flat, dark and misty photos have less. Without the bound their content loss is so steep that they are hardly painted.
"""

CONTENT_FACTORS: dict[str, Callable[[Tensor, int, float, float | Tensor], Tensor | float]] = {
    "relative": lambda energies, _, __, style: (
        emphasis(energies) / energies.sum().clamp_min(MIN_ENERGY * style * energies.numel())
    ),
    "half": lambda _, __, scale, ___: 1 / 2 / scale**2,
    "quarter": lambda energies, channels, scale, _: 1 / (4 * channels * energies.numel()) / scale**2,
    "mean": lambda energies, channels, scale, _: 1 / (channels * energies.numel()) / scale**2,
}
"""Factor of (F - P)^2 before it is summed: a number, or 1 x 1 x H x W.

The arguments are the `energies` of P, 1 x 1 x H x W, N, the features' scale, and E, the mean of the style's
`energies`.

| name | factor | source |
|---|---|---|
| relative | w / max(sum P^2, MIN_ENERGY * M * E), w: `emphasis` | this project |
| half | 1 / 2 | Gatys et al. 2016, eq. 1 |
| quarter | 1 / (4 N M) | many courses |
| mean | 1 / (N M) | `torch.nn.functional.mse_loss` |
"""

STYLE_FACTORS: dict[str, Callable[[Tensor, int, float], Tensor | float]] = {
    "relative": lambda style, *_: 1 / style.square().sum(),
    "gatys": lambda style, _, scale: 1 / (4 * len(style) ** 2) / scale**4,
    "mean": lambda style, positions, scale: positions**2 / len(style) ** 2 / scale**4,
}
"""Factor of sum (G / M - A / M)^2. The arguments are A / M, N x N, M, and the features' scale.

| name | factor | source |
|---|---|---|
| relative | 1 / sum (A / M)^2 | this project |
| gatys | 1 / (4 N^2) | Gatys et al. 2016, eq. 4: sum (G - A)^2 / (4 N^2 M^2) |
| mean | M^2 / N^2 | `torch.nn.functional.mse_loss` of G and A |
"""


def content_loss(
    features: Tensor, target: Tensor, kind: str = "relative", scale: float = 1.0, style: float | Tensor = 0.0
) -> Tensor:
    """Sum of (F - P)^2 times one of CONTENT_FACTORS; both 1 x N x H x W -> a scalar.

    `style` is the mean of the style's `energies` at the layer, 0 without a style. The relative loss
    is 0 for F = P. For F = 0 it is 1, unless the photo's energy is below the bound of MIN_ENERGY.
    """
    factor = CONTENT_FACTORS[kind](energies(target), target.shape[1], scale, style)
    return weighted_error(features, target, factor)


def weighted_error(features: Tensor, target: Tensor, factor: Tensor | float) -> Tensor:
    """Sum of factor * (F - P)^2; both 1 x N x H x W, the factor a number or 1 x 1 x H x W -> a scalar."""
    squares = (exact(features) - exact(target)).square().sum(1, keepdim=True)
    return (squares * factor).sum()


def with_weighted_error(features: Tensor, target: Tensor, factor: Tensor | float) -> tuple[Tensor, Tensor]:
    """The features for the layers that follow, and `weighted_error`: see `with_gram`."""
    passed, error = _WeightedError.apply(features, target, factor)
    return passed, error


def energies(features: Tensor) -> Tensor:
    """Sum of F^2 over the channels of each position: B x N x H x W -> B x 1 x H x W."""
    return exact(features).square().sum(1, keepdim=True)


def emphasis(energies: Tensor) -> Tensor:
    """Weight of each position of a photo in the content loss, from its `energies`; both B x 1 x H x W.

    It is the root of the mean energy of the 3 x 3 neighbourhood. Faces, windows and edges keep their content; skies
    and walls follow the style. The mean of the weights, weighted by the energy, is 1, so that the total content loss
    stays as large as without them.
    """
    around = F.avg_pool2d(energies, 3, stride=1, padding=1, count_include_pad=False).sqrt()
    tiny = torch.finfo(around.dtype).tiny  # features of 0 get equal weights
    total = energies.sum((1, 2, 3), keepdim=True).clamp_min(tiny)
    mean = (around * energies).sum((1, 2, 3), keepdim=True) / total
    return (around + tiny) / (mean + tiny)


def gram(features: Tensor) -> Tensor:
    """The Gram matrix G / M = F F^T / M: 1 x N x H x W -> N x N.

    Gatys et al. 2016, eq. 3, divided by the number of positions so that size does not matter.
    """
    return with_gram(features)[1]


def with_gram(features: Tensor) -> tuple[Tensor, Tensor]:
    """The features for the layers that follow, and `gram`.

    If these features feed both a loss and the next layer, autograd adds two gradients of their size. If the next layer
    takes the returned features instead, the backward pass adds the loss's gradient to that of the next layer in place.
    """
    passed, matrix = _Gram.apply(features)
    return passed, matrix


def guidance_factor(mask: Tensor, features: Tensor) -> Tensor:
    """A factor, 1 x 1 x H x W, for features whose `gram` is to be that of a region.

    mask: 1 x 1 x H' x W' in 0..1. Let w be the mask at the features' size. With the factor sqrt(w), `gram` is the mean
    over the region, sum_i w_i F_i F_i^T / sum_i w_i. Source: Gatys et al. 2017, "Controlling Perceptual Factors in
    Neural Style Transfer", section 4.
    """
    shares = downscale_mask(mask, features)
    return match_dtype((shares / shares.mean().clamp_min(1e-6)).sqrt(), features)


def downscale_mask(mask: Tensor, features: Tensor) -> Tensor:
    """A mask or picture, 1 x C x H' x W', averaged over each position of features: 1 x C x H x W.

    It is computed on the CPU, because MPS before torch 2.11 supports only sizes that divide evenly. Each mask is
    needed once per scale, so the copies cost little.
    """
    return F.interpolate(mask.cpu(), features.shape[2:], mode="area").to(mask.device)


def match_dtype(x: Tensor, features: Tensor) -> Tensor:
    """`x`, which features are compared with or multiplied by, in their number format.

    For float16 features it stays float32: matches are divided by the number of positions, and the
    factors of a small region are large. The range of float16 is too small for both.
    """
    return x if features.dtype == torch.float16 else x.to(features.dtype)


def style_loss(gram: Tensor, target: Tensor, kind: str = "relative", positions: int = 1, scale: float = 1.0) -> Tensor:
    """Sum (G / M - A / M)^2, times one of STYLE_FACTORS; both N x N of `gram` -> a scalar.

    `positions` is M of the picture.
    """
    return F.mse_loss(gram, target, reduction="sum") * style_factor(target, kind, positions, scale)


def style_factor(target: Tensor, kind: str, positions: int, scale: float) -> Tensor:
    """One of STYLE_FACTORS, as a scalar tensor."""
    return torch.as_tensor(STYLE_FACTORS[kind](target, positions, scale), dtype=target.dtype, device=target.device)


def total_variation(pixels: Tensor) -> Tensor:
    """Mean squared difference of neighbours, right and down: 1 x 3 x H x W -> a scalar.

    Mahendran and Vedaldi 2015, with beta = 2.
    """
    down = F.mse_loss(pixels[:, :, 1:], pixels[:, :, :-1])
    return down + F.mse_loss(pixels[..., 1:], pixels[..., :-1])


def add_total_variation(pixels: Tensor, weight: float, gradient: Tensor) -> Tensor:
    """`total_variation` of the pixels; adds `weight` times its gradient to `gradient`. All are 1 x 3 x H x W."""
    across, loss = (pixels.mT, gradient.mT), pixels.new_zeros(())
    rows = TV_ROWS if pixels.is_cpu else pixels.shape[2] + pixels.shape[3]
    for picture, into in ((pixels, gradient), across):
        count = picture[:, :, 1:].numel()
        for start in range(0, picture.shape[2] - 1, rows):
            band = slice(start, start + rows + 1)
            steps = picture[:, :, band].diff(dim=2)
            loss.add_(steps.square().sum(), alpha=1 / count)
            steps *= 2 * weight / count
            into[:, :, band][:, :, 1:] += steps
            into[:, :, band][:, :, :-1] -= steps
    return loss


def position_rows(features: Tensor, inside: Tensor | None = None) -> Tensor:
    """The features of each position, 1 x N x H x W -> M x N; `inside`: of these positions only."""
    rows = features.permute(0, 2, 3, 1).reshape(-1, features.shape[1])
    return rows if inside is None else rows.index_select(0, inside)


def in_shape_of(features: Tensor, rows: Tensor) -> Tensor:
    """The inverse of `position_rows`: M x N -> 1 x N x H x W."""
    _, channels, height, width = features.shape
    return rows.view(1, height, width, channels).permute(0, 3, 1, 2)


def add_rows(target: Tensor, numbers: Tensor, rows: Tensor) -> Tensor:
    """Add K rows, K x N, to the target's rows of these numbers, K, in place; the target is M x N.

    The order of the sums is the same each time. On a GPU that of `index_add_` is not, on a CPU that of `index_put_`.
    """
    if target.device.type == "cpu":
        return target.index_add_(0, numbers, rows)
    return target.index_put_((numbers,), rows, accumulate=True)


def exact(x: Tensor) -> Tensor:
    """`x` in float32, or in float64 if it is."""
    return x if x.dtype == torch.float64 else x.float()


TV_ROWS = 256  # rows of pixels whose total variation is computed at a time

GRAM_ROWS = 2048  # positions per product in `gram`: long sums are less exact, and slower with few channels


class _Gram(torch.autograd.Function):
    """F F^T of the (H W) x N view, which needs no copy in channels-last memory.

    The backward pass has one product; autograd would compute two, blind to the symmetry.
    """

    @staticmethod
    def forward(ctx: Any, features: Tensor) -> tuple[Tensor, Tensor]:
        ctx.set_materialize_grads(False)
        rows = position_rows(features)
        ctx.save_for_backward(features)
        whole = len(rows) // GRAM_ROWS * GRAM_ROWS
        blocks, rest = rows[:whole].view(-1, GRAM_ROWS, rows.shape[1]), rows[whole:]
        products = torch.bmm(blocks.mT, blocks)
        total = products.sum(0, dtype=torch.promote_types(rows.dtype, torch.float32))
        if len(rest):
            total += exact(rest.T @ rest)
        return features.detach(), total.div_(len(rows))

    @staticmethod
    def backward(ctx: Any, grad: Tensor | None, grad_gram: Tensor | None) -> Tensor | None:
        if grad_gram is None:
            return grad
        (features,) = ctx.saved_tensors
        rows = position_rows(features)
        both = torch.div(grad_gram + grad_gram.T, len(rows), out=rows.new_empty(grad_gram.shape))
        own = rows @ both if grad is None else position_rows(grad).addmm_(rows, both)
        return in_shape_of(features, own)


class _WeightedError(torch.autograd.Function):
    """Sum of factor * (F - P)^2. The backward pass computes F - P again, which takes less memory than to keep it."""

    @staticmethod
    def forward(ctx: Any, features: Tensor, target: Tensor, factor: Tensor | float) -> tuple[Tensor, Tensor]:
        ctx.set_materialize_grads(False)
        ctx.save_for_backward(features, target)
        ctx.factor = factor
        return features.detach(), (squared_distances(features, target) * factor).sum()

    @staticmethod
    def backward(
        ctx: Any, grad: Tensor | None, grad_error: Tensor | None
    ) -> tuple[Tensor | None, Tensor | None, None]:
        if grad_error is None:
            return grad, None, None
        features, target = ctx.saved_tensors
        factor = 2 * grad_error * ctx.factor
        if grad is None:
            grad = torch.zeros_like(features, memory_format=torch.channels_last)
        rows, targets, gradient = map(position_rows, (features, target, grad))
        gradient = gradient.contiguous()  # features one pixel wide may have gaps
        if compiled := operation("add_offsets", features):
            factors = factor.float().expand(1, 1, *features.shape[2:]).contiguous()
            compiled(rows.contiguous(), targets.contiguous(), factors, gradient, *rows.shape)
        else:
            gradient.add_((exact(rows) - exact(targets)).mul_(factor if factor.ndim == 0 else factor.view(-1, 1)))
        return in_shape_of(features, gradient), None, None


def squared_distances(features: Tensor, target: Tensor) -> Tensor:
    """Sum of (F - P)^2 over the channels of each position: B x N x H x W -> B x 1 x H x W."""
    compiled = operation("squared_distances", features)
    if compiled and len(features) == 1:
        rows = position_rows(features).contiguous()
        squares = rows.new_empty(1, 1, *features.shape[2:], dtype=torch.float32)
        compiled(rows, position_rows(target).contiguous(), squares, *rows.shape)
        return squares
    return (exact(features) - exact(target)).square_().sum(1, keepdim=True)
