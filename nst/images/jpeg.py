"""JPEGs in their segments: what their scans cost, and whether only the end marker (EOI) is missing."""

import io
import re
from collections.abc import Callable, Iterator

from PIL import Image

MAX_BLOCKS = 48_000_000
"""Blocks of 8 x 8 samples that all scans together may visit. A progressive photo of 100 megapixels in the usual ten
scans visits 22 million. A block takes up to 65 ns."""

MAX_SEGMENTS, MAX_EXIF = 5_000, 2**20  # segments before the end marker, and bytes of EXIF in them
_ARITHMETIC = 64  # cost of a block in arithmetic coding: it may hold thousands of decisions in no byte at all

_END, _SCAN, _APP1 = b"\xff\xd9", 0xDA, 0xE1
_FRAMES = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}

_PROBE = bytes(range(0x13, 0xF3, 7)) * 8  # bytes that do not occur in picture data
_PADDING = 16  # zeros at the end: recovery programs fill lost parts of a memory card with them

_MARK = re.compile(rb"\xff([^\x00\x01\xd0-\xd7\xff])", re.DOTALL)


def recover_missing_eoi(data: bytes, prepare: Callable[[Image.Image], None]) -> Image.Image | None:
    """The picture of a JPEG that lacks its end marker; None if pixels are missing as well.

    It is decoded twice: with the marker after the data, and with other bytes between them. If
    pixels are missing, the two pictures differ. `prepare` is called with each before decoding.
    """
    if data.endswith(bytes(_PADDING)) or is_costly(data, decodings=2) or not _has_every_scan(data):
        return None
    pictures = []
    for more in (b"", _PROBE):
        image = Image.open(io.BytesIO(data.rstrip(b"\xff") + more + _END), formats=["JPEG"])
        prepare(image)
        image.load()
        pictures.append(image)
    return pictures[0] if pictures[0].tobytes() == pictures[1].tobytes() else None


def is_costly(data: bytes, decodings: int = 1) -> bool:
    """Whether so many decodings take far longer than those of a usual JPEG with as many pixels."""
    blocks = visited = exif = 0
    for number, (kind, segment) in enumerate(_segments(data)):
        if kind in _FRAMES:
            height, width = (int.from_bytes(segment[place : place + 2]) for place in (1, 3))
            blocks = -(-height // 8) * -(-width // 8) * (_ARITHMETIC if kind > 0xC8 else 1)
        elif kind == _SCAN:
            visited += blocks * int.from_bytes(segment[:1])  # times the components of the scan
        elif kind == _APP1 and segment.startswith(b"Exif"):
            exif += len(segment)
        if number > MAX_SEGMENTS or visited * decodings > MAX_BLOCKS or exif > MAX_EXIF:
            return True
    return False


def _has_every_scan(data: bytes) -> bool:
    """Whether the scans contain each coefficient of each component, to the last bit.

    A progressive JPEG encodes the picture in several scans of increasing precision.
    """
    missing = {(0, 0): 1}
    for kind, segment in _segments(data):
        if kind in {0xC0, 0xC1, 0xC2}:
            components = [segment[6 + 3 * n] for n in range(segment[5])]
            missing = {(component, k): 1 for component in components for k in range(64)}
        elif kind == _SCAN:
            count = segment[0]
            first, last, bits = segment[1 + 2 * count : 4 + 2 * count]
            for n in range(count):
                for k in range(first, last + 1):
                    missing[segment[1 + 2 * n], k] = bits & 15
    return not any(missing.values())


def _segments(data: bytes) -> Iterator[tuple[int, bytes]]:
    """The second byte of each marker up to the end marker, and what the marker's segment holds."""
    place = 2
    while mark := _MARK.search(data, place):
        kind, place = mark[1][0], mark.end()
        if kind == _END[1]:
            return
        length = int.from_bytes(data[place : place + 2])
        yield kind, data[place + 2 : place + length]
        place += max(2, length)
