from pathlib import Path
from typing import Any

import numpy as np
import pytest
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


@pytest.mark.parametrize("styles", ["style.jpg", None, np.zeros((32, 32, 3)), Image.new("RGB", (32, 32)), iter(())])
def test_styles_are_a_list(styles: Any, photo: Image.Image) -> None:
    complaint = rf"^styles is of type {type(styles).__name__}; pass a list of pictures, even of one$"
    for mask in (None, photo):
        with pytest.raises(ValueError, match=complaint):
            open_pictures(photo, styles, Settings(), mask)
