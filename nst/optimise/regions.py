"""Regions of the picture with their own styles, made from masks."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from PIL import Image, ImageChops, ImageFilter
from torch import Tensor

from nst.errors import InputError
from nst.images import ImageError, fitted_size
from nst.images.tensors import to_tensor
from nst.optimise.losses import downscale_mask

FEATHER = 1 / 150  # standard deviation of the blur at a region's edge, relative to the picture's longest side
MIN_WHITE = 8  # lower bound of the maximum of a feathered mask, of 255; below it the style is invisible

Styles = list[tuple[Image.Image, float]]  # RGB images with their shares, which add up to 1


@dataclass(frozen=True)
class Likeness:
    """Where the photo depicts the same kind of thing as the styles of a region; see `nst.optimise.likeness`."""

    degree: Tensor  # 1 x 1 x H x W in 0..1: 0 outside the region
    colours: Tensor  # 1 x 3 x H' x W' in 0..1: those of the styles' most similar positions


@dataclass(frozen=True)
class Region:
    """A part of the picture and its styles.

    `mask` is grey with the photo's aspect ratio, white inside the region; None: the whole picture.
    No styles: the region stays the photo.
    """

    styles: Styles
    mask: Image.Image | None = None
    likeness: Likeness | None = None  # None: not known, or without effect


def region_mask(region: Region, picture: Tensor) -> Tensor | None:
    """Coverage of each pixel by the region: a picture 1 x 3 x H x W -> 1 x 1 x H x W in 0..1.

    None where the region is the whole picture.
    """
    if region.mask is None:
        return None
    mask = to_tensor(region.mask.convert("RGB"))[:, :1]
    return downscale_mask(mask, picture).to(picture.device)


def degree_of_likeness(regions: Sequence[Region], picture: Tensor) -> Tensor:
    """The degree of likeness in all regions at the size of a picture, 1 x N x H x W -> 1 x 1 x H x W in 0..1."""
    total = picture.new_zeros(1, 1, *picture.shape[2:], dtype=torch.float32)
    for region in regions:
        if region.likeness is not None:
            degree = F.interpolate(region.likeness.degree, picture.shape[2:], mode="bicubic", align_corners=False)
            total += degree.to(picture.device)
    return total.clamp_(0, 1)


def split_by_mask(styles: Styles, inside: Image.Image) -> list[Region]:
    """The first style inside the mask and, if there is a second, that one outside.

    Raises ValueError for more than two.
    """
    if len(styles) > 2:
        raise InputError(
            f"with a mask there are one style or two, not {len(styles)}: the first inside, the second outside"
        )
    masks = (inside, ImageChops.invert(inside))
    return [Region([(style, 1.0)], mask) for (style, _), mask in zip(styles, masks, strict=False)]


def restrict(regions: list[Region], opaque: Image.Image) -> list[Region]:
    """The regions within a cut-out; `opaque` is its `binary_mask`.

    Raises ImageError if nothing remains of the first.
    """
    masks = [opaque if r.mask is None else ImageChops.multiply(r.mask, opaque) for r in regions]
    if masks[0].getextrema() == (0, 0):
        raise ImageError("the mask is white only where the photo is transparent; paint what is there")
    return [Region(r.styles, mask) for r, mask in zip(regions, masks, strict=True)]


def binary_mask(alpha: Image.Image) -> Image.Image:
    """White wherever a grey alpha channel is not 0."""
    return alpha.point(lambda value: 255 if value else 0)


def feather(mask: Image.Image, size: tuple[int, int]) -> Image.Image:
    """The grey mask at this width and height, with soft edges.

    Raises ImageError if it is black everywhere or nearly so.
    """
    if mask.getextrema() == (0, 0):
        raise ImageError("the mask is black or transparent everywhere; paint the part that counts in white")
    soft = mask.resize(size, Image.Resampling.BILINEAR)
    soft = soft.filter(ImageFilter.GaussianBlur(FEATHER * max(size)))
    _, whitest = soft.getextrema()
    if not isinstance(whitest, tuple) and whitest < MIN_WHITE:
        raise ImageError("the mask has next to nothing in white; paint the part that counts larger, and white")
    return soft


def check_shape(image: Image.Image, name: str, photo: tuple[int, int]) -> None:
    """Raise ImageError if the image's aspect ratio is not that of the photo's width and height.

    It may differ by 3 % or, for very long pictures, by the rounding to whole pixels.
    """
    ratio = image.width / image.height / (photo[0] / photo[1])
    expected = fitted_size(photo, max(image.size))
    error = max(abs(a - b) for a, b in zip(image.size, expected, strict=True))
    if not 0.97 < ratio < 1.03 and error > 1:
        raise ImageError(
            f"{name} is {image.width}x{image.height}, another shape than the photo; make it from this photo"
        )
