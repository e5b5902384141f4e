"""Files that would take minutes or gigabytes are rejected; those of cameras and programs are not."""

import io
import struct
import tracemalloc
import zlib
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageCms

from nst.images import ImageError, cost, open_image, upright_size
from nst.images.jpeg import is_costly
from tests.attacks.costly import LARGE, bmp, chunk, costly, directory, jpeg, png, segment, tiff

MB = 10**6


@pytest.mark.parametrize("kind", costly())
def test_what_takes_minutes_is_rejected(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    monkeypatch.setattr(cost, "DECODER_READS", 50_000)  # two million take seconds
    path = tmp_path / "picture"
    path.write_bytes(costly()[kind])
    with pytest.raises(ImageError, match="the photo would take too long to open, as it is stored in an unusual way"):
        open_image(path, "the photo")


def _saved(kind: str, size: tuple[int, int] = (320, 240), **options: Any) -> bytes:
    data = io.BytesIO()
    ramp = np.add.outer(np.arange(size[1]), np.arange(size[0])).astype(np.uint8)
    Image.fromarray(np.stack([ramp, 255 - ramp, ramp // 2], axis=2)).save(data, kind, **options)
    return data.getvalue()


EXIF = directory(900, 60_000)  # 54 MB


@pytest.mark.parametrize("kind", ["WEBP", "PNG", "AVIF", "text of a PNG"])
def test_exif_does_not_fill_the_memory(tmp_path: Path, kind: str) -> None:
    """It is ignored where Pillow reads it last, and the picture is rejected where it reads it first."""
    text = chunk(b"zTXt", b"Raw profile type exif\0\0" + zlib.compress(b"\n\n\n" + EXIF.hex().encode()))
    empty = directory(0, len(EXIF) - 14)  # Pillow reads what it saves as AVIF
    data = png(text) if " " in kind else _saved(kind, exif=b"Exif\0\0" + (empty if kind == "AVIF" else EXIF))
    (tmp_path / "a").write_bytes(data.replace(empty, EXIF))
    tracemalloc.start()
    try:
        with pytest.raises(ImageError, match="too long") if kind == "AVIF" else nullcontext():
            open_image(tmp_path / "a")
        assert tracemalloc.get_traced_memory()[1] < 10 * MB
    finally:
        tracemalloc.stop()


def _profile(steps: int) -> bytes:
    """A colour profile that has one step, the same matrix, so many times."""
    matrix = b"matf" + struct.pack(">IHH12f", 0, 3, 3, *np.eye(3).ravel(), 0, 0, 0)
    places = struct.pack(">LL", 16 + 8 * steps, len(matrix)) * steps
    table = b"mpet" + struct.pack(">IHHI", 0, 3, 3, steps) + places + matrix
    names = b"D2B0", b"A2B0"
    start = 128 + 4 + 12 * len(names)
    tags = b"".join(name + struct.pack(">II", start, len(table)) for name in names)
    header = struct.pack(">I4sI12s", start + len(table), b"lcms", 0x04400000, b"mntrRGB XYZ ") + bytes(12) + b"acsp"
    header += bytes(28) + struct.pack(">III", 0xF6D6, 0x10000, 0xD32D) + bytes(48)
    return header + struct.pack(">I", len(names)) + tags + table


def test_a_profile_of_many_steps_is_ignored(tmp_path: Path) -> None:
    source = ImageCms.ImageCmsProfile(io.BytesIO(_profile(3)))
    red = Image.new("RGB", (64, 64), "red")
    assert ImageCms.profileToProfile(red, source, ImageCms.createProfile("sRGB")) != red  # it is a profile
    for kind in ("JPEG", "PNG", "TIFF", "WEBP"):
        (tmp_path / "a").write_bytes(_saved(kind))
        (tmp_path / "b").write_bytes(_saved(kind, icc_profile=_profile(2000)))
        assert open_image(tmp_path / "a") == open_image(tmp_path / "b"), kind


def test_the_first_of_two_equal_tags_counts(tmp_path: Path) -> None:
    """As for libtiff, which decodes: a harmless second one hides nothing."""
    again = struct.pack("<HHLL", 279, 4, 1, 100)
    data = zlib.compress(bytes(64)) + bytes(50_000)
    (tmp_path / "a").write_bytes(tiff((64, 20_000), 8, 20_000, 1, data, again))
    with pytest.raises(ImageError, match="too long"):
        open_image(tmp_path / "a")


@pytest.mark.parametrize("subsampling", [0, 2])
def test_a_progressive_photo_of_a_camera_opens_at_any_size(subsampling: int) -> None:
    data = bytearray(_saved("JPEG", progressive=True, subsampling=subsampling))
    assert data.count(b"\xff\xda") == 10
    place = data.index(b"\xff\xc2") + 5
    data[place : place + 4] = struct.pack(">HH", *LARGE)
    assert not is_costly(bytes(data))
    assert not is_costly(bytes(data), decodings=2)  # where its end marker is missing
    assert is_costly(bytes(data), decodings=4)


UNUSUAL = {
    "JPEG of many markers": jpeg(3000, (64, 64)),
    "arithmetic JPEG": jpeg(1, (640, 640), 0xC9),
    "much Exif": jpeg(1, (64, 64), before=segment(0xE1, b"Exif\0\0" + bytes(60_000)) * 4),
    "Exif of many entries": _saved("JPEG", exif=b"Exif\0\0" + directory(50, 20)),
    "MPO": _saved("MPO", save_all=True, append_images=[Image.new("RGB", (320, 240))]),
    "PNG with a profile": _saved(
        "PNG", icc_profile=ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    ),
    "GIF with a comment": _saved("GIF", comment=b"x" * 100_000),
    "compressed BMP": bmp(1500, 300, (b"\xfa\1" * 6 + b"\0\0") * 300),
    "PPM as text": b"P3 #one comment\n300 200 255 " + b"9 " * 3 * 300 * 200,
    "PGM of odd depth": b"P5 1000 900 100 " + b"\1" * 900_000,
    "TIFF of strips": _saved("TIFF", strip_size=320 * 3),
    "TIFF with JPEG": _saved("TIFF", compression="jpeg"),
    "TIFF with LZW": _saved("TIFF", compression="tiff_lzw"),
    "TIFF of short strips": _saved("TIFF", compression="tiff_adobe_deflate", strip_size=1),
    "TIFF with Deflate": tiff((64, 64), 8, 1, 64, zlib.compress(bytes(64 * 64))),
}


@pytest.mark.parametrize("kind", UNUSUAL)
def test_unusual_files_open_where_they_cost_little(tmp_path: Path, kind: str) -> None:
    (tmp_path / "a").write_bytes(UNUSUAL[kind])
    assert open_image(tmp_path / "a").size == upright_size(tmp_path / "a")
