"""Resizes pictures."""

from PIL import Image

from nst.images.limits import MIN_SIDE, ImageError


def fit(image: Image.Image, size: int) -> Image.Image:
    """The image with its longest side at `size` pixels; ImageError if it gets too narrow."""
    check_width(image.size, size)
    width, height = fitted_size(image.size, size)
    if (width, height) == image.size:
        return image
    return image.resize((width, height), Image.Resampling.LANCZOS, reducing_gap=3.0)


def check_width(shape: tuple[int, int], size: int) -> None:
    """Raise ImageError if a picture of this width and height gets too narrow with its longest side at `size`."""
    if min(fitted_size(shape, size)) < MIN_SIDE:
        raise ImageError(f"a picture of {shape[0]}x{shape[1]} is too narrow at {size} pixels; crop it")


def fitted_size(shape: tuple[int, int], size: int) -> tuple[int, int]:
    """Width and height of a picture of this width and height, with its longest side at `size`."""
    scale = size / max(shape)
    width, height = (max(1, round(side * scale)) for side in shape)
    return width, height
