import io
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, ImageCms

from nst.images import ImageError, fit, open_image, save_image, to_image, to_tensor

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


def test_the_first_frame_of_an_animation(tmp_path: Path) -> None:
    frames = [Image.new("RGB", (20, 20), colour) for colour in ("red", "blue")]
    path = tmp_path / "a.gif"
    frames[0].save(path, save_all=True, append_images=frames[1:])
    assert open_image(path).getpixel((5, 5)) == RED


def _truncated(path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (200, 200, 3), dtype=np.uint8)
    data = io.BytesIO()
    Image.fromarray(noise).save(data, "JPEG")
    path.write_bytes(data.getvalue()[: len(data.getvalue()) // 2])


@pytest.mark.parametrize(
    ("name", "make", "told"),
    [
        ("text.jpg", lambda path: path.write_text("not a picture"), "save it as JPEG or PNG"),
        ("half.jpg", _truncated, "damaged or incomplete"),
        ("empty.png", lambda path: path.write_bytes(b""), "save it as JPEG or PNG"),
        ("tiny.png", lambda path: Image.new("RGB", (1, 1)).save(path), "at least 16"),
        ("huge.png", lambda path: Image.new("1", (20000, 20000)).save(path), "megapixels"),
        ("none.png", lambda path: None, "is not there"),
        ("folder", lambda path: path.mkdir(), "is a folder"),
    ],
)
def test_what_cannot_be_used_says_what_to_do(
    tmp_path: Path, name: str, make: object, told: str
) -> None:
    make(tmp_path / name)  # type: ignore[operator]
    with pytest.raises(ImageError, match=told) as caught:
        open_image(tmp_path / name, "the photo")
    assert str(caught.value).startswith("the photo ")
    assert "\n" not in str(caught.value)


def test_fit_keeps_the_shape_and_refuses_a_ribbon() -> None:
    image = Image.new("RGB", (300, 150))
    assert fit(image, 512).size == (512, 256)
    assert fit(image, 100).size == (100, 50)
    with pytest.raises(ImageError, match="too narrow"):
        fit(Image.new("RGB", (3000, 60)), 512)


def test_tensors_and_back() -> None:
    pixels = np.random.default_rng(0).integers(0, 255, (20, 30, 3), dtype=np.uint8)
    tensor = to_tensor(Image.fromarray(pixels))
    assert (tensor.shape, tensor.dtype) == ((1, 3, 20, 30), torch.float32)
    assert np.array_equal(np.asarray(to_image(tensor)), pixels)
    assert np.asarray(to_image(tensor * 0 + 2)).min() == 255


def test_saving_says_what_is_wrong(tmp_path: Path) -> None:
    image = Image.new("RGB", (20, 20), RED)
    save_image(image, tmp_path / "a.png")
    assert open_image(tmp_path / "a.png").getpixel((0, 0)) == RED
    with pytest.raises(ImageError, match="end it in"):
        save_image(image, tmp_path / "a.txt")
    with pytest.raises(ImageError, match="can't be written"):
        save_image(image, tmp_path / "nowhere" / "a.png")
