"""Converts RGB images to tensors and back."""

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor


def to_tensor(image: Image.Image) -> Tensor:
    """An RGB image as a float32 tensor, 1 x 3 x H x W, 0..1."""
    pixels = torch.from_numpy(np.array(image, dtype=np.float32))
    return pixels.div_(255).permute(2, 0, 1)[None]


def to_image(pixels: Tensor) -> Image.Image:
    """A tensor 1 x 3 x H x W, clamped to 0..1 and rounded to 8 bit."""
    rounded = pixels.detach()[0].clamp(0, 1).mul_(255).round_().to(torch.uint8)
    return Image.fromarray(rounded.permute(1, 2, 0).cpu().contiguous().numpy())


def remainder(pixels: Tensor, image: Image.Image) -> NDArray[np.float32]:
    """The part of the pixels that rounding removed in `to_image`: H x W x 3, -0.5..0.5 of 255."""
    exact = pixels.detach()[0].clamp(0, 1).mul_(255).permute(1, 2, 0).cpu()
    return exact.sub_(torch.from_numpy(np.array(image))).numpy()
