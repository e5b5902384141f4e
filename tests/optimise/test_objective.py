import numpy as np
import pytest
import torch
from PIL import Image

from nst import Settings, stylize
from nst.gallery import find_style, load_styles, sample
from nst.images import fit, open_image
from nst.network.vgg import Backbone
from nst.optimise import objective

SIZE = 64


@pytest.fixture(scope="module")
def lion() -> Image.Image:
    return fit(open_image(sample("lion")), SIZE)


@pytest.fixture(scope="module")
def night() -> Image.Image:
    return open_image(find_style("swirling_night", load_styles()).path)


@pytest.fixture(scope="module")
def ordinary(lion: Image.Image, night: Image.Image, backbone: Backbone) -> float:
    """Mean change of an ordinary photo, in grey levels."""
    return _mean_change(lion, night, backbone)


def _faded(photo: Image.Image, contrast: float, brightness: float = 1.0) -> Image.Image:
    """The photo with less contrast around its mean colour, and darker."""
    pixels = np.asarray(photo, dtype=float)
    mean = pixels.mean((0, 1))
    return Image.fromarray(((mean + (pixels - mean) * contrast) * brightness).astype(np.uint8))


def _mean_change(photo: Image.Image, style: Image.Image, backbone: Backbone) -> float:
    """Mean change of the photo by painting it, in grey levels."""
    *_, frame = stylize(photo, [style], Settings(size=SIZE, steps=12), backbone)
    return float(np.abs(np.asarray(frame.image, dtype=float) - np.asarray(photo)).mean())


@pytest.mark.parametrize(("contrast", "brightness"), [(0.05, 1), (0.1, 1), (1, 0.1)], ids=["flat", "misty", "dark"])
def test_a_flat_or_dark_photo_is_painted_like_any_other(
    contrast: float, brightness: float, lion: Image.Image, night: Image.Image, backbone: Backbone, ordinary: float
) -> None:
    assert _mean_change(_faded(lion, contrast, brightness), night, backbone) > 0.6 * ordinary


def test_a_photo_of_one_colour_is_painted(lion: Image.Image, night: Image.Image, backbone: Backbone) -> None:
    assert _mean_change(Image.new("RGB", lion.size, (120, 100, 80)), night, backbone) > 8


@pytest.mark.usefixtures("two_scales")
def test_each_scale_empties_the_cache_of_its_device(
    photo: Image.Image, style: Image.Image, backbone: Backbone, monkeypatch: pytest.MonkeyPatch
) -> None:
    emptied: list[torch.device] = []
    monkeypatch.setattr(objective, "return_freed_memory", emptied.append)
    list(stylize(photo, [style], Settings(size=128, steps=2), backbone))
    assert emptied == [backbone.device] * 2
