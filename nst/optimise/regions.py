"""Parts of the picture with styles of their own: what a mask says."""

from dataclasses import dataclass

from PIL import Image, ImageChops, ImageFilter

from nst.images import ImageError

FEATHER = 1 / 150
"""Deviation of the blur on a region's edge, as a share of the picture's longest side."""

Styles = list[tuple[Image.Image, float]]
"""RGB images with their shares, which add up to 1."""


@dataclass(frozen=True)
class Region:
    """A part of the picture, and the styles for it.

    `mask` is grey, of the photo's shape, white where the region is; none: everywhere.
    """

    styles: Styles
    mask: Image.Image | None = None


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


def feathered(mask: Image.Image, size: tuple[int, int]) -> Image.Image:
    """The mask in grey at this width and height, with soft edges.

    Raises ImageError if it is black everywhere or has another shape.
    """
    check_shape(mask, "the mask", size)
    grey = mask.convert("L").resize(size, Image.Resampling.BILINEAR)
    if grey.getextrema() == (0, 0):
        raise ImageError("the mask is black everywhere; paint the part that counts in white")
    return grey.filter(ImageFilter.GaussianBlur(FEATHER * max(size)))


def check_shape(image: Image.Image, name: str, size: tuple[int, int]) -> None:
    """Raise ImageError if width / height differs by more than 3 % from that of `size`."""
    if not 0.97 < image.width / image.height / (size[0] / size[1]) < 1.03:
        raise ImageError(
            f"{name} is {image.width}x{image.height}, another shape than the photo; "
            "make it from this photo"
        )
