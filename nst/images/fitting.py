"""Resizes pictures."""

from PIL import Image

from nst.images.limits import MIN_SIDE, ImageError


def fit(image: Image.Image, size: int) -> Image.Image:
    """The image with its longest side at `size` pixels; ImageError if it gets too narrow."""
    width, height = fitted_size(image.size, size)
    if min(width, height) < MIN_SIDE:
        raise ImageError(f"a picture of {image.width}x{image.height} is too narrow at {size} pixels; crop it")
    if (width, height) == image.size:
        return image
    return image.resize((width, height), Image.Resampling.LANCZOS, reducing_gap=3.0)


def fitted_size(shape: tuple[int, int], size: int) -> tuple[int, int]:
    """Width and height of a picture of this width and height, with its longest side at `size`."""
    scale = size / max(shape)
    width, height = (max(1, round(side * scale)) for side in shape)
    return width, height
