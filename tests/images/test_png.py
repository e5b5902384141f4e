"""PNGs with large or wrong ancillary chunks."""

import io
import tracemalloc
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image, ImageCms
from PIL.PngImagePlugin import PngInfo

from nst.images import ImageError, open_checked, open_image, upright_size
from nst.sharing import from_text

RED = (255, 0, 0)


def _chunk(kind: bytes, data: bytes) -> bytes:
    return len(data).to_bytes(4) + kind + data + zlib.crc32(kind + data).to_bytes(4)


def _png(*notes: bytes, behind: bool = False) -> bytes:
    """A red PNG with these chunks before its pixels or behind them."""
    data = io.BytesIO()
    Image.new("RGB", (40, 20), RED).save(data, "PNG")
    whole, mark = data.getvalue(), b"IEND" if behind else b"IDAT"
    place = whole.index(mark) - 4
    return whole[:place] + b"".join(notes) + whole[place:]


def _text(zip: bool, count: int = 1, size: int = 2_000_000) -> Callable[[], PngInfo]:
    def make() -> PngInfo:
        info = PngInfo()
        for number in range(count):
            info.add_text(f"workflow{number}", "x" * size, zip=zip)
            info.add_itxt(f"prompt{number}", "x" * size, zip=zip)
        return info

    return make


@pytest.mark.parametrize("zip", [True, False])
def test_large_texts_are_accepted(tmp_path: Path, zip: bool) -> None:
    path = tmp_path / "a.png"
    Image.new("RGB", (40, 20), RED).save(path, pnginfo=_text(zip)())
    assert open_image(path).getpixel((0, 0)) == RED
    assert upright_size(path) == (40, 20)


@pytest.mark.parametrize("zip", [True, False])
def test_too_many_texts_are_rejected_with_a_message(tmp_path: Path, zip: bool) -> None:
    path = tmp_path / "a.png"
    Image.new("RGB", (40, 20), RED).save(path, pnginfo=_text(zip, 40, 999_999)())
    with pytest.raises(ImageError, match="damaged or incomplete"):
        open_image(path)


BOMB = zlib.compress(bytes(100_000_000), 1)


@pytest.mark.parametrize("behind", [False, True])
@pytest.mark.parametrize(
    "note",
    [
        _chunk(b"zTXt", b"nst\0\0" + BOMB),
        _chunk(b"iTXt", b"nst\0\1\0\0\0" + BOMB),
        _chunk(b"iCCP", b"icc\0\0" + BOMB),
        _chunk(b"zTXt", b"Raw profile type exif\0\0" + BOMB) * 40,
        _chunk(b"iCCP", b"icc\0\0" + zlib.compress(bytes(range(256)) * 8000)),
        _chunk(b"iCCP", b"icc\0\7" + zlib.compress(b"x")),
        _chunk(b"iCCP", b"no end"),
        _chunk(b"iCCP", b""),
        _chunk(b"iCCP", b"icc\0\0not zlib"),
        _chunk(b"zTXt", b"nst\0\7x"),
        _chunk(b"zTXt", b""),
        _chunk(b"iTXt", b"nst\0"),
        _chunk(b"tEXt", b"transparency\0all"),
        _chunk(b"tEXt", b"icc_profile\0none"),
        _chunk(b"tRNS", b"\0"),
        _chunk(b"pHYs", b"\0"),
        _chunk(b"sRGB", b""),
        _chunk(b"gAMA", b""),
        _chunk(b"acTL", b"\0") + _chunk(b"fcTL", b"\0"),
        _chunk(b"eXIf", b"MM\0*broken"),
        _chunk(b"tEXt", b"a\0b")[:-1] + b"?",
        b"\0\0\0\1ruSTxabcd",
    ],
    ids=range(22),
)
def test_a_wrong_chunk_is_ignored_or_reported(tmp_path: Path, note: bytes, behind: bool) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(_png(note, behind=behind))
    tracemalloc.start()
    try:
        assert open_image(path).getpixel((0, 0)) == RED
    except ImageError as error:
        assert "damaged or incomplete" in str(error) or "format that can be read" in str(error)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 60_000_000


@pytest.mark.parametrize("key", [b"transparency", b"icc_profile"])
def test_a_text_is_no_property_of_the_picture(tmp_path: Path, key: bytes) -> None:
    (tmp_path / "a.png").write_bytes(_png(_chunk(b"tEXt", key + b"\0all")))
    assert open_image(tmp_path / "a.png").getpixel((0, 0)) == RED


def test_profile_transparency_and_texts_are_read(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    note = _chunk(b"iCCP", b"icc\0\0" + zlib.compress(srgb)) + _chunk(b"tRNS", b"\0\xff\0\0\0\0")
    path.write_bytes(_png(note, _chunk(b"tEXt", b"nst\0{}")))
    with open_checked(path) as image:
        assert image.info["icc_profile"] == srgb
        assert image.info["transparency"] == RED
        assert image.text == {"nst": "{}"}  # type: ignore[attr-defined]
        assert from_text(image) is None


def test_an_animated_png_shows_its_first_picture(tmp_path: Path) -> None:
    frames = [Image.new("RGB", (20, 20), colour) for colour in ("red", "blue")]
    frames[0].save(tmp_path / "a.png", save_all=True, append_images=frames[1:])
    assert open_image(tmp_path / "a.png").getpixel((5, 5)) == RED


def test_palettes_and_many_pieces(tmp_path: Path) -> None:
    image = Image.radial_gradient("L").resize((700, 700)).convert("P")
    image.save(tmp_path / "a.png", compress_level=0)
    assert open_image(tmp_path / "a.png").tobytes() == image.convert("RGB").tobytes()
