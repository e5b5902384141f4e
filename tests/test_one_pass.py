"""`OnePass` and `preview`."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from nst import ImageError, OnePass, Settings, preview, stylize
from nst.gallery import find_style, load_styles, sample
from nst.images import open_image
from nst.optimise import fine_tuning

STYLE, OTHER = "swirling_night", "woodblock_wave"


def _difference(one: Image.Image, other: Image.Image) -> float:
    """The mean difference of two pictures, in levels of 255."""
    pixels = [np.asarray(image, dtype=float) for image in (one, other)]
    return float(np.abs(pixels[0] - pixels[1]).mean())


@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_all_interfaces_paint_the_same(photo: Image.Image, mode: str) -> None:
    style = Image.open(find_style(STYLE, load_styles()).path).convert(mode)
    [frame] = stylize(photo, [style], Settings(effort="one-pass", size=96))
    assert frame.image.size == (96, 77)
    assert _difference(frame.image, preview(photo, style, 96)) == 0
    painter = OnePass(style, size=96)
    assert _difference(frame.image, painter(photo)) == 0
    assert _difference(frame.image, painter(photo)) == 0


def test_several_styles_blend_by_weight(photo: Image.Image) -> None:
    alone = OnePass(STYLE, size=96)(photo)
    assert _difference(alone, OnePass(STYLE, OTHER, size=96, style_weights=(1, 0))(photo)) == 0
    both = OnePass(STYLE, OTHER, size=96)(photo)
    other = OnePass(OTHER, size=96)(photo)
    assert 0 < _difference(both, alone) < _difference(other, alone)


def test_another_strength_and_size_need_no_second_encoding(
    photo: Image.Image, style: Image.Image, tmp_path: Path
) -> None:
    file = tmp_path / "style.png"
    style.save(file)
    painter = OnePass(file, size=96)
    before = painter(photo)
    expected = OnePass(file, size=64, strength=0.8)(photo)
    file.unlink()
    other = painter.with_settings(replace(painter.settings, size=64, strength=0.8))
    assert _difference(expected, other(photo)) == 0
    assert _difference(before, painter(photo)) == 0


def test_fine_tuning_changes_new_styles_only(photo: Image.Image, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fine_tuning, "STEPS", 3)
    style = open_image(sample("coffee"))
    known = OnePass(STYLE, size=96)
    assert list(known.fine_tuning()) == []
    mixed = OnePass(STYLE, style, size=96, style_weights=(1, 3))
    others = [mixed.with_settings(replace(mixed.settings, strength=strength)) for strength in (0, 0.5)]
    before = mixed(photo)
    assert list(mixed.fine_tuning()) == [1, 2, 3]
    assert list(others[0].fine_tuning()) == []  # it is done
    after = mixed(photo)
    assert _difference(before, after) > 1
    assert _difference(after, others[1](photo)) == 0
    assert _difference(photo.resize((96, 77)), others[0](photo)) < 4  # strength 0 is the photo


def test_interrupted_fine_tuning_begins_anew(photo: Image.Image, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fine_tuning, "STEPS", 3)
    style = open_image(sample("coffee"))
    one, other = OnePass(style, size=96), OnePass(style, size=96)
    steps = one.fine_tuning()
    assert next(steps) == 1
    steps.close()
    for painter in (one, other):
        painter.fine_tune()
    assert _difference(one(photo), other(photo)) == 0


def test_fine_tuning_needs_the_style_again(tmp_path: Path) -> None:
    file = tmp_path / "style.png"
    open_image(sample("coffee")).save(file)
    painter = OnePass(file, size=96)
    file.unlink()
    with pytest.raises(ImageError, match="style.png"):
        painter.fine_tune()


def test_impossible_requests_are_rejected() -> None:
    with pytest.raises(ValueError, match="did you mean 'swirling_night'"):
        OnePass("swirlin_night")
    with pytest.raises(ImageError, match="has only 8x8 pixels"):
        OnePass(Image.new("RGB", (8, 8)))
