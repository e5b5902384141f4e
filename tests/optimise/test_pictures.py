from pathlib import Path

from PIL import Image

from nst import Settings
from nst.optimise.pictures import open_pictures


def test_pictures_are_decoded_no_larger_than_needed(photo: Image.Image, style: Image.Image, tmp_path: Path) -> None:
    photo.resize((4800, 3840)).save(tmp_path / "large.jpg")
    opened = open_pictures(tmp_path / "large.jpg", [style], Settings(size=512))
    assert opened.photo.size == (1200, 960)
    opened = open_pictures(tmp_path / "large.jpg", [style], Settings(size=1024))
    assert opened.photo.size == (2400, 1920)
    assert open_pictures(photo, [style], Settings(size=64)).photo.size == photo.size


def test_huge_style_weights_do_not_overflow(photo: Image.Image, style: Image.Image) -> None:
    settings = Settings(style_weights=(1e308, 1e308))
    shares = [share for _, share in open_pictures(photo, [style, style], settings).styles]
    assert shares == [0.5, 0.5]
