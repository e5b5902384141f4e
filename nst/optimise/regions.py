"""Parts of the picture with styles of their own: what a mask says."""

from dataclasses import dataclass

from PIL import Image, ImageChops, ImageFilter
from torch import Tensor

from nst.images import ImageError, fitted_size
from nst.images.tensors import to_tensor
from nst.optimise.losses import carried_down

FEATHER = 1 / 150
"""Deviation of the blur on a region's edge, as a share of the picture's longest side."""

MIN_WHITE = 8
"""Of 255, in a soft mask's whitest part: less would not be seen."""

Styles = list[tuple[Image.Image, float]]
"""RGB images with their shares, which add up to 1."""


@dataclass(frozen=True)
class Region:
    """A part of the picture, and the styles for it.

    `mask` is grey, of the photo's shape, white where the region is; none: everywhere.
    """

    styles: Styles
    mask: Image.Image | None = None


def region_mask(region: Region, picture: Tensor) -> Tensor | None:
    """The region's share of each pixel of a picture: 1 x 3 x H x W -> 1 x 1 x H x W in 0..1.

    None where the region is the whole picture.
    """
    if region.mask is None:
        return None
    mask = to_tensor(region.mask.convert("RGB"))[:, :1]
    return carried_down(mask, picture).to(picture.device)


def divide(styles: Styles, inside: Image.Image) -> list[Region]:
    """The first style inside the mask, the second, if there is one, around it.

    Raises ValueError for more than two.
    """
    if len(styles) > 2:
        raise ValueError(
            f"with a mask there are one style or two, not {len(styles)}: the first inside, "
            "the second outside"
        )
    masks = (inside, ImageChops.invert(inside))
    return [Region([(style, 1.0)], mask) for (style, _), mask in zip(styles, masks, strict=False)]


def cut_out(regions: list[Region], there: Image.Image) -> list[Region]:
    """The same regions, as far as a cut-out photo is there: white where it is, black elsewhere.

    Raises ImageError if nothing is left of the first.
    """
    masks = [there if r.mask is None else ImageChops.multiply(r.mask, there) for r in regions]
    if masks[0].getextrema() == (0, 0):
        raise ImageError(
            "the mask is white only where the photo is transparent; paint what is there"
        )
    return [Region(r.styles, mask) for r, mask in zip(regions, masks, strict=True)]


def hard(opaque: Image.Image) -> Image.Image:
    """White wherever something of a cut-out is to be seen, black where it is transparent."""
    return opaque.point(lambda value: 255 if value else 0)


def feathered(mask: Image.Image, size: tuple[int, int]) -> Image.Image:
    """The grey mask at this width and height, with soft edges.

    Raises ImageError if it is black everywhere, or nearly so.
    """
    if mask.getextrema() == (0, 0):
        raise ImageError(
            "the mask is black or transparent everywhere; paint the part that counts in white"
        )
    soft = mask.resize(size, Image.Resampling.BILINEAR)
    soft = soft.filter(ImageFilter.GaussianBlur(FEATHER * max(size)))
    _, whitest = soft.getextrema()
    if not isinstance(whitest, tuple) and whitest < MIN_WHITE:
        raise ImageError(
            "the mask has next to nothing in white; paint the part that counts larger, and white"
        )
    return soft


def check_shape(image: Image.Image, name: str, photo: tuple[int, int]) -> None:
    """Raise ImageError if the image is not the photo, of this width and height, at another size.

    3 % of width / height are forgiven, and what rounding to whole pixels does to a ribbon.
    """
    ratio = image.width / image.height / (photo[0] / photo[1])
    at_its_size = fitted_size(photo, max(image.size))
    off = max(abs(a - b) for a, b in zip(image.size, at_its_size, strict=True))
    if not 0.97 < ratio < 1.03 and off > 1:
        raise ImageError(
            f"{name} is {image.width}x{image.height}, another shape than the photo; "
            "make it from this photo"
        )
