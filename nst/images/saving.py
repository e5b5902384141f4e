"""Pictures to files: in formats that keep a painting as it is, and as a whole or not at all."""

import errno
import io
import os
import secrets
import shutil
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from PIL import Image
from PIL.PngImagePlugin import PngInfo

from nst.images.limits import ImageError, is_address, shown

FORMATS = {
    ".png": "PNG",
    ".jpg": "JPEG",
    ".jpeg": "JPEG",
    ".webp": "WEBP",
    ".avif": "AVIF",
    ".tif": "TIFF",
    ".tiff": "TIFF",
    ".bmp": "BMP",
    ".ppm": "PPM",
}
"""By the end of a name: what holds RGB at the same size and can be opened here again."""

_MAX_SIDE = {"WEBP": 16383, "JPEG": 65500, "AVIF": 65536}
_WITH_ALPHA = {"PNG", "WEBP", "AVIF", "TIFF"}
_QUALITY = {"JPEG": 95, "WEBP": 95, "AVIF": 90}

_FULL = {errno.ENOSPC, errno.EDQUOT}
_FIXED = {errno.EACCES, errno.EPERM, errno.EBUSY, errno.EROFS}
"""Nothing can be put beside the file, which may be writable all the same."""


def image_format(
    path: str | os.PathLike[str], size: tuple[int, int] = (1, 1), alpha: bool = False
) -> str:
    """The format a file's name asks for, such as "PNG".

    ImageError if it asks for none of FORMATS, or for one that can't hold a picture of this width
    and height, or transparency where `alpha` is wanted.
    """
    kind = FORMATS.get(Path(path).suffix.lower())
    if kind is None:
        ends = ", ".join(FORMATS)
        raise ImageError(f"{shown(path)} names no format that keeps a painting; end it in {ends}")
    if max(size) > _MAX_SIDE.get(kind, max(size)):
        raise ImageError(
            f"{kind} holds {_MAX_SIDE[kind]} pixels on a side at most, and this is "
            f"{size[0]}x{size[1]}; end {shown(path)} in .png"
        )
    if alpha and kind not in _WITH_ALPHA:
        raise ImageError(f"{kind} holds no transparency; end {shown(path)} in .png or .webp")
    return kind


def save_image(
    image: Image.Image, path: str | os.PathLike[str], text: Mapping[str, str] | None = None
) -> None:
    """Write the image in the format its name asks for; ImageError if that can't be done.

    `text` goes into a PNG's text chunks; other formats leave it out.
    """
    kind = image_format(path, image.size, image.mode == "RGBA")
    options: dict[str, Any] = {"quality": _QUALITY[kind]} if kind in _QUALITY else {}
    if kind == "PNG" and text:
        options["pnginfo"] = PngInfo()
        for key, value in text.items():
            options["pnginfo"].add_text(key, value)
    data = io.BytesIO()
    try:
        image.save(data, kind, **options)
    except (OSError, ValueError) as error:
        raise ImageError(f"{shown(path)} can't be written: {error}") from None
    write_file(path, data.getvalue())


def write_file(path: str | os.PathLike[str], data: bytes) -> None:
    """Write a file as a whole, or leave what was there as it was; ImageError if that can't be done.

    It is written beside its place under another name, and then takes it; a link stays a link.
    """
    try:
        target = Path(os.path.realpath(path))
        beside = target.with_name(f".{secrets.token_hex(6)}.part")
        try:
            beside.write_bytes(data)
            if target.exists():
                shutil.copymode(target, beside)
            beside.replace(target)
        except OSError as error:
            beside.unlink(missing_ok=True)
            if error.errno not in _FIXED or not target.is_file():
                raise
            target.write_bytes(data)
        except BaseException:
            beside.unlink(missing_ok=True)
            raise
    except OSError as error:
        raise ImageError(f"{shown(path)} can't be written: {_reason(error)}") from None
    except ValueError:  # a NUL
        raise ImageError(f"{shown(path)} can't be written; choose another name") from None


def check_writable(path: str | os.PathLike[str]) -> None:
    """Know before the work, not after it, that its result can be kept; ImageError if it can't."""
    if is_address(path):
        raise ImageError(f"{shown(path)} is an address; name a file to write")
    try:
        folder = Path(os.path.realpath(path)).parent
        there = Path(path).stat() if Path(path).exists() else None
        if there is None and not folder.is_dir():
            raise ImageError(
                f"there is no folder {shown(folder)} to write {shown(Path(path).name)} into"
            )
    except (OSError, ValueError) as error:
        if isinstance(error, ImageError):
            raise
        raise ImageError(f"{shown(path)} can't be written; choose another name") from None
    plain = there is None or stat.S_ISREG(there.st_mode)
    if not plain or not (os.access(folder, os.W_OK) or (there and os.access(path, os.W_OK))):
        raise ImageError(f"{shown(path)} can't be written; choose another name")


def _reason(error: OSError) -> str:
    if error.errno in _FULL:
        return "the disk is full; free some space and paint once more"
    return (error.strerror or str(error)).lower()
