"""Small files that take minutes or gigabytes to decode, one of each kind."""

import struct
import zlib
from functools import cache

LARGE = 9900, 10_000  # just below the limit on pixels
_CODES = [b"\xff\xc4\0\x14" + table + b"\1" + bytes(16) for table in (b"\0", b"\x10")]
_TABLES = b"\xff\xdb\0\x43\0" + b"\1" * 64 + b"".join(_CODES)


def segment(kind: int, data: bytes) -> bytes:
    """A segment of a JPEG."""
    return bytes([0xFF, kind]) + (len(data) + 2).to_bytes(2) + data


def jpeg(
    scans: int,
    size: tuple[int, int] = LARGE,
    frame: int = 0xC2,
    components: int = 1,
    before: bytes = b"",
    between: bytes = b"",
) -> bytes:
    """A black JPEG each of whose scans goes through all blocks again."""
    ids, progressive = range(1, components + 1), frame in {0xC2, 0xCA}
    shape = b"".join(bytes([number, 0x11, 0]) for number in ids)
    start = segment(frame, struct.pack(">BHHB", 8, size[1], size[0], components) + shape)
    first = segment(0xDA, bytes([components, *(x for n in ids for x in (n, 0)), 0, 0, 0])) + bytes(20)
    spectrum = [1, 63, 0x10] if progressive else [0, 63, 0]
    every = [segment(0xDA, bytes([1, 1 + n % components, 0, *spectrum])) + bytes(20) for n in range(scans)]
    return b"\xff\xd8" + before + _TABLES + start + between.join([first] * progressive + every) + b"\xff\xd9"


def directory(tags: int, payload: int) -> bytes:
    """EXIF, or a TIFF's header, whose tags all name the same bytes."""
    start = 8 + 2 + 12 * tags + 4
    entries = b"".join(struct.pack("<HHLL", 1000 + n, 7, payload, start) for n in range(tags))
    return b"II*\0\x08\0\0\0" + struct.pack("<H", tags) + entries + bytes(4 + payload)


def chunk(kind: bytes, data: bytes) -> bytes:
    """A chunk of a PNG."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(before: bytes = b"", after: bytes = b"") -> bytes:
    """A black PNG, 64 x 64, with chunks before and after its pixels."""
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 64, 64, 8, 0, 0, 0, 0))
    pixels = chunk(b"IDAT", zlib.compress(bytes(65 * 64)))
    return b"\x89PNG\r\n\x1a\n" + header + before + pixels + after + chunk(b"IEND", b"")


def gif(before: bytes) -> bytes:
    """A GIF, 64 x 64, with extensions before its picture."""
    size = struct.pack("<HH", 64, 64)
    return b"GIF89a" + size + bytes(3) + before + b",\0\0\0\0" + size + b"\0\2\2\x44\1\0;"


def bmp(width: int, height: int, body: bytes, compression: int = 1) -> bytes:
    """A BMP in run-length encoding: 1 of 8 bits, 2 of 4 bits."""
    bits = 8 // compression
    header = struct.pack("<LllHHLLllLL", 40, width, height, 1, bits, compression, len(body), 0, 0, 1 << bits, 0)
    start = 54 + (4 << bits)
    return b"BM" + struct.pack("<LLL", start + len(body), 0, start) + header + bytes(4 << bits) + body


def tiff(size: tuple[int, int], compression: int, strips: int, rows: int, data: bytes, *more: bytes) -> bytes:
    """A grey TIFF whose strips all share their data. `more` entries follow those that it needs."""

    def made(start: int) -> bytes:
        entries, values, place = [], b"", 8 + 2 + 12 * (9 + len(more)) + 4
        for tag, number in ((256, size[0]), (257, size[1]), (258, 8), (259, compression), (262, 1)):
            entries.append(struct.pack("<HHLL", tag, 4, 1, number))
        for tag, number in ((273, start), (277, 1), (278, rows), (279, len(data))):
            if tag in (273, 279) and strips > 1:
                entries.append(struct.pack("<HHLL", tag, 4, strips, place + len(values)))
                values += struct.pack("<L", number) * strips
            else:
                entries.append(struct.pack("<HHLL", tag, 4, 1, number))
        count = struct.pack("<H", len(entries) + len(more))
        return b"II*\0\x08\0\0\0" + count + b"".join([*entries, *more]) + bytes(4) + values

    return made(len(made(0))) + data


@cache
def costly() -> dict[str, bytes]:
    """Files that are rejected, by what they consist of."""
    profile = chunk(b"iCCP", b"a\0\0" + zlib.compress(bytes(3_900_000), 9))
    exif = directory(9000, 400_000)
    parts = [exif[n : n + 60_000] for n in range(0, len(exif), 60_000)]
    hidden = segment(0xE5, b"\xff\xd9") + b"\xff\1"  # an end marker inside a segment, and a marker without a length
    return {
        "JPEG, scans": jpeg(40),
        "JPEG, scans of three components": jpeg(40, components=3),
        "JPEG, sequential scans": jpeg(40, frame=0xC1, components=3),
        "JPEG, arithmetic coding": jpeg(3, frame=0xC9, components=3),
        "JPEG, arithmetic scans": jpeg(3, frame=0xCA),
        "JPEG, scans behind odd markers": jpeg(40, between=hidden),
        "MPO, scans": jpeg(40, before=segment(0xE2, b"MPF\0" + directory(2, 32))),
        "JPEG, segments": jpeg(1, (64, 64), before=segment(0xE5, b"") * 100_000),
        "JPEG, pieces of EXIF": jpeg(1, (64, 64), before=segment(0xE1, b"Exif\0\0x") * 50_000),
        "JPEG, EXIF": jpeg(1, (64, 64), before=b"".join(segment(0xE1, b"Exif\0\0" + part) for part in parts)),
        "JPEG, junk": jpeg(1, (64, 64), before=segment(0xE5, b"") + b"x" * 500_000),
        "PNG, chunks": png(chunk(b"abCd", b"") * 50_000),
        "PNG, chunks after the pixels": png(after=chunk(b"abCd", b"") * 30_000),
        "PNG, profiles": png(profile * 50),
        "PNG, profiles after the pixels": png(after=profile * 50),
        "GIF, comment": gif(b"!\xfe" + (b"\xff" + b"x" * 255) * 6000 + b"\0"),
        "GIF, comments": gif(b"!\xfe\1x\0" * 20_000),
        "GIF, extension": gif(b"!\1" + b"\1x" * 50_000 + b"\0"),
        "BMP, ends of lines": bmp(*LARGE, b"\0\0" * 10_000),
        "BMP, 4 bits": bmp(3000, 3000, b"\xfa\x12" * 12 * 3000, 2),
        "BMP, jump": bmp(6_000_000, 16, b"\0\2\0\xff"),
        "BMP, bytes that draw nothing": bmp(64, 64, b"\0\0" * 60_000),
        "PGM, in words": b"P2 2000 2000 9 " + b"1 " * 4_000_000,
        "PGM, comments": b"P2 64 64 9\n" + b"#\n" * 50_000 + b"1 " * 4096,
        "PGM, odd range": b"P5 2000 2000 100 " + b"\1" * 4_000_000,
        "PGM, header": b"P5 #" + b"x" * 100_000 + b"\n64 64 255 " + b"\1" * 4096,
        "TIFF, tags": directory(3000, 300_000),
        "TIFF, strips over each other": tiff((1000, 1000), 1, 3000, 999, bytes(10**6)),
        "TIFF, number of strips": tiff((64, 64), 1, 300_000, 1, bytes(5000)),
        "TIFF, shared strips": tiff((64, 20_000), 8, 20_000, 1, zlib.compress(bytes(64)) + bytes(50_000)),
        "TIFF, JPEG of scans": tiff(LARGE, 7, 1, LARGE[1], jpeg(40)),
    }
