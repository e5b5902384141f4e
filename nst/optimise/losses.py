"""The losses: content, Gram matrices, style, matching, total variation.

F, P: features of the result and of the photo at a layer. G, A: Gram matrices of the result and of the style.
N channels, M = H * W positions. Sums are in float32 at least.

Features may be multiplied by a `scale` for float16 (`Backbone.scale`), and G and A by its square; the losses do not
depend on it. `training/losses.py` has the same losses for batches: these are laid out for one picture on a CPU.
"""

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

MIN_ENERGY = 1 / 6
"""Minimum content energy of a photo, relative to the style's, for the normalisation.

Flat, dark and misty photos have less. Normalised by their own energy, their start is a local minimum: a photo with a
twentieth of its contrast was hardly painted at all.
"""

CONTENT_FACTORS: dict[str, Callable[[Tensor, float, float], Tensor | float]] = {
    "relative": lambda photo, _, style: (
        emphasis(photo) / energy(photo).clamp_min(MIN_ENERGY * style * photo[0, 0].numel())
    ),
    "half": lambda _, scale, __: 1 / 2 / scale**2,
    "quarter": lambda photo, scale, _: 1 / (4 * photo.numel()) / scale**2,
    "mean": lambda photo, scale, _: 1 / photo.numel() / scale**2,
}
"""P (1 x N x H x W), the scale, and the style's `energy` per position -> the factor of (F - P)^2.

The factor is a number or 1 x 1 x H x W.
relative (ours): w / max(sum P^2, MIN_ENERGY * M * style), with w the `emphasis`.
half: Gatys et al. 2016, eq. 1. quarter: 1 / (4 N M), the form of many courses. mean: `torch.nn.functional.mse_loss`.
"""

STYLE_FACTORS: dict[str, Callable[[Tensor, int, float], Tensor | float]] = {
    "relative": lambda style, *_: 1 / style.square().sum(),
    "gatys": lambda style, _, scale: 1 / (4 * len(style) ** 2) / scale**4,
    "mean": lambda style, positions, scale: positions**2 / len(style) ** 2 / scale**4,
}
"""A / M (N x N), M and the scale -> the factor of sum (G / M - A / M)^2.

relative (ours): 1 / sum (A / M)^2. gatys: sum (G - A)^2 / (4 N^2 M^2), Gatys et al. 2016, eq. 4. mean: the mean of
(G - A)^2, not normalised by M.
"""


def content_loss(
    features: Tensor, target: Tensor, kind: str = "relative", scale: float = 1.0, style: float = 0.0
) -> Tensor:
    """Sum of (F - P)^2 times one of CONTENT_FACTORS; both 1 x N x H x W -> a scalar.

    `style` is the style's `energy` per position of the layer, 0 without a style. The relative loss is 0 for equal
    features. It is 1 for features of 0, unless the photo is much weaker than the style.
    """
    squares = (_exact(features) - _exact(target)).square().sum(1, keepdim=True)
    return (squares * CONTENT_FACTORS[kind](target, scale, style)).sum()


def emphasis(photo: Tensor) -> Tensor:
    """The weight of each position of a photo as content: B x N x H x W -> B x 1 x H x W.

    It is the square root of the mean energy of the 3 x 3 positions around. Faces, windows and edges are kept; skies
    and walls leave more freedom to the style. The mean of the weights, weighted by the energy, is 1.
    """
    energies = _exact(photo).square().sum(1, keepdim=True)
    around = F.avg_pool2d(energies, 3, stride=1, padding=1, count_include_pad=False).sqrt()
    least = torch.finfo(around.dtype).tiny  # a photo without features has equal weights
    whole = energies.sum((1, 2, 3), keepdim=True).clamp_min(least)
    mean = (around * energies).sum((1, 2, 3), keepdim=True) / whole
    return (around + least) / (mean + least)


def energy(features: Tensor) -> Tensor:
    """Sum F^2, over channels and positions."""
    return _exact(features).square().sum()


def gram(features: Tensor) -> Tensor:
    """G / M = F F^T / M, the correlations of the channels: 1 x N x H x W -> N x N.

    Gatys et al. 2016, eq. 3, divided by the number of positions so that size does not matter.
    """
    return _Gram.apply(features)


def guide(mask: Tensor, features: Tensor) -> Tensor:
    """The guidance channel of a region, 1 x 1 x H x W: `gram` of the guided features is that of the region.

    `mask` is 1 x 1 x H' x W', 0..1, and is averaged over each position. The square root of its share makes `gram` the
    mean over the region, sum_i w_i F_i F_i^T / sum_i w_i (Gatys et al. 2017, "Controlling Perceptual Factors in Neural
    Style Transfer", section 4).
    """
    shares = carried_down(mask, features)
    return in_format((shares / shares.mean().clamp_min(1e-6)).sqrt(), features)


def carried_down(mask: Tensor, features: Tensor) -> Tensor:
    """The mean of a mask, 1 x 1 x H' x W', over each position of features: 1 x 1 x H x W.

    It is computed on the CPU, once per scale: until torch 2.11 MPS supported only sizes that divide evenly.
    """
    return F.interpolate(mask.cpu(), features.shape[2:], mode="area").to(mask.device)


def in_format(x: Tensor, features: Tensor) -> Tensor:
    """A target or a guidance channel in the number format of the features; float32 for float16.

    The range of float16 is too small for values that are divided by the number of positions, and for the Gram matrix
    of a small region, whose positions have large weights.
    """
    return x if features.dtype == torch.float16 else x.to(features.dtype)


def style_loss(gram: Tensor, target: Tensor, kind: str = "relative", positions: int = 1, scale: float = 1.0) -> Tensor:
    """Sum (G / M - A / M)^2, times one of STYLE_FACTORS; both N x N of `gram` -> a scalar.

    `positions` is M, of the picture.
    """
    return (gram - target).square().sum() * STYLE_FACTORS[kind](target, positions, scale)


def directions(features: Tensor, inside: Tensor | None = None) -> Tensor:
    """The features of each position, minus their mean over all positions, at unit length: 1 x N x H x W -> M x N.

    Their dot product is the cosine similarity. `inside` are the indices of the M positions of a region.
    """
    rows = _rows(features, inside)
    return _directions(rows, _mean(rows))[0]


def match(picture: Tensor, style: Tensor) -> Tensor:
    """Two-sided nearest neighbours, as the target of `matching_loss`: directions M x N, K x N -> M x N.

    Each picture position moves towards its nearest style position a(i). Each style position attracts its nearest
    picture position b(j): without this side a flat sky would take the same few strokes everywhere. Row i of the target
    is S_a(i) / M + sum of S_j / K over all j with b(j) = i.

    The relaxed earth mover's distance takes the larger of the two sides (Kolkin et al. 2019, eq. 5); here they are
    summed. The first side alone is nearest-neighbour style transfer (Kolkin et al. 2022).
    """
    target = torch.empty_like(picture)
    best = picture.new_full((len(style),), -torch.inf)
    nearest = torch.zeros(len(style), dtype=torch.long, device=style.device)
    for start in range(0, len(picture), BLOCK):
        similarity = picture[start : start + BLOCK] @ style.T
        target[start : start + BLOCK] = style[similarity.argmax(1)] / len(picture)
        # The maximum of columns of a row-major matrix takes four times as long.
        highest, place = similarity.T.contiguous().max(1)
        nearest = torch.where(highest > best, place + start, nearest)
        best = torch.maximum(best, highest)
    return target.index_add_(0, nearest, style, alpha=1 / len(style))


BLOCK = 2048
"""Positions that are matched at once. In a large picture, all similarities would take gigabytes, and all directions
(float32) more than anything else in a step."""


def matching_loss(features: Tensor, target: Tensor, inside: Tensor | None = None) -> Tensor:
    """Mean cosine distance to the matches, over picture and style positions; 0 to 4.

    Features 1 x N x H x W and a target of `match`, M x N, for all positions or those `inside`. The matches are
    constant: the gradient is that of the features alone.
    """
    return 2 - _MatchingSimilarity.apply(features, target, inside)


def total_variation(pixels: Tensor) -> Tensor:
    """Mean squared difference of neighbours, right and down: 1 x 3 x H x W -> a scalar.

    Mahendran and Vedaldi 2015, with beta = 2.
    """
    down = F.mse_loss(pixels[:, :, 1:], pixels[:, :, :-1])
    return down + F.mse_loss(pixels[..., 1:], pixels[..., :-1])


def _rows(features: Tensor, inside: Tensor | None = None) -> Tensor:
    rows = features.permute(0, 2, 3, 1).reshape(-1, features.shape[1])
    return rows if inside is None else rows[inside]


def _mean(rows: Tensor) -> Tensor:
    return torch.stack([_exact(block).sum(0) for block in rows.split(BLOCK)]).sum(0) / len(rows)


def _directions(rows: Tensor, mean: Tensor) -> tuple[Tensor, Tensor]:
    """The rows minus their mean, at unit length, and the lengths: M x N and M x 1."""
    offsets = rows - mean
    lengths = offsets.norm(dim=1, keepdim=True).clamp_min_(1e-6)
    return offsets.div_(lengths), lengths


class _MatchingSimilarity(torch.autograd.Function):
    """The sum of directions times target; the backward pass recomputes the directions to save memory."""

    @staticmethod
    def forward(ctx: Any, features: Tensor, target: Tensor, inside: Tensor | None) -> Tensor:
        rows = _rows(features, inside)
        mean = _mean(rows)
        ctx.save_for_backward(features, target, inside, mean)
        return torch.stack(
            [
                (_directions(block, mean)[0] * part).sum()
                for block, part in zip(rows.split(BLOCK), target.split(BLOCK), strict=True)
            ]
        ).sum()

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None]:
        features, target, inside, mean = ctx.saved_tensors
        rows = _rows(features, inside)
        back, shift = torch.empty_like(rows), torch.zeros_like(mean)
        blocks = (tensor.split(BLOCK) for tensor in (rows, target, back))
        for block, part, out in zip(*blocks, strict=True):
            unit, lengths = _directions(block, mean)
            # Only the component of the target that is orthogonal to the direction has an effect.
            along = (unit * part).sum(1, keepdim=True)
            across = unit.mul_(along).neg_().add_(part).mul_(grad / lengths)
            shift += across.sum(0)
            out.copy_(across)
        back -= shift / len(rows)
        _, channels, height, width = features.shape
        if inside is not None:
            whole = back.new_zeros(height * width, channels)
            back = whole.index_copy_(0, inside, back)
        return back.view(1, height, width, channels).permute(0, 3, 1, 2), None, None


def _exact(x: Tensor) -> Tensor:
    return x if x.dtype == torch.float64 else x.float()


GRAM_ROWS = 8192  # positions in one sum: long sums are less exact, and much slower where channels are few


class _Gram(torch.autograd.Function):
    """F F^T on the (H W) x N view that channels-last memory already is.

    Autograd would not use the symmetry of the product, and would multiply twice in the backward pass.
    """

    @staticmethod
    def forward(ctx: Any, features: Tensor) -> Tensor:
        rows = _rows(features)
        ctx.save_for_backward(rows)
        ctx.shape = features.shape
        parts = [_exact(part.T @ part) for part in rows.split(GRAM_ROWS)]
        return torch.stack(parts).sum(0) / rows.shape[0]

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Tensor:
        (rows,) = ctx.saved_tensors
        _, channels, height, width = ctx.shape
        both = (grad + grad.T).div_(rows.shape[0]).to(rows.dtype)
        return (rows @ both).view(1, height, width, channels).permute(0, 3, 1, 2)
