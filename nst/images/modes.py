"""Converts all of Pillow's modes to RGB in sRGB, and opacity."""

import io
import math
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageChops, ImageCms

_SRGB = ImageCms.createProfile("sRGB")

_GREY = {"1", "L", "LA", "La"}
_NO_KEY = {"CMYK", "YCbCr", "LAB", "HSV"}  # modes without a transparent colour, whatever `info` says
_BAND = 256  # rows of a picture that are converted together
_PROFILED = {"GRAY": "L", "RGB": "RGB", "CMYK": "CMYK"}  # colour space of a profile -> the mode that it applies to


def scale_key(image: Image.Image) -> None:
    """Before a PNG is decoded, scale its transparent colour to the bits of the decoded pixels."""
    _remove_texts(image)
    key, tiles = image.info.get("transparency"), getattr(image, "tile", None)
    raw = tiles[0].args if tiles else ""
    if raw == "RGB;16B" and isinstance(key, tuple):
        image.info["transparency"] = tuple(value >> 8 for value in key)
    elif raw in ("L;2", "L;4") and isinstance(key, int):
        image.info["transparency"] = key * (85 if raw == "L;2" else 17)


def embedded_profile(image: Image.Image) -> bytes | None:
    """The colour profile of a decoded picture; Lab values need none."""
    profile = image.info.get("icc_profile")
    return profile if isinstance(profile, bytes) and image.mode != "LAB" else None


def _remove_texts(image: Image.Image) -> None:
    """A PNG may hold a text called "transparency", which Pillow stores like the real one."""
    for key in ("transparency", "icc_profile"):
        if isinstance(image.info.get(key), str):
            del image.info[key]


def normalise_mode(image: Image.Image) -> Image.Image:
    """A copy of a decoded picture in L, LA, RGB, RGBA or CMYK."""
    key = image.info.get("transparency")
    if image.mode.startswith("I") or image.mode == "F":
        grey = _to_8_bit(image)
        if isinstance(key, int):
            visible: NDArray[Any] = np.asarray(image) != key
            grey.putalpha(Image.fromarray(visible.astype(np.uint8) * 255))
        return grey
    if image.mode == "CMYK":
        return image.copy()
    if image.has_transparency_data and image.mode not in _NO_KEY:
        try:
            # La has no other conversion.
            return image.convert("LA" if image.mode in _GREY else "RGBA")
        except (ValueError, TypeError):  # the key does not fit the picture
            image = image.copy()
            del image.info["transparency"]
    return image.convert("L" if image.mode in _GREY else "RGB")


def split(image: Image.Image, profile: bytes | None) -> tuple[Image.Image, Image.Image | None]:
    """A normalised picture in this profile -> RGB in sRGB, and its opacity (None if opaque)."""
    if image.mode not in {"LA", "RGBA"}:
        return to_srgb(image, profile), None
    opacity = image.getchannel("A")
    colour = image.getchannel("L") if image.mode == "LA" else image.convert("RGB")
    return to_srgb(colour, profile), None if opacity.getextrema() == (255, 255) else opacity


def to_srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    """A picture in L, RGB or CMYK -> RGB in sRGB; a profile that doesn't fit is ignored."""
    # Little CMS computes all steps of an mpet tag for 36,000 colours, and it may hold any number of them.
    if not profile or b"mpet" in profile:
        return image if image.mode == "RGB" else image.convert("RGB")
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        mode = _PROFILED[source.profile.xcolor_space.strip()]
        if mode == "L" and image.mode == "RGB":
            red, green, blue = image.split()
            if ImageChops.difference(red, green).getbbox() or ImageChops.difference(red, blue).getbbox():
                return image
            image = red
        if (mode == "CMYK") != (image.mode == "CMYK"):
            return image.convert("RGB")
        converted = ImageCms.profileToProfile(image.convert(mode), source, _SRGB, outputMode="RGB")
    except (ImageCms.PyCMSError, KeyError, OSError, TypeError, ValueError):
        return image.convert("RGB")
    return converted if converted is not None else image.convert("RGB")


def _to_8_bit(image: Image.Image) -> Image.Image:
    """Grey of more than 8 bits in 8 bits, where Pillow would clip.

    16 bits are scaled, even in a 32-bit mode; values up to 255 stay; all others are stretched to their range. The
    picture is converted in bands: in float64 it would be eight times as large.
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
    """The smallest and the largest finite value; zeros if there is none."""
    low, high = math.inf, -math.inf
    for band in bands:
        finite = band[np.isfinite(band)]
        if finite.size:
            low, high = min(low, float(finite.min())), max(high, float(finite.max()))
    return (low, high) if low <= high else (0.0, 0.0)
