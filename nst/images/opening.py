"""Files, RGB images and tensors: safe decoding, sizes, saving."""

import io
import os
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageCms, ImageOps, UnidentifiedImageError
from PIL.PngImagePlugin import PngInfo
from torch import Tensor

MOST_PIXELS = 100_000_000
LEAST_SIDE = 16
"""Pixels: what five poolings need; a picture's shorter side may not be less, nor become less."""

# MPO, what many cameras write, opens as JPEG.
_FORMATS = ("JPEG", "PNG", "WEBP", "AVIF", "GIF", "BMP", "TIFF", "PPM")
_SRGB = ImageCms.createProfile("sRGB")

ImageSource = str | os.PathLike[str] | Image.Image


class ImageError(ValueError):
    """A picture that can't be used; the message says what to do, in one sentence."""


def open_image(source: ImageSource, name: str = "the picture") -> Image.Image:
    """An RGB image as a person sees it: upright, in sRGB, first frame, transparency on white.

    `source` is a path or a PIL image of any mode; `name` is what an ImageError calls it.
    """
    return _to_rgb(_upright(_load(source, name)))


def open_alpha(source: ImageSource, name: str = "the picture") -> Image.Image:
    """How opaque a picture is, in grey: 0 is transparent, 255 opaque."""
    return _load(source, name).convert("RGBA").getchannel("A")


def upright_size(source: ImageSource, name: str = "the picture") -> tuple[int, int]:
    """Width and height as `open_image` would return them, from the file's header alone."""
    with _opened(source, name) as image:
        try:
            turned = image.getexif().get(ORIENTATION, 1) in SIDEWAYS
        except Exception:  # damaged EXIF comes as any error; the picture itself is fine
            turned = False
        size = image.size
        if image is not source:
            image.close()
    return (size[1], size[0]) if turned else size


ORIENTATION = 274
SIDEWAYS = {5, 6, 7, 8}
"""EXIF's tag, and its values for pictures that lie on a side."""


def _load(source: ImageSource, name: str) -> Image.Image:
    with _opened(source, name) as image:
        image.load()
    return image


@contextmanager
def _opened(source: ImageSource, name: str) -> Iterator[Image.Image]:
    """A picture with its size checked; what goes wrong with its file is told as an ImageError."""
    try:
        # A bomb is judged by MOST_PIXELS below; Pillow's own warning would only add noise.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            image = (
                source if isinstance(source, Image.Image) else Image.open(source, formats=_FORMATS)
            )
            _check_size(image.size, name)
            yield image
    except ImageError:
        raise
    except Image.DecompressionBombError:
        raise ImageError(
            f"{name} has far too many pixels; "
            f"make it smaller than {MOST_PIXELS // 10**6} megapixels"
        ) from None
    except FileNotFoundError:
        raise ImageError(f"{name} is not there: no file {str(source)!r}") from None
    except IsADirectoryError:
        raise ImageError(f"{name} is a folder, not a file: {str(source)!r}") from None
    except UnidentifiedImageError:
        raise ImageError(
            f"{name} is not in a format that can be read; save it as JPEG or PNG and try again"
        ) from None
    except (OSError, ValueError, SyntaxError, EOFError):
        # Pillow reports a damaged file in all of these ways.
        raise ImageError(
            f"{name} is damaged or incomplete; export or download it once more and try again"
        ) from None


def fit(image: Image.Image, size: int) -> Image.Image:
    """The image with its longest side at `size` pixels; ImageError if it gets too narrow."""
    scale = size / max(image.size)
    width, height = (max(1, round(side * scale)) for side in image.size)
    if min(width, height) < LEAST_SIDE:
        raise ImageError(
            f"a picture of {image.width}x{image.height} is too narrow at {size} pixels; "
            "crop it or choose a larger size"
        )
    if (width, height) == image.size:
        return image
    return image.resize((width, height), Image.Resampling.LANCZOS, reducing_gap=3.0)


def to_tensor(image: Image.Image) -> Tensor:
    """An RGB image as a float32 tensor, 1 x 3 x H x W, 0..1."""
    pixels = torch.from_numpy(np.array(image, dtype=np.float32))
    return pixels.div_(255).permute(2, 0, 1)[None]


def to_image(pixels: Tensor) -> Image.Image:
    """A tensor 1 x 3 x H x W, clamped to 0..1 and rounded to 8 bit."""
    rounded = pixels.detach()[0].clamp(0, 1).mul(255).round().to(torch.uint8)
    return Image.fromarray(rounded.permute(1, 2, 0).cpu().contiguous().numpy())


def image_format(path: str | os.PathLike[str]) -> str:
    """The format a file's name asks for, such as "PNG"; ImageError if it asks for none."""
    try:
        return Image.registered_extensions()[Path(path).suffix.lower()]
    except KeyError:
        raise ImageError(f"{str(path)!r} names no image format; end it in .png or .jpg") from None


def save_image(
    image: Image.Image, path: str | os.PathLike[str], text: Mapping[str, str] | None = None
) -> None:
    """Write the image in the format its name asks for; ImageError if that can't be done.

    `text` goes into a PNG's text chunks; other formats leave it out.
    """
    kind = image_format(path)
    options: dict[str, Any] = {"quality": 95} if kind in {"JPEG", "WEBP"} else {}
    if kind == "PNG" and text:
        options["pnginfo"] = PngInfo()
        for key, value in text.items():
            options["pnginfo"].add_text(key, value)
    data = io.BytesIO()
    try:
        # Encoded before the file is opened, so that a failure leaves no half of a picture.
        image.save(data, kind, **options)
        Path(path).write_bytes(data.getvalue())
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ImageError(f"{str(path)!r} can't be written: {reason}") from None


def _check_size(size: tuple[int, int], name: str) -> None:
    width, height = size
    if width * height > MOST_PIXELS:
        raise ImageError(
            f"{name} has {width}x{height} pixels; make it smaller than "
            f"{MOST_PIXELS // 10**6} megapixels"
        )
    if min(size) < LEAST_SIDE:
        raise ImageError(
            f"{name} has only {width}x{height} pixels; "
            f"use one with at least {LEAST_SIDE} on each side"
        )


def _upright(image: Image.Image) -> Image.Image:
    try:
        return ImageOps.exif_transpose(image)
    except Exception:  # damaged EXIF comes as any error; the picture itself is fine
        return image


def _to_rgb(image: Image.Image) -> Image.Image:
    profile = image.info.get("icc_profile")
    if image.mode.startswith("I") or image.mode == "F":
        image = _to_8_bit(image)
    if image.has_transparency_data:
        layer = image.convert("RGBA")
        image = Image.new("RGB", layer.size, "white")
        image.paste(layer, mask=layer.getchannel("A"))
    if profile and image.mode in {"RGB", "CMYK", "L"}:
        try:
            source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            converted = ImageCms.profileToProfile(image, source, _SRGB, outputMode="RGB")
            return converted if converted is not None else image.convert("RGB")
        except (ImageCms.PyCMSError, OSError, ValueError):
            pass  # a profile that doesn't fit its picture is as good as none
    return image.convert("RGB")


def _to_8_bit(image: Image.Image) -> Image.Image:
    """Grey of more than 8 bits: Pillow would clip it. 16 bits are scaled, floats stretched."""
    grey: NDArray[np.floating] = np.asarray(image, dtype=np.float32)
    if image.mode == "F":
        low, high = float(np.nanmin(grey)), float(np.nanmax(grey))
        grey = (np.nan_to_num(grey, nan=low) - low) / ((high - low) or 1.0) * 255
    else:
        grey = grey / 257
    return Image.fromarray(grey.round().clip(0, 255).astype(np.uint8))
