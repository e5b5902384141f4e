"""Opens picture files with care; every error is an ImageError whose message says what to do."""

import errno
import io
import os
import stat
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from PIL import EpsImagePlugin, Image, PngImagePlugin, TiffImagePlugin, UnidentifiedImageError

from nst.images import cost
from nst.images.limits import MAX_PIXELS, ImageError, check_size, is_address, quoted
from nst.images.sources import ImageSource, path_or_image

# MPO, which many cameras write, opens as JPEG.
_FORMATS = ("JPEG", "PNG", "WEBP", "AVIF", "GIF", "BMP", "TIFF", "PPM")

MAX_TEXT, MAX_TEXTS = 4_000_000, 16_000_000
"""Bytes of one text in a PNG and of all its texts, decompressed. Programs that generate pictures store their workflow
there, and Pillow's own limit of 1 MB for one text would reject the picture."""

_LARGE = 16_000_000  # pixels of a picture above which only one is decoded at a time
_MAX_WAIT = 60.0  # seconds

# All threads share the machine's memory, and so they share these.
_LARGE_SLOT, _SMALL_SLOTS = threading.Semaphore(1), threading.Semaphore(4)

_TOO_MANY = "can't be opened, since too many files are open; close other programs and try again"
_FORBIDDEN = "may not be read; change the permissions of {path} or use a copy"
_FAILING = "can't be read from its disk; copy {path} to another one and try again"
_MESSAGES = {
    errno.ENOENT: "is not there: no file {path}",
    errno.ENOTDIR: "is not there: {path} leads through a file as if it were a folder",
    errno.EISDIR: "is a folder, not a file: {path}",
    errno.ENAMETOOLONG: "has too long a name; give the file a shorter one than {path}",
    errno.ELOOP: "is a link that leads back to itself; name the file behind it, not {path}",
    errno.EACCES: _FORBIDDEN,
    errno.EPERM: _FORBIDDEN,
    errno.EMFILE: _TOO_MANY,
    errno.ENFILE: _TOO_MANY,
    errno.EIO: _FAILING,
}
"""What a person can do about an error of the system."""

_KINDS = {stat.S_IFIFO: "a pipe", stat.S_IFSOCK: "a socket", stat.S_IFDIR: "a folder"}


@contextmanager
def open_checked(source: ImageSource, name: str = "the picture") -> Iterator[Image.Image]:
    """A picture of an allowed format and size; its pixels are not decoded yet.

    `name` is what an ImageError calls it. Errors of the file are ImageErrors, both here and in the
    `with` block.
    """
    PngImagePlugin.MAX_TEXT_CHUNK, PngImagePlugin.MAX_TEXT_MEMORY = MAX_TEXT, MAX_TEXTS
    TiffImagePlugin.ImageFileDirectory_v2 = cost.BoundedDirectory  # type: ignore[misc]
    try:
        # MAX_PIXELS replaces Pillow's own check; its warnings would only add lines to the log.
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", module=r"PIL\.")
            source = path_or_image(source, name)
            if isinstance(source, Image.Image):
                check_size(source.size, name)
                yield source
                return
            check_plain(source, name)
            with Path(source).open("rb") as file:
                yield _open(file, name)
    except ImageError:
        raise
    except cost.CostlyError:
        raise ImageError(
            f"{name} would take too long to open, as it is stored in an unusual way; save it as a new JPEG or PNG"
        ) from None
    except Image.DecompressionBombError:
        raise ImageError(
            f"{name} has far too many pixels; make it smaller than {MAX_PIXELS // 10**6} megapixels"
        ) from None
    except UnidentifiedImageError:
        raise ImageError(f"{name} is not in a format that can be read; save it as JPEG or PNG and try again") from None
    except MemoryError:
        raise ImageError(f"{name} needs more memory than is free; make it smaller") from None
    except Exception as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise _file_error(error, source, name) from None
        # Pillow reports a damaged file in more ways than can be listed.
        raise ImageError(f"{name} is damaged or incomplete; export or download it once more and try again") from None


def _open(file: IO[bytes], name: str) -> Image.Image:
    cost.check_file(file)
    file = _with_transparent_canvas(file)
    metered = cost.MeteredFile(file, cost.HEADER_READS)
    image = Image.open(metered, formats=_FORMATS)
    check_size(image.size, name)
    cost.check_image(image, file)
    metered.reads_left = cost.DECODER_READS
    return image


def _with_transparent_canvas(file: IO[bytes]) -> IO[bytes]:
    """An animated WebP is transparent where no frame draws; Pillow believes it only with the flag for transparency."""
    head = file.read(21)
    file.seek(0)
    if head[:4] != b"RIFF" or head[8:16] != b"WEBPVP8X" or not head[20] & 2:
        return file
    return io.BytesIO(head[:20] + bytes([head[20] | 16]) + file.read()[21:])


@contextmanager
def decode_slot(size: tuple[int, int]) -> Iterator[None]:
    """Waits until a picture of this width and height may be decoded.

    A picture of 100 megapixels takes a gigabyte for a moment, and visitors may send many at once.
    The wait is bounded: in a process that was forked meanwhile, no thread would release the slot.
    """
    slots = _LARGE_SLOT if size[0] * size[1] > _LARGE else _SMALL_SLOTS
    acquired = slots.acquire(timeout=_MAX_WAIT)
    try:
        yield
    finally:
        if acquired:
            slots.release()


def switch_off_other_formats() -> None:
    """Let this process open only the formats that nst reads.

    Pillow knows some forty formats. EPS starts Ghostscript, and others are rarely maintained. This changes the whole
    process, so it does not happen on import.
    """
    Image.init()
    EpsImagePlugin.gs_binary = False
    for format in {*Image.OPEN} - {*_FORMATS}:
        del Image.OPEN[format]
        Image.ID.remove(format)


def check_plain(path: str | os.PathLike[str], name: str) -> None:
    """Raise ImageError if there is no file, if it may not be read, or if it is a pipe, a socket or a device."""
    try:
        kind = stat.S_IFMT(Path(path).stat().st_mode)
        if not os.access(path, os.R_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    except OSError as error:
        raise _file_error(error, path, name) from None
    except ValueError:  # a NUL, or half of a surrogate pair
        raise ImageError(f"{name} can't be a file: no name may hold what {quoted(path)} does") from None
    if kind != stat.S_IFREG:
        what = _KINDS.get(kind, "a device")
        raise ImageError(f"{name} is {what}, not a file: {quoted(path)}; name a picture's file")


def _file_error(error: OSError, source: ImageSource, name: str) -> ImageError:
    path = source if isinstance(source, str | os.PathLike) else "a picture"
    if is_address(path):
        return ImageError(f"{name} is an address, and only files are taken; save it first, then name its file")
    message = _MESSAGES.get(error.errno or 0, "can't be read: {reason}; try a copy of {path}")
    reason = (error.strerror or str(error)).lower()
    return ImageError(f"{name} {message.format(path=quoted(path), reason=reason)}")
