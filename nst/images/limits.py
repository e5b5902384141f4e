"""What a picture may be, where it may come from, and how people are told that one may not."""

import os
import re

from PIL import Image

MAX_PIXELS = 100_000_000
MIN_SIDE = 16
"""Pixels: what five poolings need; a picture's shorter side may not be less, nor become less."""

MAX_SHOWN = 80
"""Characters of a path in a message; of a longer one the middle is left out."""

ImageSource = str | os.PathLike[str] | Image.Image

# Paths have lost one of an address's two slashes by now; one letter before the colon is a drive.
_ADDRESS = re.compile(r"(?:[a-z][a-z0-9+.-]+:/|(?:https?|ftp|file|data|s3|gs|hf):|www\.)", re.I)


class ImageError(ValueError):
    """A picture that can't be used; the message says what to do, in one sentence."""


def is_address(path: str | os.PathLike[str]) -> bool:
    """Whether this is an address, such as https://..., and no file's path."""
    return bool(_ADDRESS.match(os.fspath(path)))


def shown(path: str | os.PathLike[str]) -> str:
    """A path as messages quote it: in one line, and not too long."""
    text = os.fspath(path)
    if len(text) > MAX_SHOWN:
        text = f"{text[: MAX_SHOWN // 2]}...{text[-MAX_SHOWN // 2 :]}"
    return repr(text)


def check_size(size: tuple[int, int], name: str) -> None:
    """Raise ImageError if a picture of this width and height is too large or too small."""
    width, height = size
    if width * height > MAX_PIXELS:
        raise ImageError(
            f"{name} has {width}x{height} pixels; make it smaller than "
            f"{MAX_PIXELS // 10**6} megapixels"
        )
    if min(size) < MIN_SIDE:
        raise ImageError(
            f"{name} has only {width}x{height} pixels; "
            f"use one with at least {MIN_SIDE} on each side"
        )
