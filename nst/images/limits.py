"""Limits of pictures, and the error for a picture that can't be used."""

import os
import re

from nst.errors import InputError

MAX_PIXELS = 100_000_000
MIN_SIDE = 16  # pixels on the shorter side, before and after resizing: five poolings need as many
MAX_QUOTED = 80  # characters of a path in a message; the middle of a longer one is left out

# Path() has removed one of a URL's two slashes; a single letter before the colon is a drive.
_ADDRESS = re.compile(r"(?:[a-z][a-z0-9+.-]+:/|(?:https?|ftp|file|data|s3|gs|hf):|www\.)", re.I)


class ImageError(InputError):
    """A picture that can't be used; the message says what to do, in one sentence."""


def is_address(path: str | os.PathLike[str]) -> bool:
    """Whether this is a URL such as https://..., not the path of a file."""
    return bool(_ADDRESS.match(os.fspath(path)))


def quoted(path: str | os.PathLike[str]) -> str:
    """A path for a message: on one line, and not too long."""
    text = os.fspath(path)
    if len(text) > MAX_QUOTED:
        text = f"{text[: MAX_QUOTED // 2]}...{text[-MAX_QUOTED // 2 :]}"
    return repr(text)


def check_size(size: tuple[int, int], name: str, max_pixels: int = MAX_PIXELS) -> None:
    """Raise ImageError if a picture of this width and height is too large or too small."""
    width, height = size
    if width * height > max_pixels:
        raise ImageError(f"{name} has {width}x{height} pixels; make it smaller than {max_pixels // 10**6} megapixels")
    if min(size) < MIN_SIDE:
        raise ImageError(f"{name} has only {width}x{height} pixels; use one with at least {MIN_SIDE} on each side")
