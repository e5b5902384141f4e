"""Sizes, and RGB images as tensors."""

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from nst.images.limits import LEAST_SIDE, ImageError


def fit(image: Image.Image, size: int) -> Image.Image:
    """The image with its longest side at `size` pixels; ImageError if it gets too narrow."""
    width, height = fitted_size(image.size, size)
    if min(width, height) < LEAST_SIDE:
        raise ImageError(
            f"a picture of {image.width}x{image.height} is too narrow at {size} pixels; "
            "crop it or choose a larger size"
        )
    if (width, height) == image.size:
        return image
    return image.resize((width, height), Image.Resampling.LANCZOS, reducing_gap=3.0)


def fitted_size(shape: tuple[int, int], size: int) -> tuple[int, int]:
    """Width and height of a picture of this width and height, with its longest side at `size`."""
    scale = size / max(shape)
    width, height = (max(1, round(side * scale)) for side in shape)
    return width, height


def to_tensor(image: Image.Image) -> Tensor:
    """An RGB image as a float32 tensor, 1 x 3 x H x W, 0..1."""
    pixels = torch.from_numpy(np.array(image, dtype=np.float32))
    return pixels.div_(255).permute(2, 0, 1)[None]


def to_image(pixels: Tensor) -> Image.Image:
    """A tensor 1 x 3 x H x W, clamped to 0..1 and rounded to 8 bit."""
    rounded = pixels.detach()[0].clamp(0, 1).mul(255).round().to(torch.uint8)
    return Image.fromarray(rounded.permute(1, 2, 0).cpu().contiguous().numpy())
