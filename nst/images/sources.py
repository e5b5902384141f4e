"""Pictures as programs pass them: a path, a PIL image or a NumPy array."""

import os
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from nst.images.limits import ImageError, check_size

ImageSource = str | os.PathLike[str] | Image.Image | NDArray[Any]
"""Arrays are H x W (grey) or H x W x 3 or 4 (RGB or RGBA): uint8 in 0..255, floats in 0..1, or bool."""


def path_or_image(source: ImageSource, name: str) -> str | os.PathLike[str] | Image.Image:
    """The source, with an array as a PIL image. ImageError for a wrong array and for other types."""
    if isinstance(source, np.ndarray):
        return _from_array(np.asarray(source), name)  # of a subclass, the pixels alone
    if isinstance(source, Image.Image) or (
        isinstance(source, str | os.PathLike) and isinstance(os.fspath(source), str)
    ):
        return source
    raise ImageError(
        f"{name} is of type {type(source).__name__}; pass a path, a PIL image or a NumPy array{_conversion(source)}"
    )


def _conversion(source: Any) -> str:
    """How to make a source of what people often have instead."""
    if isinstance(source, bytes | bytearray | memoryview):
        return ", such as PIL.Image.open(io.BytesIO(data))"
    if hasattr(source, "read"):
        return ", such as PIL.Image.open(file)"
    if hasattr(source, "permute"):
        return ", such as tensor.permute(1, 2, 0).numpy(force=True)"
    return ""


def _from_array(array: NDArray[Any], name: str) -> Image.Image:
    if array.ndim != 2 and (array.ndim != 3 or array.shape[2] not in (3, 4)):
        raise ImageError(f"{name} is an array of shape {array.shape}; pass H x W, H x W x 3 or H x W x 4")
    check_size((array.shape[1], array.shape[0]), name)
    if array.dtype == np.uint8:
        return Image.fromarray(array)
    if array.dtype.kind not in "fb":
        raise ImageError(f"{name} is an array of {array.dtype}; pass uint8 from 0 to 255, or floats from 0 to 1")
    low, high = array.min(), array.max()
    if not (low >= 0 and high <= 1):  # false for NaN, too
        raise ImageError(f"{name} is an array of floats from {low:.4g} to {high:.4g}; scale them to 0 to 1")
    return Image.fromarray((array * np.float32(255)).round().astype(np.uint8))
