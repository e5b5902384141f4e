"""Picture files: opened with care, and what is wrong with one is told in a sentence."""

import errno
import os
import stat
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from PIL import EpsImagePlugin, Image, UnidentifiedImageError

from nst.images.limits import (
    MAX_PIXELS,
    ImageError,
    ImageSource,
    check_size,
    is_address,
    shown,
)
from nst.images.png import without_burden

# MPO, what many cameras write, opens as JPEG.
_FORMATS = ("JPEG", "PNG", "WEBP", "AVIF", "GIF", "BMP", "TIFF", "PPM")

_LARGE = 16_000_000
"""Pixels of a picture that is decoded while no other of its kind is."""

_MAX_PATIENCE = 60.0
"""Seconds."""

_ALONE, _TOGETHER = threading.Semaphore(1), threading.Semaphore(4)
# The machine's memory is one for all threads, and so are these.

_TOO_MANY = "can't be opened, since too many files are open; close other programs and try again"
_FORBIDDEN = "may not be read; change the permissions of {path} or use a copy"
_FAILING = "can't be read from its disk; copy {path} to another one and try again"
_TOLD = {
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
"""What a person can do about what the system says."""

_KINDS = {stat.S_IFIFO: "a pipe", stat.S_IFSOCK: "a socket", stat.S_IFDIR: "a folder"}


@contextmanager
def open_checked(source: ImageSource, name: str = "the picture") -> Iterator[Image.Image]:
    """A picture whose header has been read and whose size is good; no pixel is decoded yet.

    `source` is a path or a PIL image; `name` is what an ImageError calls it. What goes wrong with
    the file, here or in what the `with` block does with the picture, comes as an ImageError.
    """
    try:
        # A bomb is judged by MOST_PIXELS; Pillow's own warnings would only add lines.
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", module=r"PIL\.")
            if isinstance(source, Image.Image):
                check_size(source.size, name)
                yield source
                return
            check_plain(source, name)
            with Path(source).open("rb") as file:
                image = Image.open(without_burden(file), formats=_FORMATS)
                check_size(image.size, name)
                yield image
    except ImageError:
        raise
    except Image.DecompressionBombError:
        raise ImageError(
            f"{name} has far too many pixels; make it smaller than {MAX_PIXELS // 10**6} megapixels"
        ) from None
    except UnidentifiedImageError:
        raise ImageError(
            f"{name} is not in a format that can be read; save it as JPEG or PNG and try again"
        ) from None
    except MemoryError:
        raise ImageError(f"{name} needs more memory than is free; make it smaller") from None
    except Exception as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise _file_error(error, source, name) from None
        # Pillow reports a damaged file in more ways than can be listed.
        raise ImageError(
            f"{name} is damaged or incomplete; export or download it once more and try again"
        ) from None


@contextmanager
def decode_slot(size: tuple[int, int]) -> Iterator[None]:
    """Wait until there is room to decode a picture of this width and height, and take it.

    A picture of 100 megapixels takes a gigabyte for a moment, and visitors may send any number of
    them at once. Nobody waits for ever: in a process that was forked meanwhile, nobody else is left
    to make room.
    """
    turns = _ALONE if size[0] * size[1] > _LARGE else _TOGETHER
    taken = turns.acquire(timeout=_MAX_PATIENCE)
    try:
        yield
    finally:
        if taken:
            turns.release()


def switch_off_other_formats() -> None:
    """Let nothing in this process open a picture that isn't in one of the formats read here.

    Pillow knows some forty; EPS starts Ghostscript, and others are hardly ever looked at. It
    changes the whole process, so importing `nst` doesn't do it.
    """
    Image.init()
    EpsImagePlugin.gs_binary = False
    for kind in {*Image.OPEN} - {*_FORMATS}:
        del Image.OPEN[kind]
        Image.ID.remove(kind)


def check_plain(path: str | os.PathLike[str], name: str) -> None:
    """Raise ImageError for pipes, sockets and devices, which may never end, and for no file."""
    try:
        kind = stat.S_IFMT(Path(path).stat().st_mode)
    except OSError as error:
        raise _file_error(error, path, name) from None
    except ValueError:  # a NUL, or half of a pair of surrogates
        raise ImageError(
            f"{name} can't be a file: no name may hold what {shown(path)} does"
        ) from None
    if kind != stat.S_IFREG:
        told = _KINDS.get(kind, "a device")
        raise ImageError(f"{name} is {told}, not a file: {shown(path)}; name a picture's file")


def _file_error(error: OSError, source: ImageSource, name: str) -> ImageError:
    path = "a picture" if isinstance(source, Image.Image) else source
    if is_address(path):
        return ImageError(
            f"{name} is an address, and only files are taken; save it first, then name its file"
        )
    told = _TOLD.get(error.errno or 0, "can't be read: {reason}; try a copy of {path}")
    reason = (error.strerror or str(error)).lower()
    return ImageError(f"{name} {told.format(path=shown(path), reason=reason)}")
