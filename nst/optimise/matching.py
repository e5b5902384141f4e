"""The matching loss: features of the picture and of the style approach their nearest neighbours in each other.

Sources: Kolkin et al. 2019, "Style Transfer by Relaxed Optimal Transport and Self-Similarity", and 2022, "Neural
Neighbor Style Transfer". M: positions of the picture. K: sampled positions of the style. N: channels.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from nst.network.compiled import operation
from nst.optimise.losses import add_rows, exact, in_shape_of, position_rows

CAPACITY = 8.0
"""Upper bound of the weight that a picture position takes from style positions, relative to its own.

Every style position pulls at the picture position nearest to it. What fits nowhere is nearest to a few positions of
an empty area, where hundreds of contradictory pulls would add up to noise or to a stray object. In a large picture a
single pull would make a speck: of 4096 pixels a position has the weight 1 / M, hundreds of times less than 1 / K.
"""

BLOCK, BLOCK_ON_GPU, SEARCH_ON_GPU = 2048, 2**16, 2**14
"""Positions per block: on a CPU, on a GPU, and on a GPU in a search, which compares each with all of the style's.

All similarities of a large picture would take gigabytes, and all its directions, which are float32, more memory than
the rest of a step. A GPU waits for each launch, so its blocks are larger.
"""


def in_blocks(*tensors: Tensor, on_gpu: int | None = None) -> Iterator[tuple[Tensor, ...]]:
    """Split the first dimension of all tensors into blocks; `on_gpu` has another size of them on a GPU."""
    rows = BLOCK if tensors[0].is_cpu else on_gpu or BLOCK_ON_GPU
    return zip(*(tensor.split(rows) for tensor in tensors), strict=True)


def directions(features: Tensor, inside: Tensor | None = None) -> Tensor:
    """Features minus their mean over all positions, at unit length: 1 x N x H x W -> M x N.

    Their dot product is the cosine similarity. `inside`, if not None, has the indices of M positions, for a region of
    the picture; the others are ignored.
    """
    rows = position_rows(features, inside)
    return unit_offsets(rows, sum_of(rows) / len(rows))[0]


def match(picture: Tensor, style: Tensor, dtype: torch.dtype = torch.float32) -> tuple[Tensor, Tensor]:
    """Two-sided nearest neighbours: M x N, K x N -> the target of `matching_loss`, M x N, and its `weight`.

    Both arguments are `directions`. `dtype` is the number format of their similarities. The style position nearest to
    picture position i is a(i). The picture position nearest to style position j is b(j). Row i of the target is

        S_a(i) / M + sum of `pulls`_j * S_j over all j with b(j) = i

    The first term alone is nearest-neighbour style transfer (Kolkin et al. 2022), in which a flat sky matches the same
    few strokes everywhere. The relaxed earth mover's distance takes the larger of the two sides (Kolkin et al. 2019,
    eq. 5); here they are summed, and the second is limited by CAPACITY.
    """
    search = Search(style, dtype)
    of_picture = search.add(picture, torch.arange(len(picture), device=picture.device))
    weights = pulls(search.nearest, len(picture))
    return match_target(style, of_picture, search.nearest, style * weights[:, None], len(picture)), 1 + weights.sum()


class Search:
    """Two-sided nearest neighbours of the `directions` of a style, K x N, and of a picture.

    The picture's directions are added in parts. `nearest` has, for each style position, the number of the nearest
    picture position among all parts so far: K.
    """

    def __init__(self, style: Tensor, dtype: torch.dtype) -> None:
        self._columns, self._dtype = style.T.to(dtype), dtype
        self._best = style.new_full((len(style),), -torch.inf, dtype=dtype)
        self.nearest = torch.zeros(len(style), dtype=torch.long, device=style.device)

    def add(self, picture: Tensor, positions: Tensor) -> Tensor:
        """The nearest style position of each of M picture positions, M x N -> M; `positions` are their numbers."""
        nearest = []
        for block, numbers in in_blocks(picture, positions, on_gpu=SEARCH_ON_GPU):
            similarity = block.to(self._dtype) @ self._columns
            of_rows, highest, index = _maxima(similarity)
            nearest.append(of_rows)
            self.nearest = torch.where(highest > self._best, numbers[index], self.nearest)
            self._best = torch.maximum(self._best, highest)
        return torch.cat(nearest)


def _maxima(numbers: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Of M x K numbers the column of the largest in each row, M; and of each column the largest and its row, K."""
    if compiled := operation("maxima", numbers):
        rows, columns = numbers.shape
        of_rows, of_columns = numbers.new_empty(rows, dtype=torch.long), numbers.new_empty(columns, dtype=torch.long)
        highest = numbers.new_empty(columns, dtype=torch.float32)
        compiled(numbers.contiguous(), of_rows, highest, of_columns, rows, columns)
        return of_rows, highest.to(numbers.dtype), of_columns
    # argmax would take four times as long in bfloat16, and max over the columns of a row-major matrix, too.
    highest, of_columns = numbers.T.contiguous().max(1)
    return numbers.max(1).indices, highest, of_columns


def pulls(nearest: Tensor, count: int, numbers: int | None = None) -> Tensor:
    """The weight of each style position, K; `nearest` has the number of its nearest of `count` picture positions, K.

    It is 1 / K, or CAPACITY / (count n) if that is smaller, for one of n style positions with the same neighbour. The
    positions' numbers are below `numbers`, by default `count`.
    """
    ones = torch.ones(len(nearest), dtype=torch.float32, device=nearest.device)
    sharing = ones.new_zeros(numbers or count).index_add_(0, nearest, ones)[nearest]  # bincount would wait for a GPU
    return (CAPACITY / count / sharing).clamp_max(1 / len(nearest))


def match_target(style: Tensor, of_picture: Tensor, of_style: Tensor, weighted: Tensor, count: int) -> Tensor:
    """The target of `match` for M of the `count` positions of a picture: M x N.

    `of_picture` has the number of the style position nearest to each, M. Some style positions have their own nearest
    picture position among the M: `of_style` has the rows of those, `weighted` the directions of the style positions
    times their `pulls`.
    """
    target = style[of_picture].div_(count)
    return add_rows(target, of_style, weighted)


def matching_loss(
    features: Tensor, target: Tensor, inside: Tensor | None = None, weight: float | Tensor = 2.0
) -> Tensor:
    """Mean cosine distances to the matches, of picture and style positions summed; 0 to twice `weight`.

    Features are 1 x N x H x W, the target of `match` M x N, for all positions or those `inside`. `weight` is the sum
    of all weights: 2, or less where CAPACITY limits them. The gradient treats the matches as constant.
    """
    return with_matching_loss(features, target, inside, weight)[1]


def with_matching_loss(
    features: Tensor, target: Tensor, inside: Tensor | None = None, weight: float | Tensor = 2.0
) -> tuple[Tensor, Tensor]:
    """The features for the layers that follow, and `matching_loss`: see `nst.optimise.losses.with_gram`."""
    passed, similarity = _MatchingSimilarity.apply(features, target, inside, None)
    return passed, weight - similarity


@dataclass
class PictureMean:
    """The mean of a layer's positions in a picture that is computed in tiles, and the loss's gradient for it."""

    value: Tensor  # N
    count: int  # positions
    gradient: Tensor  # N: of the evaluation before; that of this one is known only after the last tile
    gradient_sum: Tensor  # N: of the tiles so far in this evaluation


def matching_similarity(features: Tensor, target: Tensor, inside: Tensor | None, mean: PictureMean) -> Tensor:
    """The part of a tile, 1 x N x H x W, in the similarity of `matching_loss`.

    Its gradient with respect to the mean is added to `mean.gradient_sum`.
    """
    return _MatchingSimilarity.apply(features, target, inside, mean)[1]


def sum_of(rows: Tensor) -> Tensor:
    """Sum of the rows, M x N -> N."""
    if compiled := operation("column_sums", rows):
        sums = rows.new_empty(rows.shape[1], dtype=torch.float64)
        compiled(rows.contiguous(), sums, *rows.shape)
        return sums.to(torch.promote_types(rows.dtype, torch.float32))
    return torch.stack([exact(block).sum(0) for (block,) in in_blocks(rows)]).sum(0)


def unit_offsets(rows: Tensor, mean: Tensor) -> tuple[Tensor, Tensor]:
    """Rows minus their mean at unit length, M x N, and the lengths before, M x 1."""
    offsets = rows - mean
    lengths = offsets.norm(dim=1, keepdim=True).clamp_min_(1e-6)
    return offsets.div_(lengths), lengths


class _MatchingSimilarity(torch.autograd.Function):
    """Sum of directions times target.

    The backward pass computes the directions again: that takes little time and saves much memory.
    """

    @staticmethod
    def forward(
        ctx: Any, features: Tensor, target: Tensor, inside: Tensor | None, picture_mean: PictureMean | None
    ) -> tuple[Tensor, Tensor]:
        ctx.set_materialize_grads(False)
        rows = position_rows(features, inside)
        mean = picture_mean.value if picture_mean else sum_of(rows) / len(rows)
        lengths, along, total = _similarities(rows, target, mean)
        ctx.save_for_backward(features, target, inside, mean, lengths, along, total)
        ctx.picture_mean = picture_mean
        return features.detach(), along.sum()

    @staticmethod
    def backward(
        ctx: Any, grad: Tensor | None, grad_similarity: Tensor | None
    ) -> tuple[Tensor | None, None, None, None]:
        if grad_similarity is None:
            return grad, None, None, None
        features, target, inside, mean, lengths, along, total = ctx.saved_tensors
        of_mean = total / len(target)
        if ctx.picture_mean:
            ctx.picture_mean.gradient_sum += total
            of_mean = ctx.picture_mean.gradient / ctx.picture_mean.count
        if grad is None:
            grad = torch.zeros_like(features, memory_format=torch.channels_last)
        everywhere = position_rows(grad).contiguous()
        gradient = everywhere if inside is None else everywhere.index_select(0, inside)
        rows = position_rows(features, inside)
        _add_similarity_gradient(gradient, rows, target, mean, lengths, along, of_mean, grad_similarity)
        if inside is not None:
            everywhere.index_copy_(0, inside, gradient)
        return in_shape_of(features, everywhere), None, None, None


def _similarities(rows: Tensor, target: Tensor, mean: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Of M x N rows the distances from the mean, M, and the directions times the target, M.

    The third result are the sums, N, of the gradients of the second with respect to the rows.
    """
    lengths, along = mean.new_empty(2, len(rows))
    compiled = operation("similarities", rows)
    if compiled and target.dtype == rows.dtype:
        total = mean.new_empty(len(mean), dtype=torch.float64)
        compiled(rows.contiguous(), target.contiguous(), mean, lengths, along, total, *rows.shape)
        return lengths, along, total.to(mean.dtype)
    total = torch.zeros_like(mean)
    for block, part, to_lengths, to_along in in_blocks(rows, target, lengths[:, None], along[:, None]):
        unit, of_block = unit_offsets(block, mean)
        to_lengths.copy_(of_block)
        torch.sum(unit * part, 1, keepdim=True, out=to_along)
        total += _across(unit, part, to_lengths, to_along).sum(0)
    return lengths, along, total


def _add_similarity_gradient(
    into: Tensor,
    rows: Tensor,
    target: Tensor,
    mean: Tensor,
    lengths: Tensor,
    along: Tensor,
    of_mean: Tensor,
    scale: Tensor,
) -> None:
    """Add the gradient of the sum of `along` with respect to the rows, minus that of their mean, times `scale`.

    `into`, to which it is added, is M x N without gaps.
    """
    compiled = operation("add_similarity_gradient", rows)
    if compiled and target.dtype == rows.dtype:
        rows, target = rows.contiguous(), target.contiguous()
        compiled(rows, target, mean, lengths, along, of_mean, into, float(scale), *rows.shape)
        return
    for block, part, length, product, out in in_blocks(rows, target, lengths[:, None], along[:, None], into):
        across = _across((block - mean).div_(length), part, length, product)
        out.add_(across.sub_(of_mean).mul_(scale))


def _across(unit: Tensor, target: Tensor, lengths: Tensor, along: Tensor) -> Tensor:
    """The part of the target orthogonal to directions, M x N, which it overwrites; normalisation removes the rest."""
    return torch.addcmul(target, unit, along, value=-1, out=unit).div_(lengths)
