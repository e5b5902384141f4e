"""Laplacian pyramids: a picture as its coarse version and the detail of each finer one (Burt and Adelson 1983).

Kolkin et al. 2019 and 2022 optimise the levels of a pyramid instead of pixels: a change of a coarse level moves the
colour of a whole area in one step.
"""

from collections.abc import Sequence

import torch.nn.functional as F
from torch import Tensor

MIN_LEVEL = 2  # pixels on the shorter side of the coarsest level


def decompose(picture: Tensor, levels: int) -> list[Tensor]:
    """A picture, 1 x 3 x H x W, as at most `levels` levels of detail, from fine to coarse, and the rest."""
    pyramid: list[Tensor] = []
    while len(pyramid) < levels and min(picture.shape[2:]) >= 2 * MIN_LEVEL:
        smaller = resize(picture, [side // 2 for side in picture.shape[2:]])
        pyramid.append(picture - resize(smaller, picture.shape[2:]))
        picture = smaller
    return [*pyramid, picture]


def compose(pyramid: Sequence[Tensor]) -> Tensor:
    """The picture of a pyramid: the inverse of `decompose`."""
    *details, picture = pyramid
    for detail in reversed(details):
        picture = detail + resize(picture, detail.shape[2:])
    return picture


def finest_detail(picture: Tensor) -> Tensor:
    """The first level of a picture's pyramid: what is lost at half its size; both 1 x 3 x H x W."""
    return decompose(picture, 1)[0]


def resize(picture: Tensor, size: Sequence[int]) -> Tensor:
    """A picture, 1 x C x H x W, in another height and width, by bilinear interpolation."""
    return F.interpolate(picture, list(size), mode="bilinear", align_corners=False)
