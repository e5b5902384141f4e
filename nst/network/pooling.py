"""2 x 2 pooling of features that a ReLU produced, and its gradient, without autograd.

Features are compared and masked as integers with the same bits. Non-negative floats have the same order as those
integers, and processors handle integers several times faster than bfloat16. Where there is a compiler, one pass over
the features does all.
"""

from collections.abc import Iterator
from functools import cache

import torch
import torch.nn.functional as F
from torch import Tensor

from nst.network.compiled import operation

BAND_ROWS = 16  # rows that a processor handles at a time, so that they stay in its cache


def integer_view(x: Tensor) -> Tensor:
    """A view of floats as integers of the same size."""
    return x.view({2: torch.int16, 4: torch.int32, 8: torch.int64}[x.dtype.itemsize])


def in_bands(*tensors: Tensor) -> Iterator[tuple[Tensor, ...]]:
    """Split the first dimension of all tensors into bands of rows."""
    return zip(*(tensor.split(BAND_ROWS) for tensor in tensors), strict=True)


def at_once(x: Tensor) -> bool:
    """Whether few operations on all of `x` are faster than many on bands: a GPU waits for each launch."""
    return not x.is_cpu


def rows_of(x: Tensor) -> Tensor:
    """A view of features 1 x C x H x W as H x W x C."""
    return x.permute(0, 2, 3, 1)[0]


def pool(x: Tensor, pooling: str) -> tuple[Tensor, Tensor | None]:
    """Non-negative features 1 x C x H x W -> 1 x C x H/2 x W/2, and for "max" the positions.

    "max" takes the largest of four values, "average" their mean. An odd last row or column is dropped. Positions are
    H/2 x W/2 x C in int8: 0 to 3 for top left, bottom left, top right and bottom right (the first of equal values), 4
    where all four are zero. For the gradient they take an eighth of the memory of the features in bfloat16.
    """
    if pooling != "max":
        return F.avg_pool2d(x, 2), None
    if compiled := operation("pool", x):
        rows = rows_of(x).contiguous()
        height, width, channels = rows.shape
        out = rows.new_empty(height // 2, width // 2, channels)
        positions = out.new_empty(out.shape, dtype=torch.int8)
        compiled(rows, out, positions, height, width, channels)
        return out[None].permute(0, 3, 1, 2), positions
    if at_once(x):
        largest, index = torch.stack(_corners(integer_view(x))).max(0)
        return largest.view(x.dtype)[None].permute(0, 3, 1, 2), index.masked_fill_(largest == 0, 4).to(torch.int8)
    top, bottom = _row_pairs(integer_view(x))
    height, width, _, channels = top.shape
    out = x.new_empty(height, width, channels)
    positions = out.new_empty(out.shape, dtype=torch.int8)
    for band_top, band_bottom, largest, band_positions in in_bands(top, bottom, integer_view(out), positions):
        left, right = torch.maximum(band_top, band_bottom).unbind(2)
        torch.maximum(left, right, out=largest)
        right_wins = torch.lt(left, right, out=torch.empty_like(largest))
        below = torch.lt(band_top, band_bottom, out=torch.empty_like(band_top))
        index = (below[:, :, 1] - below[:, :, 0]).add_(2).mul_(right_wins).add_(below[:, :, 0])
        band_positions.copy_(index.add_(torch.eq(largest, 0, out=right_wins), alpha=4))
    return out[None].permute(0, 3, 1, 2), positions


def unpool(grad: Tensor, shape: torch.Size, positions: Tensor | None) -> Tensor:
    """The gradient with respect to the input of `pool`, 1 x C x H x W = `shape`.

    `grad` is the gradient with respect to its output, `positions` what it returned. For "max" the
    result is also the gradient with respect to the input of the ReLU before the pooling, because it
    is zero where all four values are zero.
    """
    out = torch.empty(shape, dtype=grad.dtype, device=grad.device, memory_format=torch.channels_last)
    compiled = operation("unpool", grad)
    if positions is not None and compiled:
        compiled(rows_of(grad).contiguous(), positions, rows_of(out), shape[2], shape[3], shape[1])
        return out
    out[:, :, 2 * grad.shape[2] :] = 0
    out[:, :, :, 2 * grad.shape[3] :] = 0
    rows = rows_of(grad)
    if positions is None:
        for band, *corners in in_bands(rows, *_corners(out)):
            quarter = band / 4
            for corner in corners:
                corner.copy_(quarter)
        return out
    if at_once(grad):
        torch.mul(integer_view(rows), positions == _places(grad.device), out=_by_place(integer_view(out)))
        return out
    for band, band_positions, *corners in in_bands(integer_view(rows), positions, *_corners(integer_view(out))):
        index = band_positions.to(band.dtype)
        for number, corner in enumerate(corners):
            torch.mul(band, torch.eq(index, number, out=torch.empty_like(index)), out=corner)
    return out


@cache
def _places(device: torch.device) -> Tensor:
    """The numbers of the four places, 2 x 2 x 1 x 1 x 1."""
    return torch.arange(4, dtype=torch.int8, device=device).view(2, 2, 1, 1, 1)


def _corners(x: Tensor) -> list[Tensor]:
    """Views of the top left, bottom left, top right, bottom right values, each H/2 x W/2 x C."""
    return [corner for column in _by_place(x) for corner in column]


def _by_place(x: Tensor) -> Tensor:
    """A view, 2 x 2 x H/2 x W/2 x C: left and right, top and bottom, the row and the column of the four."""
    return _fours(x).permute(3, 1, 0, 2, 4)


def _row_pairs(x: Tensor) -> tuple[Tensor, ...]:
    """Views of the even and the odd rows, each H/2 x W/2 x 2 x C."""
    return _fours(x).unbind(1)


def _fours(x: Tensor) -> Tensor:
    """A view, H/2 x 2 x W/2 x 2 x C, without an odd last row or column."""
    rows = rows_of(x)
    rows = rows[: rows.shape[0] // 2 * 2, : rows.shape[1] // 2 * 2]
    return rows.unflatten(1, (-1, 2)).unflatten(0, (-1, 2))
