"""Writes pictures to files, completely or not at all."""

import errno
import hashlib
import io
import os
import platform
import secrets
import shutil
import stat
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from nst.images import sixteen_bit
from nst.images.limits import ImageError, is_address, quoted

_PROCESSES = Path("/proc")  # where Linux has a folder for each process

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
"""File suffix -> a format that holds RGB at full size and that nst can open."""

_MAX_SIDE = {"WEBP": 16383, "JPEG": 65500, "AVIF": 65536}
_WITH_ALPHA = {"PNG", "WEBP", "AVIF", "TIFF"}
_WITH_RESOLUTION = {"PNG", "JPEG", "TIFF"}
_ENCODER_OPTIONS = {
    "JPEG": {"quality": 95},
    "WEBP": {"quality": 95},
    "AVIF": {"quality": 90},
    "PNG": {"compress_level": 4},  # at Pillow's default of 6 files are as large, and take more time
}

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_FIXED = {errno.EACCES, errno.EPERM, errno.EBUSY, errno.EROFS, errno.EXDEV}
"""The file can't be replaced, but its content perhaps can."""


@dataclass(frozen=True)
class FileOptions:
    """Details of a file that its name does not say."""

    bits: int = 8  # per channel: 8 or 16
    dpi: int | None = None  # pixels per inch, written into the file


def image_format(
    path: str | os.PathLike[str],
    size: tuple[int, int] = (1, 1),
    alpha: bool = False,
    file_options: FileOptions = FileOptions(),
) -> str:
    """The format a file's name asks for, such as "PNG".

    ImageError if it asks for none of FORMATS. ImageError also if the format can't hold this width and height,
    transparency where `alpha` is wanted, or the `file_options`.
    """
    kind = FORMATS.get(Path(path).suffix.lower())
    if kind is None:
        ends = ", ".join(FORMATS)
        raise ImageError(f"{quoted(path)} names no format that keeps a painting; end it in {ends}")
    if max(size) > _MAX_SIDE.get(kind, max(size)):
        raise ImageError(
            f"{kind} holds {_MAX_SIDE[kind]} pixels on a side at most, and this is "
            f"{size[0]}x{size[1]}; end {quoted(path)} in .png"
        )
    if alpha and kind not in _WITH_ALPHA:
        raise ImageError(f"{kind} holds no transparency; end {quoted(path)} in .png or .webp")
    if file_options.bits == 16 and kind not in sixteen_bit.KINDS:
        raise ImageError(f"{kind} holds 8 bits per channel; end {quoted(path)} in .png or .tif")
    if file_options.dpi and kind not in _WITH_RESOLUTION:
        raise ImageError(f"{kind} holds no resolution; end {quoted(path)} in .png, .tif or .jpg")
    return kind


def save_image(
    image: Image.Image,
    path: str | os.PathLike[str],
    text: Mapping[str, str] | None = None,
    file_options: FileOptions = FileOptions(),
    remainder: NDArray[np.float32] | None = None,
) -> None:
    """Write the image in the format its name asks for; ImageError if that can't be done.

    `text` goes into a PNG's text chunks; other formats leave it out. `remainder` is that of a `Frame`, for 16 bits.
    """
    kind = image_format(path, image.size, image.mode == "RGBA", file_options)
    options: dict[str, Any] = dict(_ENCODER_OPTIONS.get(kind, {}))
    if kind == "PNG" and text:
        options["pnginfo"] = PngInfo()
        for key, value in text.items():
            options["pnginfo"].add_text(key, value)
    if file_options.dpi:
        options["dpi"] = (file_options.dpi, file_options.dpi)
    data = io.BytesIO()
    try:
        if file_options.bits == 16:
            data.write(sixteen_bit.encode(image, remainder, kind, options.get("pnginfo"), file_options.dpi))
        else:
            image.save(data, kind, **options)
    except (OSError, ValueError) as error:
        raise ImageError(f"{quoted(path)} can't be written: {error}") from None
    write_file(path, data.getvalue())


def write_file(path: str | os.PathLike[str], data: bytes) -> None:
    """Write a file completely, or leave the existing file as it is; ImageError if that fails."""
    try:
        with _replaced(path) as temporary:
            temporary.write_bytes(data)
    except OSError as error:
        raise write_error(path, error) from None
    except ValueError:  # a NUL
        raise ImageError(f"{quoted(path)} can't be written; choose another name") from None


@contextmanager
def replaced(path: str | os.PathLike[str]) -> Iterator[Path]:
    """A new file with the suffix of `path`, which it replaces at the end.

    After an exception the new file is removed, and the existing one stays as it is. ImageError for errors of the disk.
    """
    try:
        with _replaced(path) as temporary:
            yield temporary
    except OSError as error:
        raise write_error(path, error) from None


@contextmanager
def _replaced(path: str | os.PathLike[str]) -> Iterator[Path]:
    target = Path(os.path.realpath(path))  # a link stays a link
    folder = target.parent
    if target.is_file() and not os.access(folder, os.W_OK):
        folder = Path(tempfile.gettempdir())
    key = hashlib.sha256(os.fsencode(f"{platform.node()} {target.name}")).hexdigest()[:12]
    _remove_abandoned(folder, key)
    temporary = folder / f".{key}-{os.getpid()}-{secrets.token_hex(4)}{target.suffix}"
    try:
        yield temporary
        if target.exists():
            shutil.copymode(target, temporary)
        try:
            temporary.replace(target)
        except OSError as error:
            if error.errno not in _FIXED or not target.is_file():
                raise
            _overwrite(target, temporary)
    finally:
        temporary.unlink(missing_ok=True)


def _overwrite(target: Path, new: Path) -> None:
    """Copy the content of a new file into an existing one, which keeps its content if that fails."""
    before = new.with_suffix(".bak")
    try:
        shutil.copyfile(target, before)
        try:
            shutil.copyfile(new, target)
        except OSError:
            shutil.copyfile(before, target)
            raise
    finally:
        before.unlink(missing_ok=True)


def _remove_abandoned(folder: Path, key: str) -> None:
    """Remove the files that processes of this machine were writing when they were killed; Linux only."""
    if _PROCESSES.exists():
        for file in folder.glob(f".{key}-*-*"):
            if not (_PROCESSES / file.name.split("-")[1]).exists():
                file.unlink(missing_ok=True)


def check_writable(path: str | os.PathLike[str]) -> None:
    """Raise ImageError, before any work, if a file can't be written."""
    if is_address(path):
        raise ImageError(f"{quoted(path)} is an address; name a file to write")
    try:
        folder = Path(os.path.realpath(path)).parent
        existing = Path(path).stat() if Path(path).exists() else None
        if existing is None and not folder.is_dir():
            raise ImageError(f"there is no folder {quoted(folder)} to write {quoted(Path(path).name)} into")
    except (OSError, ValueError) as error:
        if isinstance(error, ImageError):
            raise
        raise ImageError(f"{quoted(path)} can't be written; choose another name") from None
    regular = existing is None or stat.S_ISREG(existing.st_mode)
    if not regular or not (os.access(folder, os.W_OK) or (existing and os.access(path, os.W_OK))):
        raise ImageError(f"{quoted(path)} can't be written; choose another name")


def write_error(path: str | os.PathLike[str], error: OSError) -> ImageError:
    """The error for a file that the system does not write."""
    reason = (error.strerror or str(error)).lower()
    if error.errno in _FULL:
        reason = "the disk is full; free some space and paint once more"
    return ImageError(f"{quoted(path)} can't be written: {reason}")
