"""Pooling two by two, there and back, behind a ReLU; no function of autograd's.

Features are compared and masked as the integers that their bits are. Those have the same sign, and
the same order where none is negative, and a processor is several times faster with them than with
bfloat16.
"""

from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor

BAND_ROWS = 16
"""Rows that a processor works on at once: they stay in its cache."""


def integer_view(x: Tensor) -> Tensor:
    """The bits of floats as integers of their size, in the same memory."""
    return x.view({2: torch.int16, 4: torch.int32, 8: torch.int64}[x.dtype.itemsize])


def in_bands(*tensors: Tensor) -> Iterator[tuple[Tensor, ...]]:
    """Bands of rows, the first dimension, of all the tensors at once: small ones on a processor."""
    rows = BAND_ROWS if tensors[0].is_cpu else max(1, len(tensors[0]))
    return zip(*(tensor.split(rows) for tensor in tensors), strict=True)


def rows_of(x: Tensor) -> Tensor:
    """Features 1 x C x H x W as H x W x C, in the same memory."""
    return x.permute(0, 2, 3, 1)[0]


def pool(x: Tensor, pooling: str) -> tuple[Tensor, Tensor | None]:
    """Features 1 x C x H x W, none negative -> 1 x C x H/2 x W/2; for "max" also where they were.

    "max" takes the largest of four, "average" their mean; an odd last row or column is left out.
    Where: H/2 x W/2 x C, 0 to 3 for top left, bottom left, top right, bottom right, the first of
    equals, and 4 where all are zero. In one byte, for the way back, where the features would take
    eight.
    """
    if pooling != "max":
        return F.avg_pool2d(x, 2), None
    top, bottom = _row_pairs(integer_view(x))
    height, width, _, channels = top.shape
    out = x.new_empty(height, width, channels)
    place = out.new_empty(out.shape, dtype=torch.int8)
    for band_top, band_bottom, largest, band_place in in_bands(
        top, bottom, integer_view(out), place
    ):
        left, right = torch.maximum(band_top, band_bottom).unbind(2)
        torch.maximum(left, right, out=largest)
        wins = torch.lt(left, right, out=torch.empty_like(largest))
        below = torch.lt(band_top, band_bottom, out=torch.empty_like(band_top))
        found = (below[:, :, 1] - below[:, :, 0]).add_(2).mul_(wins).add_(below[:, :, 0])
        band_place.copy_(found.add_(torch.eq(largest, 0, out=wins), alpha=4))
    return out[None].permute(0, 3, 1, 2), place


def unpool(grad: Tensor, shape: torch.Size, place: Tensor | None) -> Tensor:
    """The gradient before the pooling, 1 x C x H x W = `shape`, of that behind it.

    With a `place` of the largest of four it is also that before the ReLU in front of the pooling:
    none comes back where all four are zero.
    """
    out = torch.empty(
        shape, dtype=grad.dtype, device=grad.device, memory_format=torch.channels_last
    )
    out[:, :, 2 * grad.shape[2] :] = 0
    out[:, :, :, 2 * grad.shape[3] :] = 0
    given = rows_of(grad)
    if place is None:
        for band, *corners in in_bands(given, *_corners(out)):
            quarter = band / 4
            for corner in corners:
                corner.copy_(quarter)
        return out
    for band, band_place, *corners in in_bands(
        integer_view(given), place, *_corners(integer_view(out))
    ):
        found = band_place.to(band.dtype)
        for number, corner in enumerate(corners):
            torch.mul(band, torch.eq(found, number, out=torch.empty_like(found)), out=corner)
    return out


def _corners(x: Tensor) -> tuple[Tensor, ...]:
    """Top left, bottom left, top right, bottom right of what is pooled, each H/2 x W/2 x C."""
    top, bottom = _row_pairs(x)
    return top[:, :, 0], bottom[:, :, 0], top[:, :, 1], bottom[:, :, 1]


def _row_pairs(x: Tensor) -> tuple[Tensor, ...]:
    """The even and the odd rows of what is pooled, each H/2 x W/2 x 2 x C."""
    rows = rows_of(x)
    rows = rows[: rows.shape[0] // 2 * 2, : rows.shape[1] // 2 * 2]
    return rows.unflatten(1, (-1, 2)).unflatten(0, (-1, 2)).unbind(1)
