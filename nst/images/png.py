"""PNG files less what their pictures don't need: Pillow gives up a sound picture for a note in it.

A text of more than 1 MB, many texts, a profile that is too large, a broken note: each of them lets
Pillow refuse the file. Here a file is read without them.
"""

import bisect
import io
import itertools
import zlib
from collections.abc import Iterator
from typing import BinaryIO

from PIL.PngImagePlugin import MAX_TEXT_CHUNK

SIGNATURE = b"\x89PNG\r\n\x1a\n"

MAX_NOTED = 8_000_000
"""Bytes of all notes of a file together, unpacked; Pillow's own limit for one is 1 MB."""

# A painting's memory, and where programs keep the orientation. Other texts are of no use here, and
# some would be taken for facts about the picture: Pillow keeps "transparency" beside its own.
_TEXTS = (b"nst", b"Raw profile type exif", b"XML:com.adobe.xmp")

_NOTES = {b"tRNS", b"iCCP", b"eXIf", b"tEXt", b"zTXt", b"iTXt"}

_KEYS = {0: range(2, 3), 2: range(6, 7), 3: range(1, 257)}
"""Lengths of a tRNS chunk, by colour type."""

_MAX_LENGTH = 2**31 - 1


def without_burden(file: BinaryIO) -> BinaryIO:
    """The same picture in a PNG of what it needs; a file of another format as it is.

    Notes (profile, transparency, orientation, texts) are kept where they are sound and can be held,
    and come before the pixels, so that a header tells all. Nothing is copied.
    """
    start = file.tell()
    if file.read(len(SIGNATURE)) != SIGNATURE:
        file.seek(start)
        return file
    head: list[tuple[int, int]] = [(start, len(SIGNATURE))]
    notes: list[tuple[int, int]] = []
    data: list[tuple[int, int]] = []
    colour_type, noted = -1, 0
    for kind, place, length in _chunks(file):
        whole = (place - 8, length + 12)
        if kind == b"IHDR":
            file.seek(place + 9)
            colour_type = (file.read(1) or b"\0")[0]
        if not kind[0] & 0x20:  # a capital: the picture can't do without it
            (data if data or kind in (b"IDAT", b"IEND") else head).append(whole)
        elif noted < MAX_NOTED and (size := _size_of_note(file, kind, place, length, colour_type)):
            noted += size
            notes.append(whole)
    return io.BufferedReader(_Parts(file, head + notes + data))


def _chunks(file: BinaryIO) -> Iterator[tuple[bytes, int, int]]:
    """Kind, place of the contents and their length, of each chunk until the end."""
    place = file.tell()
    while len(header := file.read(8)) == 8:
        length, kind = int.from_bytes(header[:4]), header[4:]
        if length > _MAX_LENGTH:
            return
        yield kind, place + 8, length
        if kind == b"IEND":
            return
        place += length + 12
        file.seek(place)


def _size_of_note(file: BinaryIO, kind: bytes, place: int, length: int, colour_type: int) -> int:
    """Bytes that a note takes, unpacked; 0 if it is of no use, broken or too large."""
    if kind not in _NOTES or length > MAX_NOTED:
        return 0
    file.seek(place)
    note, check = file.read(length), file.read(4)
    if len(note) < length or zlib.crc32(kind + note) != int.from_bytes(check):
        return 0
    if kind == b"tRNS":
        return length if length in _KEYS.get(colour_type, ()) else 0
    if kind == b"eXIf":
        return length
    key, _, rest = note.partition(b"\0")
    if kind != b"iCCP" and key not in _TEXTS:
        return 0
    if kind == b"tEXt":
        return length if length <= MAX_TEXT_CHUNK else 0
    if kind == b"iTXt":
        flag, method, rest = rest[:1], rest[1:2], rest[2:].partition(b"\0")[2].partition(b"\0")[2]
        if flag == b"\0":
            return length if length <= MAX_TEXT_CHUNK else 0
    else:
        method, rest = rest[:1], rest[1:]
    size = _unpacked_size(rest) if method == b"\0" else 0
    return size and length + size


def _unpacked_size(packed: bytes) -> int:
    """Bytes of what is packed, 0 if it is broken or larger than Pillow takes."""
    unpacking = zlib.decompressobj()
    try:
        size = len(unpacking.decompress(packed, MAX_TEXT_CHUNK))
    except zlib.error:
        return 0
    return 0 if unpacking.unconsumed_tail else size


class _Parts(io.RawIOBase):
    """Parts of a file, each a place and a length, as a file of its own."""

    def __init__(self, file: BinaryIO, parts: list[tuple[int, int]]) -> None:
        self._file, self._parts, self._at = file, parts, 0
        self._ends = list(itertools.accumulate(length for _, length in parts))

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        origin = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._ends[-1]}[whence]
        self._at = max(0, origin + offset)
        return self._at

    def tell(self) -> int:
        return self._at

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        number = bisect.bisect_right(self._ends, self._at)
        if number == len(self._parts):
            return 0
        place, length = self._parts[number]
        left = self._ends[number] - self._at
        self._file.seek(place + length - left)
        found = self._file.read(min(left, len(buffer)))
        buffer[: len(found)] = found
        self._at += len(found)
        return len(found)
