"""JPEGs whose end marker (EOI) is missing though all pixels are present."""

import io
import re
from collections.abc import Callable

from PIL import Image

_END = b"\xff\xd9"

_PROBE = bytes(range(0x13, 0xF3, 7)) * 8  # bytes that do not occur in picture data
_PADDING = 16  # zeros at the end: recovery programs fill lost parts of a memory card with them

_MARK = re.compile(rb"\xff([^\x00\xd0-\xd7\xff])", re.DOTALL)


def recover_missing_eoi(data: bytes, prepare: Callable[[Image.Image], None]) -> Image.Image | None:
    """The picture of a JPEG that lacks its end marker; None if pixels are missing as well.

    It is decoded twice: with the marker after the data, and with other bytes between them. If
    pixels are missing, the two pictures differ. `prepare` is called with each before decoding.
    """
    if data.endswith(bytes(_PADDING)) or not _has_every_scan(data):
        return None
    pictures = []
    for more in (b"", _PROBE):
        image = Image.open(io.BytesIO(data.rstrip(b"\xff") + more + _END), formats=["JPEG"])
        prepare(image)
        image.load()
        pictures.append(image)
    return pictures[0] if pictures[0].tobytes() == pictures[1].tobytes() else None


def _has_every_scan(data: bytes) -> bool:
    """Whether the scans contain each coefficient of each component, to the last bit.

    A progressive JPEG encodes the picture in several scans of increasing precision.
    """
    place, missing = 2, {(0, 0): 1}
    while mark := _MARK.search(data, place):
        kind, place = mark[1][0], mark.end()
        if kind == _END[1]:
            break
        length = int.from_bytes(data[place : place + 2])
        segment = data[place + 2 : place + length]
        place += max(2, length)
        if kind in {0xC0, 0xC1, 0xC2}:
            components = [segment[6 + 3 * n] for n in range(segment[5])]
            missing = {(component, k): 1 for component in components for k in range(64)}
        elif kind == 0xDA:
            count = segment[0]
            first, last, bits = segment[1 + 2 * count : 4 + 2 * count]
            for n in range(count):
                for k in range(first, last + 1):
                    missing[segment[1 + 2 * n], k] = bits & 15
    return not any(missing.values())
