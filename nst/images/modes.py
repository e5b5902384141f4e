"""Pillow's modes, all of them, to RGB in sRGB and how opaque it is."""

import io
import math
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageChops, ImageCms

_SRGB = ImageCms.createProfile("sRGB")

_GREY = {"1", "L", "LA", "La"}
_NO_KEY = {"CMYK", "YCbCr", "LAB", "HSV"}
"""Modes that no file has a transparent colour in, whatever their `info` says."""

_BAND = 256
"""Rows of a picture that are looked at together."""

_PROFILED = {"GRAY": "L", "RGB": "RGB", "CMYK": "CMYK"}
"""The mode that a profile of a colour space is for."""


def scale_key(image: Image.Image) -> None:
    """Before a PNG is decoded: its transparent colour in the bits of the pixels to come."""
    key, tiles = image.info.get("transparency"), getattr(image, "tile", None)
    raw = tiles[0].args if tiles else ""
    if raw == "RGB;16B" and isinstance(key, tuple):
        image.info["transparency"] = tuple(value >> 8 for value in key)
    elif raw in ("L;2", "L;4") and isinstance(key, int):
        image.info["transparency"] = key * (85 if raw == "L;2" else 17)


def normalise_mode(image: Image.Image) -> Image.Image:
    """A copy of a decoded picture in L, LA, RGB, RGBA or CMYK."""
    key = image.info.get("transparency")
    if image.mode.startswith("I") or image.mode == "F":
        grey = _to_8_bit(image)
        if isinstance(key, int):
            there: NDArray[Any] = np.asarray(image) != key
            grey.putalpha(Image.fromarray(there.astype(np.uint8) * 255))
        return grey
    if image.mode == "CMYK":
        return image.copy()
    if image.has_transparency_data and image.mode not in _NO_KEY:
        try:
            # There is no way from La but this.
            return image.convert("LA" if image.mode in _GREY else "RGBA")
        except (ValueError, TypeError):  # a key that doesn't fit its picture is as good as none
            image = image.copy()
            del image.info["transparency"]
    return image.convert("L" if image.mode in _GREY else "RGB")


def split(image: Image.Image, profile: bytes | None) -> tuple[Image.Image, Image.Image | None]:
    """A `plain` picture in this profile -> RGB in sRGB, and how opaque it is; None: everywhere."""
    if image.mode not in {"LA", "RGBA"}:
        return to_srgb(image, profile), None
    opaque = image.getchannel("A")
    colour = image.getchannel("L") if image.mode == "LA" else image.convert("RGB")
    return to_srgb(colour, profile), None if opaque.getextrema() == (255, 255) else opaque


def to_srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    """RGB in sRGB of a picture in L, RGB or CMYK; a profile that doesn't fit is as good as none."""
    if not profile:
        return image if image.mode == "RGB" else image.convert("RGB")
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        mode = _PROFILED[source.profile.xcolor_space.strip()]
        if mode == "L" and image.mode == "RGB":
            red, green, blue = image.split()
            if (
                ImageChops.difference(red, green).getbbox()
                or ImageChops.difference(red, blue).getbbox()
            ):
                return image
            image = red
        if (mode == "CMYK") != (image.mode == "CMYK"):
            return image.convert("RGB")
        converted = ImageCms.profileToProfile(image.convert(mode), source, _SRGB, outputMode="RGB")
    except (ImageCms.PyCMSError, KeyError, OSError, TypeError, ValueError):
        return image.convert("RGB")
    return converted if converted is not None else image.convert("RGB")


def _to_8_bit(image: Image.Image) -> Image.Image:
    """Grey of more than 8 bits: Pillow would clip it.

    16 bits are scaled, also where 32 hold them; what fits into 8 stays; all else is stretched. Band
    by band: the whole picture in float64 would be eight times as large as what comes out.
    """
    pixels: NDArray[Any] = np.asarray(image)
    bands = [slice(top, top + _BAND) for top in range(0, len(pixels), _BAND)]
    low, high = _extremes([pixels[rows] for rows in bands])
    grey = np.empty(pixels.shape, np.uint8)
    for rows in bands:
        band = pixels[rows].astype(np.float64)
        if image.mode == "F" or low < 0 or high > 65535:
            band = np.nan_to_num(band, nan=low, posinf=high, neginf=low)
            band = (band - low) / ((high - low) or 1.0) * 255
        elif image.mode != "I" or high > 255:
            band /= 257
        grey[rows] = band.round().clip(0, 255)
    return Image.fromarray(grey)


def _extremes(bands: list[NDArray[Any]]) -> tuple[float, float]:
    """The least and the largest finite number, or zeros where there is none."""
    low, high = math.inf, -math.inf
    for band in bands:
        finite = band[np.isfinite(band)]
        if finite.size:
            low, high = min(low, float(finite.min())), max(high, float(finite.max()))
    return (low, high) if low <= high else (0.0, 0.0)
