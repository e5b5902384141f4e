"""Rejects files whose decoding would cost far more than their bytes and pixels suggest.

A decoder can't be stopped, so files are checked first. The limits are no times: a file is rejected on all machines or
on none.
"""

import math
import os
import re
from collections.abc import Callable
from typing import IO, Any

from PIL import Image, TiffImagePlugin

from nst.images import jpeg

MAX_SLOW_VALUES = 2_000_000  # pixels times bands of a picture that Pillow decodes in Python, at 1 to 2 microseconds
MAX_PROFILES = 8  # colour profiles in a PNG; each may expand to megabytes
MAX_COMMENTS = 100  # in a plain PPM; for each, Pillow copies a megabyte
MAX_STRIPS = 100_000  # strips or tiles of a TIFF

HEADER_READS, DECODER_READS = 10_000, 2_000_000
"""How often a file may be read until its header is known, and after that. A read takes about a microsecond, and a
header of many parts is slower than that: Pillow appends each to those before."""

_CHECKS: dict[bytes | tuple[bytes, ...], Callable[[bytes], bool]] = {
    b"\xff\xd8": jpeg.is_costly,
    b"\x89PNG": lambda data: data.count(b"iCCP") > MAX_PROFILES,
    (b"P1", b"P2", b"P3"): lambda data: data.count(b"#") > MAX_COMMENTS,
}
_OFFSETS = TiffImagePlugin.STRIPOFFSETS, TiffImagePlugin.TILEOFFSETS
_COUNTS = TiffImagePlugin.STRIPBYTECOUNTS, 325  # bytes of each strip or tile
_UNUSUAL_FRAME = re.compile(rb"\xff[\xc2\xc3\xc5-\xc7\xc9-\xcb\xcd-\xcf]\0[\x0b\x0e\x11\x14][\x08\x0c]")


class CostlyError(Exception):
    """Decoding this file would take too long, or too much memory."""


class MeteredFile:
    """A file that may be read only so often, and only so many bytes in all; CostlyError after that."""

    def __init__(self, file: IO[bytes], reads: float, total: float = math.inf) -> None:
        self._file, self.reads_left, self._bytes_left = file, reads, total

    def read(self, size: int = -1) -> bytes:
        """Bytes of the file, as its own `read` returns them."""
        data = self._file.read(size)
        self.reads_left -= 1
        self._bytes_left -= len(data)
        if self.reads_left < 0 or self._bytes_left < 0:
            raise CostlyError
        return data

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)


class _FirstWins(dict[int, Any]):
    """libtiff uses the first of two equal tags; Pillow would use the last one, and check that."""

    def __setitem__(self, tag: int, value: Any) -> None:
        self.setdefault(tag, value)


class BoundedDirectory(TiffImagePlugin.ImageFileDirectory_v2):
    """The tags of a TIFF or of EXIF; thousands of them may name the same bytes, and Pillow copies these for each."""

    def reset(self) -> None:
        """Forget all tags."""
        super().reset()
        self._tagdata, self.tagtype = _FirstWins(), _FirstWins()

    def load(self, fp: IO[bytes]) -> None:
        """Read the tags; CostlyError if they are far larger than the file."""
        position, size = fp.tell(), fp.seek(0, os.SEEK_END)
        fp.seek(position)
        super().load(MeteredFile(fp, math.inf, 2 * size + 2**20))  # type: ignore[arg-type]
        if any(len(self._tagdata.get(tag, b"")) > 8 * MAX_STRIPS for tag in _OFFSETS):
            raise CostlyError


def check_file(file: IO[bytes]) -> None:
    """Raise CostlyError for a file that Pillow can't identify or decode in reasonable time."""
    head = file.read(4)
    for magic, is_costly in _CHECKS.items():
        if head.startswith(magic) and is_costly(head + file.read()):
            raise CostlyError
    file.seek(0)


def check_image(image: Image.Image, file: IO[bytes]) -> None:
    """Raise CostlyError for an opened picture of this file whose pixels take too long to decode."""
    values, tiles = image.width * image.height * len(image.getbands()), getattr(image, "tile", [])
    in_python = any(tile[0] in Image.DECODERS for tile in tiles)
    covered = sum((right - left) * (lower - upper) for _, (left, upper, right, lower), *_ in tiles)
    # Bands may be stored apart, each in tiles of its own.
    if covered > values or (in_python and values > MAX_SLOW_VALUES):
        raise CostlyError
    if isinstance(image, TiffImagePlugin.TiffImageFile) and image.use_load_libtiff:
        _check_strips(image, file)


def _check_strips(image: TiffImagePlugin.TiffImageFile, file: IO[bytes]) -> None:
    """Strips of a compressed TIFF may share their bytes, and may be JPEGs of many scans."""
    size = file.seek(0, os.SEEK_END)
    counts = [count for tag in _COUNTS for count in image.tag_v2.get(tag, ())]
    strips = sum(len(image.tag_v2.get(tag, ())) for tag in _OFFSETS)
    if (sum(counts) if counts else strips * size) > 2 * size:
        raise CostlyError
    if "jpeg" in image.info["compression"]:
        file.seek(0)
        if _UNUSUAL_FRAME.search(file.read()):
            raise CostlyError
