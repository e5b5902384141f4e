"""Every mode of Pillow, with profiles and transparency."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageCms

from nst.images import open_cutout, open_image

RED = (255, 0, 0)


def _saved(image: Image.Image, path: Path, **options: object) -> Path:
    image.save(path, **options)
    return path


def test_16_bit_grey_keeps_its_tones(tmp_path: Path) -> None:
    ramp = np.linspace(0, 65535, 32).astype(np.uint16)
    opened = open_image(_saved(Image.fromarray(np.tile(ramp, (32, 1))), tmp_path / "a.png"))
    expected = np.rint(ramp / 257)
    assert np.abs(np.asarray(opened)[0, :, 0] - expected).max() <= 1


def test_cmyk_becomes_rgb(tmp_path: Path) -> None:
    image = Image.new("CMYK", (20, 20), (0, 255, 255, 0))
    opened = open_image(_saved(image, tmp_path / "a.jpg"))
    red, green, blue = np.asarray(opened).mean((0, 1))
    assert red > 200
    assert max(green, blue) < 60


def test_an_icc_profile_is_converted_to_srgb(tmp_path: Path) -> None:
    # In LAB-based terms a grey of gamma 1.0 is far brighter in sRGB: here through a linear profile.
    xyz = ImageCms.createProfile("XYZ")
    assert xyz is not None
    image = Image.new("RGB", (20, 20), (64, 64, 64))
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    same = open_image(_saved(image, tmp_path / "a.png", icc_profile=srgb))
    assert np.abs(np.asarray(same).astype(int) - 64).max() <= 1
    linear = _linear_profile(srgb)
    brighter = open_image(_saved(image, tmp_path / "b.png", icc_profile=linear))
    assert np.asarray(brighter).mean() == pytest.approx(137, abs=4)  # 255 * sRGB(64 / 255)


def _linear_profile(srgb: bytes) -> bytes:
    """The sRGB profile with its tone curves replaced by the identity."""
    profile = bytearray(srgb)
    count = int.from_bytes(profile[128:132], "big")
    for entry in range(132, 132 + 12 * count, 12):
        if profile[entry : entry + 4] in (b"rTRC", b"gTRC", b"bTRC"):
            start = int.from_bytes(profile[entry + 4 : entry + 8], "big")
            profile[start : start + 12] = b"curv" + bytes(8)
            profile[entry + 8 : entry + 12] = (12).to_bytes(4, "big")
    return bytes(profile)


def test_a_broken_profile_does_no_harm(tmp_path: Path) -> None:
    image = Image.new("RGB", (20, 20), RED)
    opened = open_image(_saved(image, tmp_path / "a.png", icc_profile=b"not a profile"))
    assert opened.getpixel((5, 5)) == RED


def _srgb() -> bytes:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def _grey_profile() -> bytes:
    """A grey profile of gamma 1: header, white point, one curve."""
    curve = b"curv" + bytes(8)
    white = b"XYZ " + bytes(4) + bytes.fromhex("0000f6d6 00010000 0000d32d")
    name = b"desc" + bytes(4) + (2).to_bytes(4, "big") + b"g" + bytes(80)
    tags = [(b"desc", name), (b"wtpt", white), (b"kTRC", curve)]
    place, table, data = 128 + 4 + 12 * len(tags), b"", b""
    for key, value in tags:
        table += key + place.to_bytes(4, "big") + len(value).to_bytes(4, "big")
        padded = value + bytes(-len(value) % 4)
        data, place = data + padded, place + len(padded)
    header = bytearray(128)
    header[0:4] = place.to_bytes(4, "big")
    header[8:12] = bytes.fromhex("02100000")
    header[12:24] = b"mntrGRAYXYZ "
    header[36:40] = b"acsp"
    header[68:80] = bytes.fromhex("0000f6d6 00010000 0000d32d")
    return bytes(header) + len(tags).to_bytes(4, "big") + table + data


BRIGHTER = 137  # 64 of 255 in gamma 1, as sRGB has it


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "P", "HSV", "YCbCr", "L", "LA", "1", "I;16"])
def test_a_profile_counts_in_every_mode(tmp_path: Path, mode: str) -> None:
    grey = Image.new("RGB", (20, 20), (64, 64, 64))
    if mode == "I;16":
        image = Image.fromarray(np.full((20, 20), 64 * 257, np.uint16))
    else:
        image = grey.convert("L" if mode == "1" else mode)
    profile = _linear_profile(_srgb())
    if mode in {"HSV", "YCbCr"}:
        image.info["icc_profile"] = profile
        source: Any = image
    else:
        source = _saved(image, tmp_path / "a.png", icc_profile=profile)
    assert np.asarray(open_image(source)).mean() == pytest.approx(BRIGHTER, abs=4)


@pytest.mark.parametrize("mode", ["L", "LA", "P", "RGBA", "I;16"])
def test_a_grey_profile_counts_where_the_picture_is_grey(tmp_path: Path, mode: str) -> None:
    if mode == "I;16":
        image = Image.fromarray(np.full((20, 20), 64 * 257, np.uint16))
    else:
        image = Image.new("L", (20, 20), 64).convert(mode)
    file = _saved(image, tmp_path / "a.png", icc_profile=_grey_profile())
    assert np.asarray(open_image(file)).mean() == pytest.approx(BRIGHTER, abs=4)
    red = _saved(Image.new("RGB", (20, 20), RED), tmp_path / "b.png", icc_profile=_grey_profile())
    assert open_image(red).getpixel((0, 0)) == RED


def test_transparent_colours_of_every_depth(tmp_path: Path) -> None:
    deep = np.full((20, 20), 40000, np.uint16)
    deep[:, :10] = 300
    pictures = {
        "16": (Image.fromarray(deep), {"transparency": 300}),
        "8": (Image.fromarray((deep >> 8).astype(np.uint8)), {"transparency": 1}),
        "1": (Image.fromarray(deep > 300), {"transparency": 0}),
        "rgb": (Image.fromarray((deep >> 8).astype(np.uint8)).convert("RGB"), {}),
    }
    pictures["rgb"][1]["transparency"] = (1, 1, 1)  # type: ignore[assignment]
    for name, (image, options) in pictures.items():
        file = _saved(image, tmp_path / f"{name}.png", **options)
        _, opaque = open_cutout(file)
        assert opaque is not None, name
        assert (opaque.getpixel((0, 0)), opaque.getpixel((15, 0))) == (0, 255), name
        assert open_image(file).getpixel((0, 0)) == (255, 255, 255), name


@pytest.mark.parametrize(("bits", "key"), [(2, 3), (4, 15), (4, 7)])
def test_transparent_grey_of_few_bits(tmp_path: Path, bits: int, key: int) -> None:
    file = tmp_path / "a.png"
    file.write_bytes(_png(bits, 0, [key, 0], key.to_bytes(2)))
    _, opaque = open_cutout(file)
    assert opaque is not None
    assert (opaque.getpixel((0, 0)), opaque.getpixel((0, 1))) == (0, 255)


def test_a_transparent_colour_of_16_bits_in_rgb(tmp_path: Path) -> None:
    file = tmp_path / "a.png"
    key = b"".join(value.to_bytes(2) for value in (1000, 2000, 3000))
    file.write_bytes(_png(16, 2, [key, bytes(6)], key))
    _, opaque = open_cutout(file)
    assert opaque is not None
    assert (opaque.getpixel((0, 0)), opaque.getpixel((0, 1))) == (0, 255)


def _png(bits: int, colour_type: int, rows: list[Any], key: bytes) -> bytes:
    """32 x 32; each pixel of the even and the odd rows as given."""
    import zlib

    def chunk(kind: bytes, data: bytes) -> bytes:
        return len(data).to_bytes(4) + kind + data + zlib.crc32(kind + data).to_bytes(4)

    def row(value: Any) -> bytes:
        if isinstance(value, bytes):
            return b"\0" + value * 32
        return b"\0" + int(f"{value:0{bits}b}" * 32, 2).to_bytes(4 * bits)

    header = (32).to_bytes(4) * 2 + bytes([bits, colour_type, 0, 0, 0])
    data = zlib.compress(b"".join(row(rows[y % 2]) for y in range(32)))
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"tRNS", key)
        + chunk(b"IDAT", data)
        + chunk(b"IEND", b"")
    )


def test_32_bit_integers_of_any_range() -> None:
    ramp = np.tile(np.linspace(0, 255, 32), (32, 1)).round().astype(np.int32)
    for factor, offset in ((1, 0), (257, 0), (1_000_000, 0), (1, -128)):
        image = Image.fromarray(ramp * factor + offset)
        assert image.mode == "I"
        seen = np.asarray(open_image(image))[..., 0].astype(int)
        assert np.abs(seen - ramp).max() <= 1, (factor, offset)


@pytest.mark.parametrize("mode", ["I;16", "I;16B", "I;16L", "I;16N"])
def test_16_bits_in_either_order(mode: str) -> None:
    image = Image.new(mode, (20, 20), 128 * 257)
    assert open_image(image).getpixel((3, 3)) == (128, 128, 128)


def test_floats_with_what_is_no_number() -> None:
    values = np.tile(np.linspace(0, 1, 32, dtype=np.float32), (32, 1))
    values[0, :3] = np.inf, -np.inf, np.nan
    seen = np.asarray(open_image(Image.fromarray(values)))[..., 0]
    assert seen[1].tolist() == np.linspace(0, 255, 32).round().tolist()
    assert seen[0, :3].tolist() == [255, 0, 0]
    wide = np.array([[-3e38, 0, 3e38]] * 18, dtype=np.float32).repeat(6, axis=1)
    assert open_image(Image.fromarray(wide)).getpixel((8, 8)) == (128, 128, 128)
    assert open_image(Image.fromarray(np.full((20, 20), np.nan, np.float32))).getextrema()[0] == (0, 0)


def test_lab_is_what_it_says_and_keys_that_fit_nothing_do_no_harm() -> None:
    red = Image.new("RGB", (20, 20), (200, 40, 40))
    lab = red.convert("LAB")
    lab.info["icc_profile"] = _linear_profile(_srgb())
    seen = np.asarray(open_image(lab), dtype=int)[0, 0]
    assert np.abs(seen - (200, 40, 40)).max() <= 3
    cmyk = Image.new("CMYK", (20, 20), (0, 255, 255, 0))
    cmyk.info |= {"transparency": (0, 0, 0), "icc_profile": _srgb()}
    assert open_image(cmyk).getpixel((0, 0)) == RED
    palette = red.convert("P")
    palette.info["transparency"] = "none"
    assert np.abs(np.asarray(open_image(palette), dtype=int)[0, 0] - (200, 40, 40)).max() < 30


def test_grey_with_opacity_on_white() -> None:
    for mode in ("LA", "La"):
        image = Image.merge("LA", [Image.new("L", (20, 20), v) for v in (100, 0)]).convert(mode)
        assert open_image(image).getpixel((0, 0)) == (255, 255, 255)
