"""`stylize` for parts of the photo: masks, two regions, cut-outs."""

import math

import numpy as np
import pytest
import torch
from PIL import Image

from nst import Frame, ImageError, Settings, stylize
from nst.gallery import load_styles
from nst.images import fit, open_image
from nst.images.tensors import to_tensor
from nst.network.vgg import Backbone
from nst.optimise.losses import gram, style_loss
from nst.optimise.pictures import open_pictures
from nst.optimise.regions import FEATHER
from nst.optimise.stylize import run

SMALL = Settings(size=96, steps=24)


def _last(*args: object) -> Frame:
    *_, frame = stylize(*args)  # type: ignore[arg-type]
    return frame


def _mask(size: tuple[int, int]) -> Image.Image:
    """White on the left half."""
    mask = Image.new("L", size)
    mask.paste(255, (0, 0, size[0] // 2, size[1]))
    return mask


def test_pixels_outside_the_mask_stay_the_photos(photo: Image.Image, style: Image.Image, backbone: Backbone) -> None:
    frame = _last(photo, [style], Settings(size=96, steps=4), backbone, _mask(photo.size))
    before = np.asarray(fit(photo, 96), dtype=int)
    change = np.abs(np.asarray(frame.image, dtype=int) - before).max(axis=2)
    feather = math.ceil(6 * FEATHER * 96)
    assert change[:, 48 + feather :].max() == 0
    assert change[:, : 48 - feather].mean() > 4


def test_each_region_gets_its_own_style(photo: Image.Image, backbone: Backbone) -> None:
    paths = {style.name: style.path for style in load_styles()}
    styles = [open_image(paths[name]) for name in ("linocut_forest", "harbour_sunrise")]
    settings = Settings(size=96, steps=12, strength=1.0)
    painting = _last(photo, styles, settings, backbone, _mask(photo.size)).image
    half, height = painting.width // 2, painting.height
    parts = painting.crop((0, 0, half, height)), painting.crop((half, 0, 2 * half, height))

    def grams(image: Image.Image) -> list[torch.Tensor]:
        features = backbone(to_tensor(image), [f"relu{block}_1" for block in (1, 2, 3)])
        return [gram(layer) for layer in features.values()]

    targets = [grams(fit(style, 96)) for style in styles]

    def distance(part: Image.Image, target: list[torch.Tensor]) -> float:
        return sum(float(style_loss(g, a)) for g, a in zip(grams(part), target, strict=True))

    for number, part in enumerate(parts):
        assert 3 * distance(part, targets[number]) < distance(part, targets[1 - number])


@pytest.mark.parametrize(
    ("mask", "styles", "message"),
    [
        (Image.new("L", (50, 90), 255), 1, "another shape"),
        (Image.new("L", (120, 96)), 1, "black or transparent everywhere"),
        (Image.new("L", (120, 96), 255), 3, "one style or two"),
    ],
)
def test_an_unusable_mask_is_rejected(
    photo: Image.Image, style: Image.Image, mask: Image.Image, styles: int, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        stylize(photo, [style] * styles, SMALL, mask=mask)


def test_style_weights_with_a_mask_are_rejected(photo: Image.Image, style: Image.Image) -> None:
    weighted = Settings(size=96, style_weights=(1, 2))
    with pytest.raises(ValueError, match="style_weights is for styles that blend"):
        stylize(photo, [style, style], weighted, mask=_mask(photo.size))


def test_a_transparent_mask_equals_a_black_one(photo: Image.Image, style: Image.Image, backbone: Backbone) -> None:
    drawn = Image.new("RGBA", photo.size, (0, 0, 0, 0))
    drawn.paste("white", (0, 0, photo.width // 2, photo.height))
    settings = Settings(size=96, steps=3)
    frames = [_last(photo, [style], settings, backbone, m) for m in (drawn, _mask(photo.size))]
    assert frames[0].image.tobytes() == frames[1].image.tobytes()


def test_transparent_parts_of_a_photo_are_not_painted(
    photo: Image.Image, style: Image.Image, backbone: Backbone
) -> None:
    cut = photo.convert("RGBA")
    cut.putalpha(_mask(photo.size))
    settings = Settings(size=96, steps=6)
    pictures = open_pictures(cut, [style, style], settings, keep_alpha=True)
    *_, frame = run(pictures, settings, backbone)
    painted = np.asarray(frame.image, dtype=int)
    assert (painted[:, 50:] == 255).all()
    before = np.asarray(fit(photo, 96), dtype=int)
    assert np.abs(painted - before)[:, :40].mean() > 3
    with pytest.raises(ImageError, match="transparent everywhere"):
        open_pictures(Image.new("RGBA", (99, 99)), [style], settings, keep_alpha=True)
