from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from nst.images import fit, open_alpha, open_cutout, open_image, open_mask, upright_size

RED = (255, 0, 0)


def _saved(image: Image.Image, path: Path, **options: object) -> Path:
    image.save(path, **options)
    return path


def test_exif_rotation_is_applied(tmp_path: Path) -> None:
    image = Image.new("RGB", (60, 20), "white")
    image.paste(RED, (0, 0, 20, 20))
    exif = Image.Exif()
    exif[274] = 6  # to be turned a quarter clockwise
    upright = open_image(_saved(image, tmp_path / "a.png", exif=exif))
    assert upright.size == (20, 60)
    assert upright.getpixel((10, 10)) == RED


def test_alpha_lies_on_white(tmp_path: Path) -> None:
    image = Image.new("RGBA", (20, 20), (255, 0, 0, 0))
    image.paste((255, 0, 0, 128), (0, 0, 10, 20))
    opened = open_image(_saved(image, tmp_path / "a.png"))
    assert opened.mode == "RGB"
    assert opened.getpixel((15, 5)) == (255, 255, 255)
    assert opened.getpixel((5, 5)) == (255, 127, 127)


def test_palette_with_transparency_lies_on_white(tmp_path: Path) -> None:
    image = Image.new("P", (20, 20), 1)
    image.putpalette([0, 0, 0, 255, 0, 0])
    image.paste(0, (0, 0, 10, 20))
    opened = open_image(_saved(image, tmp_path / "a.png", transparency=0))
    assert opened.getpixel((5, 5)) == (255, 255, 255)
    assert opened.getpixel((15, 5)) == RED


def test_the_first_frame_of_an_animation(tmp_path: Path) -> None:
    frames = [Image.new("RGB", (20, 20), colour) for colour in ("red", "blue")]
    path = tmp_path / "a.gif"
    frames[0].save(path, save_all=True, append_images=frames[1:])
    assert open_image(path).getpixel((5, 5)) == RED


def _drawn(mode: str) -> Image.Image:
    """White on nothing in the left half, 40 x 40."""
    image = Image.new("RGBA", (40, 40), (0, 0, 0, 0))
    image.paste("white", (0, 0, 20, 40))
    return image.convert(mode)


@pytest.mark.parametrize("mode", ["RGBA", "LA", "PA", "La", "RGBa"])
def test_a_mask_is_black_where_nothing_is_drawn(mode: str) -> None:
    if mode == "La":
        drawn = _drawn("LA").convert("La")
    elif mode == "PA":
        index = Image.new("P", (40, 40), 1)
        index.putpalette([0, 0, 0, 255, 255, 255])
        drawn = Image.merge("PA", (index, _drawn("RGBA").getchannel("A")))
    else:
        drawn = _drawn(mode)
    mask = open_mask(drawn)
    assert (mask.mode, mask.getpixel((5, 5)), mask.getpixel((35, 5))) == ("L", 255, 0)


def test_masks_in_files(tmp_path: Path) -> None:
    palette = Image.new("P", (40, 40), 1)
    palette.putpalette([0, 255, 0, 255, 255, 255])
    palette.paste(0, (20, 0, 40, 40))
    palette.save(tmp_path / "palette.png", transparency=0)
    _drawn("RGBA").save(tmp_path / "drawn.webp", lossless=True)
    _drawn("RGBA").getchannel("A").save(tmp_path / "grey.png")
    _drawn("RGBA").getchannel("A").convert("1").save(tmp_path / "bits.png")
    half = Image.new("RGBA", (40, 40), (255, 255, 255, 128))
    half.save(tmp_path / "half.png")
    for name in ("palette.png", "drawn.webp", "grey.png", "bits.png"):
        mask = open_mask(tmp_path / name)
        assert (mask.getpixel((5, 5)), mask.getpixel((35, 5))) == (255, 0), name
    assert open_mask(tmp_path / "half.png").getextrema() == (128, 128)


def test_a_cutout_keeps_its_edges_colour() -> None:
    image = Image.new("RGBA", (40, 40), (200, 0, 0, 0))
    image.paste((200, 0, 0, 100), (0, 0, 30, 40))
    image.paste((200, 0, 0, 255), (0, 0, 20, 40))
    colour, opaque = open_cutout(image)
    assert opaque is not None
    assert [opaque.getpixel((x, 0)) for x in (5, 25, 35)] == [255, 100, 0]
    assert [colour.getpixel((x, 0)) for x in (5, 25, 35)] == [(200, 0, 0)] * 2 + [(255,) * 3]
    assert open_cutout(Image.new("RGBA", (40, 40), "red"))[1] is None


def test_the_editors_layers_are_read_by_their_opacity(tmp_path: Path) -> None:
    image = Image.new("RGBA", (40, 40), (255, 0, 0, 0))
    image.paste((0, 0, 0, 200), (0, 0, 20, 40))
    image.save(tmp_path / "a.png")
    assert open_alpha(tmp_path / "a.png").getextrema() == (0, 200)
    assert open_alpha(image.convert("LA").convert("La")).getextrema() == (0, 200)
    assert open_alpha(Image.new("L", (40, 40))).getextrema() == (255, 255)


def _large(path: Path, size: tuple[int, int], **options: object) -> Path:
    return _saved(Image.radial_gradient("L").convert("RGB").resize(size), path, **options)


@pytest.mark.parametrize("name", ["a.jpg", "a.png", "a.webp"])
def test_a_large_picture_comes_no_larger_than_needed(tmp_path: Path, name: str) -> None:
    exif = Image.Exif()
    exif[274] = 6
    file = _large(tmp_path / name, (2600, 2001), exif=exif, quality=95)
    whole, enough = open_image(file), open_image(file, least=600)
    assert (whole.size, enough.size) == ((2001, 2600), (501, 650))
    assert upright_size(file) == whole.size
    seen = np.asarray(fit(enough, 300), dtype=int) - np.asarray(fit(whole, 300), dtype=int)
    assert np.abs(seen).mean() < 1
    assert open_image(file, least=1301).size == whole.size
    assert open_image(file, least=1300).size == (1001, 1300)


def test_a_ribbon_keeps_its_shape_and_a_callers_picture_its_size(tmp_path: Path) -> None:
    ribbon = _large(tmp_path / "a.jpg", (8000, 300))
    assert open_image(ribbon, least=500).size == (8000, 300)
    theirs = Image.open(_large(tmp_path / "b.jpg", (1200, 1200)))
    assert open_image(theirs, least=300).size == (300, 300)
    assert theirs.size == (1200, 1200)


def test_what_was_opened_can_be_opened_again(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[274] = 6
    once = open_image(_large(tmp_path / "a.jpg", (60, 20), exif=exif))
    assert once.size == open_image(once).size == (20, 60)
    assert once.info == {}
    same = open_image(once)
    same.paste(0, (0, 0, 20, 60))
    assert once.getextrema() != same.getextrema()


def test_a_pngs_orientation_may_stand_behind_its_pixels(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[274] = 6
    data = _large(tmp_path / "a.png", (60, 20), exif=exif).read_bytes()
    start = data.index(b"eXIf") - 4
    end = start + 12 + int.from_bytes(data[start : start + 4])
    note, iend = data[start:end], data.index(b"IEND") - 4
    (tmp_path / "a.png").write_bytes(data[:start] + data[end:iend] + note + data[iend:])
    assert open_image(tmp_path / "a.png").size == (20, 60)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF", "WEBP", "AVIF"])
@pytest.mark.parametrize("orientation", [1, 3, 5, 6, 7, 8])
def test_the_header_has_the_size_of_the_opened_image(tmp_path: Path, kind: str, orientation: int) -> None:
    exif = Image.Exif()
    exif[274] = orientation
    Image.new("RGB", (60, 20)).save(tmp_path / "a", kind, exif=exif)
    upright = (20, 60) if orientation > 4 else (60, 20)
    assert upright_size(tmp_path / "a") == open_image(tmp_path / "a").size == upright
