"""Hypercolumns: the features of several layers at one position of a picture.

Hariharan et al. 2015, "Hypercolumns for Object Segmentation and Fine-grained Localization". M, K: positions of two
pictures. N: numbers in a column.
"""

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from nst.images.tensors import to_tensor
from nst.optimise.losses import exact, position_rows
from nst.optimise.targets import CheckCancelled, fit_style, never_cancelled

BLOCK = 1024  # rows of a matrix of similarities that exist at a time


def random_grid(size: Sequence[int], count: int, random: torch.Generator) -> Tensor:
    """Positions on a square grid with a random offset, about `count` of them: M x 2, rows and columns in pixels.

    `size` is a height and width.
    """
    stride = max(1.0, math.sqrt(math.prod(size) / count))
    sides = []
    for length in size:
        offset = stride * float(torch.rand((), generator=random, dtype=torch.float32))
        sides.append(torch.arange(min(offset, length - 1), length, stride, dtype=torch.float32).long())
    return torch.cartesian_prod(*sides)


def random_rows(rows: Tensor, count: int, random: torch.Generator) -> Tensor:
    """A sample of the rows without repetition; all of them if they are no more than `count`."""
    if len(rows) <= count:
        return rows
    return rows[torch.randperm(len(rows), generator=random)[:count].to(rows.device)]


def sampled_rows(features: Tensor, positions: Tensor, size: Sequence[int]) -> Tensor:
    """Features, 1 x N x h x w, at M positions of the picture: M x N.

    `size` is the picture's height and width. Features are interpolated bilinearly, as if they were enlarged to it.
    """
    rows = position_rows(features)
    height, width = features.shape[2:]
    corners: list[tuple[Tensor, Tensor]] = []
    for axis, length in enumerate((height, width)):
        place = (positions[:, axis].to(features.device, torch.float32) + 0.5) * (length / size[axis]) - 0.5
        place = place.clamp(0, length - 1)
        low = place.floor().long().clamp_max(max(0, length - 2))
        corners.append((low, place - low))
    (top, down), (left, across) = corners
    result: Tensor | float = 0.0
    for below in (0, 1):
        for right in (0, 1):
            index = (top + below).clamp_max(height - 1) * width + (left + right).clamp_max(width - 1)
            weight = (down if below else 1 - down) * (across if right else 1 - across)
            result = result + exact(rows[index]) * weight[:, None]
    assert isinstance(result, Tensor)
    return result


def centred_unit_rows(rows: Tensor) -> Tensor:
    """Rows minus their mean, at unit length, both M x N: their dot product is the zero-centred cosine similarity."""
    return F.normalize(rows - rows.mean(0), eps=1e-6)


def nearest(rows: Tensor, others: Tensor, check_cancelled: CheckCancelled = never_cancelled) -> Tensor:
    """For each of M rows, the number of the most similar of K others; M x N and K x N, of unit length -> M.

    `check_cancelled` is called between blocks of rows.
    """
    numbers = []
    with torch.no_grad():
        for block in rows.split(BLOCK):
            check_cancelled()
            numbers.append((block @ others.T).max(1).indices)
    return torch.cat(numbers)


def style_tensors(
    styles: Sequence[tuple[Image.Image, float]], size: int, scale: float, device: torch.device
) -> list[tuple[Tensor, float]]:
    """The styles at a scale whose longest side is `size` pixels: 1 x 3 x H x W in 0..1, with their shares."""
    return [(to_tensor(fit_style(style, size, scale)).to(device), share) for style, share in styles]
