"""PNG and TIFF with 16 bits per channel, read back by FFmpeg, and by Pillow in 8 bits."""

from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from nst.images import FileOptions, ImageError, image_format, open_image, save_image
from nst.sharing import KEY


@pytest.mark.parametrize("suffix", [".png", ".tif"])
@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_all_bits_are_written(suffix: str, mode: str, tmp_path: Path) -> None:
    random, out = np.random.default_rng(0), tmp_path / f"out{suffix}"
    image = Image.fromarray(random.integers(0, 256, (20, 37, len(mode)), dtype=np.uint8), mode)
    remainder = random.uniform(-0.5, 0.5, (20, 37, 3)).astype(np.float32)
    save_image(image, out, {KEY: "facts", "Software": "nst"}, FileOptions(16, 300), remainder)
    expected = np.array(image, dtype=np.float64)
    expected[..., :3] += remainder
    with av.open(str(out)) as container:
        [frame] = container.decode(video=0)
        found = frame.to_ndarray(format="rgba64le" if mode == "RGBA" else "rgb48le")
    assert np.abs(found - expected.clip(0, 255) * 257).max() <= 0.51
    with Image.open(out) as opened:
        assert opened.info["dpi"] == pytest.approx((300, 300), abs=0.1)
        if suffix == ".png":
            assert (opened.info[KEY], opened.info["Software"]) == ("facts", "nst")
    if mode == "RGB":
        near = np.abs(np.asarray(open_image(out), dtype=float) - np.asarray(image))
        assert near.max() <= 1


def test_without_a_remainder_the_file_has_16_bits_too(tmp_path: Path) -> None:
    out = tmp_path / "out.png"
    save_image(Image.new("RGB", (16, 16), (1, 2, 255)), out, file_options=FileOptions(16))
    assert out.read_bytes()[24] == 16
    assert open_image(out).getpixel((3, 3)) == (1, 2, 255)


@pytest.mark.parametrize("suffix", [".png", ".tif", ".jpg"])
def test_the_resolution_is_written(suffix: str, tmp_path: Path) -> None:
    out = tmp_path / f"out{suffix}"
    save_image(Image.new("RGB", (8, 8)), out, file_options=FileOptions(dpi=240))
    with Image.open(out) as opened:
        assert opened.info["dpi"] == pytest.approx((240, 240), abs=0.1)


@pytest.mark.parametrize(
    ("name", "file_options", "message"),
    [
        ("out.jpg", FileOptions(16), "JPEG holds 8 bits per channel; end 'out.jpg' in .png or .tif"),
        ("out.webp", FileOptions(16), "WEBP holds 8 bits"),
        ("out.webp", FileOptions(dpi=300), "WEBP holds no resolution; end 'out.webp' in .png, .tif or .jpg"),
        ("out.avif", FileOptions(dpi=300), "AVIF holds no resolution"),
    ],
)
def test_formats_that_cannot_hold_it_are_named(name: str, file_options: FileOptions, message: str) -> None:
    with pytest.raises(ImageError, match=message):
        image_format(name, file_options=file_options)
