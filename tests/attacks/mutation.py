"""Sound little pictures in every format that is read here; what chance makes of bytes and JSON."""

import io
import json
import struct
import zlib
from functools import cache
from random import Random
from typing import Any

import numpy as np
from PIL import Image, ImageCms
from PIL.PngImagePlugin import PngInfo

SIZE = 48, 40

PNG = b"\x89PNG\r\n\x1a\n"

ODD = (0, 1, 2, 15, 16, 127, 128, 255, 256, 0x7FFF, 0x8000, 0xFFFF, 10_000, 0x7FFFFFFF, 0xFFFFFFFF)
"""Numbers that programs trip over."""

ODD_JSON = [
    *("1e999", "-1e999", "NaN", "Infinity", "-0.0", "1e308", "1e-400", "9" * 400, "9" * 5000),
    *("true", "null", '""', '"\\ud800"', '"\\udc00\\ud800"', '"\\u0000"', '"<b>"', '"a%ED%A0%80=%"'),
    *("[" * 50 + "]" * 50, "[" * 9000, "[" * 9000 + "]" * 9000, '{"a":' * 900 + "1" + "}" * 900),
    *("[[]]", '["a", 1]', '[" \\ud800"]', "{}", "-1", "10000000", "9.5", '"' + "x" * 30_000 + '"'),
]
"""JSON, more or less, that isn't what was expected."""

_EXIF = Image.Exif()
_EXIF[274] = 6
_EXIF[0x010E] = "a note"


@cache
def seeds() -> dict[str, bytes]:
    """A file of each kind, by name."""
    ramp = np.add.outer(np.arange(SIZE[1]) * 3, np.arange(SIZE[0]) * 2)
    pixels = np.stack([ramp, 255 - ramp, ramp % 64 * 4], axis=2).astype(np.uint8)
    rgb = Image.fromarray(pixels)
    grey, cmyk, palette = rgb.convert("L"), rgb.convert("CMYK"), rgb.quantize(32)
    rgba = rgb.copy()
    rgba.putalpha(grey)
    deep = Image.fromarray((ramp * 200).astype(np.uint16))
    real = Image.fromarray(ramp.astype(np.float32))
    frames = [rgb.rotate(90), rgb.rotate(180)]
    noted = PngInfo()
    noted.add_text("nst", '{"link": "size=64"}', zip=True)
    noted.add_itxt("XML:com.adobe.xmp", "<x/>", zip=True)
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    more: dict[str, Any] = {"save_all": True, "append_images": frames}
    return {
        "png": _saved(rgb, "PNG", exif=_EXIF, icc_profile=profile, pnginfo=noted),
        "png alpha": _saved(rgba, "PNG"),
        "png 16 bits": _saved(deep, "PNG"),
        "png palette": _saved(palette, "PNG", transparency=bytes(range(0, 256, 8))),
        "png animated": _saved(rgb, "PNG", **more),
        "jpeg": _saved(rgb, "JPEG", exif=_EXIF, icc_profile=profile),
        "jpeg progressive": _saved(rgb, "JPEG", progressive=True),
        "jpeg cmyk": _saved(cmyk, "JPEG"),
        "mpo": _saved(rgb, "MPO", **more),
        "webp": _saved(rgb, "WEBP", exif=_EXIF, icc_profile=profile),
        "webp lossless": _saved(rgba, "WEBP", lossless=True),
        "webp animated": _saved(rgba, "WEBP", **more),
        "gif": _saved(palette, "GIF", transparency=3),
        "gif animated": _saved(rgb, "GIF", **more),
        "bmp": _saved(rgb, "BMP"),
        "bmp palette": _saved(palette, "BMP"),
        "tiff": _saved(rgb, "TIFF", exif=_EXIF),
        "tiff lzw": _saved(rgba, "TIFF", compression="tiff_lzw"),
        "tiff jpeg": _saved(rgb, "TIFF", compression="jpeg"),
        "tiff floats": _saved(real, "TIFF"),
        "tiff 16 bits": _saved(deep, "TIFF", compression="tiff_deflate"),
        "tiff lab": _saved(rgb.convert("LAB"), "TIFF"),
        "ppm": _saved(rgb, "PPM"),
        "pgm": _saved(deep, "PPM"),
        "pfm": _saved(real, "PPM"),
        "ppm in words": b"P3 48 40 255\n" + b" ".join(b"%d" % v for v in pixels.ravel()),
        "avif": _saved(rgb, "AVIF", speed=10, exif=_EXIF),
        "avif animated": _saved(rgb, "AVIF", speed=10, **more),
    }


def mutated(chance: Random, data: bytes, others: list[bytes]) -> bytes:
    """One to three mutations; of most PNGs the checks are made right again, to get further in."""
    for _ in range(chance.choice((1, 1, 2, 3))):
        data = chance.choice(_MUTATIONS)(chance, data, others) or b"\0"
    return sealed(data) if chance.random() < 0.8 else data


def bent(chance: Random, value: Any) -> str:
    """A value as JSON, or nearly so, odd in one place; large parts are likelier than small ones."""
    if not isinstance(value, dict | list) or not value or chance.random() < 0.03:
        return chance.choice(ODD_JSON)
    names = [*value] if isinstance(value, dict) else [*range(len(value))]
    chosen = chance.choices(names, [len(json.dumps(value[name])) for name in names])[0]
    values = [bent(chance, value[name]) if name == chosen else json.dumps(value[name]) for name in names]
    if isinstance(value, list):
        return f"[{', '.join(values)}]"
    pairs = zip(map(json.dumps, names), values, strict=True)
    return "{" + ", ".join(": ".join(pair) for pair in pairs) + "}"


def sealed(data: bytes) -> bytes:
    """A PNG whose chunks' checks are right, whatever is in them; other data as it is."""
    if not data.startswith(PNG):
        return data
    parts, place = [PNG], len(PNG)
    while place + 8 <= len(data):
        end = place + 8 + int.from_bytes(data[place : place + 4])
        if end > len(data):
            break
        parts += [data[place:end], struct.pack(">I", zlib.crc32(data[place + 4 : end]))]
        place = end + 4
    return b"".join(parts) + data[place:]


def _saved(image: Image.Image, kind: str, **more: Any) -> bytes:
    data = io.BytesIO()
    image.save(data, kind, **more)
    return data.getvalue()


def _flipped(chance: Random, data: bytes, others: list[bytes]) -> bytes:
    changed = bytearray(data)
    reach = min(len(data), chance.choice((64, 512, len(data))))  # headers are at the beginning
    for _ in range(chance.randint(1, 12)):
        changed[chance.randrange(reach)] = chance.randrange(256)
    return bytes(changed)


def _cut(chance: Random, data: bytes, others: list[bytes]) -> bytes:
    first, last = sorted(chance.randrange(len(data) + 1) for _ in range(2))
    return data[:last] if chance.random() < 0.5 else data[:first] + data[last:]


def _inserted(chance: Random, data: bytes, others: list[bytes]) -> bytes:
    place, first = chance.randrange(len(data) + 1), chance.randrange(len(data))
    length = chance.randint(1, 40)
    new = chance.choice((chance.randbytes(length), bytes(length), data[first : first + length]))
    return data[:place] + new + data[place:]


def _spliced(chance: Random, data: bytes, others: list[bytes]) -> bytes:
    other = chance.choice(others)
    return data[: chance.randrange(len(data) + 1)] + other[chance.randrange(len(other)) :]


def _resized(chance: Random, data: bytes, others: list[bytes]) -> bytes:
    """Width or height changed, wherever and however it is written."""
    side, form = chance.choice(SIZE), chance.choice((">H", "<H", ">I", "<I", ""))
    odd = chance.choice(ODD)
    if not form:
        return data.replace(b"%d" % side, b"%d" % odd, 1)
    return data.replace(struct.pack(form, side), _packed(form, odd), 1)


def _measured(chance: Random, data: bytes, others: list[bytes]) -> bytes:
    """An odd number in the header, where lengths, counts and places are."""
    form = chance.choice((">H", "<H", ">I", "<I"))
    new = _packed(form, chance.choice(ODD))
    place = chance.randrange(min(len(data), 400))
    return data[:place] + new + data[place + len(new) :]


def _rechunked(chance: Random, data: bytes, others: list[bytes]) -> bytes:
    """A length that comes before or after a chunk's name, changed by a little or a lot."""
    names = (b"IHDR", b"PLTE", b"tRNS", b"iCCP", b"eXIf", b"acTL", b"fcTL", b"IDAT", b"fdAT")
    names += (b"VP8 ", b"VP8L", b"VP8X", b"ANMF", b"ALPH", b"EXIF", b"ICCP", b"RIFF")
    names += (b"ftyp", b"meta", b"iloc", b"iprp", b"ispe", b"av1C", b"mdat", b"moov", b"stsz")
    names += (b"\xff\xc0", b"\xff\xc2", b"\xff\xc4", b"\xff\xda", b"\xff\xdb", b"\xff\xe1")
    there = [name for name in names if name in data]
    if not there:
        return _measured(chance, data, others)
    name = chance.choice(there)
    place = data.index(name)
    if len(name) == 2:
        start, form = place + 2, ">H"
    elif data.startswith(b"RIFF"):
        start, form = place + 4, "<I"
    else:
        start, form = max(0, place - 4), ">I"
    size = struct.calcsize(form)
    if start + size > len(data):
        return data
    old = struct.unpack_from(form, data, start)[0]
    new = chance.choice((old + 1, old - 1, old // 2, old * 2, chance.choice(ODD)))
    return data[:start] + _packed(form, new) + data[start + size :]


def _packed(form: str, number: int) -> bytes:
    return struct.pack(form, number % 2 ** (8 * struct.calcsize(form)))


_MUTATIONS = (_flipped, _cut, _inserted, _spliced, _resized, _measured, _rechunked)
