"""What a run starts from, and each of its scales."""

from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from nst import RECIPES, Settings
from nst.images import fit
from nst.images.tensors import to_tensor
from nst.optimise.regions import Region
from nst.optimise.start import start_scale
from nst.optimise.stylize import _match_palette


def test_a_larger_painting_is_made_smaller_without_aliasing(photo: Image.Image) -> None:
    stripes = torch.zeros(1, 3, 400, 500)
    stripes[..., ::2] = 1
    target = to_tensor(fit(photo, 120))
    begun = start_scale(target, stripes, [], Settings())
    assert begun.shape == target.shape
    assert float((begun[..., 4:-4] - 0.5).abs().max()) < 0.05
    same = start_scale(target, target, [], Settings())
    assert torch.equal(same, target)


def test_the_photo_lends_its_detail_as_far_as_it_is_to_remain(photo: Image.Image) -> None:
    target = to_tensor(fit(photo, 128))
    coarser = to_tensor(fit(photo, 64))

    def away(**knobs: Any) -> float:
        begun = start_scale(target, coarser, [], Settings(**knobs))
        return float((begun - target).abs().mean())

    assert away(strength=0.0) == away(strength=0.9, detail=1.0) < 0.005
    assert away(strength=0.8) == away(strength=1.0) > away(strength=0.2)
    assert away(strength=0.8, detail=0.5) == away(strength=0.4)
    assert away(strength=0.0, init="noise") == away(strength=1.0)


def test_no_place_is_lent_more_detail_than_the_style_has() -> None:
    target = torch.full((1, 3, 96, 128), 0.5)
    target[..., :48:2] += 0.2
    target[..., 80::2] += 0.01
    coarser = torch.full((1, 3, 48, 64), 0.5)
    smooth, grainy = (
        Image.effect_noise((128, 128), deviation).convert("RGB") for deviation in (8, 80)
    )

    def lent(*regions: Region, **knobs: Any) -> tuple[float, float]:
        begun = start_scale(target, coarser, regions, Settings(**knobs))
        left, right = (begun[..., place].std() for place in (slice(40), slice(88, None)))
        return float(left), float(right)

    all_of_it = lent()
    calm, rough = lent(Region([(smooth, 1.0)])), lent(Region([(grainy, 1.0)]))
    assert rough == pytest.approx(all_of_it, rel=0.01)
    assert calm[0] < 0.4 * all_of_it[0]
    assert calm[1] == pytest.approx(all_of_it[1], rel=0.01)
    assert calm[0] < lent(Region([(smooth, 0.5), (grainy, 0.5)]))[0]
    nothing = Region([(Image.new("RGB", (64, 64)), 1.0)])
    assert lent(nothing)[0] < 0.001
    assert lent(nothing, strength=0.0) == lent(strength=0.0)
    assert lent(nothing, detail=1.0) == lent(detail=1.0)
    elsewhere = Image.new("L", (128, 96))
    elsewhere.paste(255, (64, 0, 128, 96))
    assert lent(Region([(smooth, 1.0)], elsewhere))[0] == all_of_it[0]


@pytest.mark.parametrize(("strength", "moved"), [(0.0, 0.0), (0.25, 0.5), (0.5, 1.0)])
def test_the_photo_comes_into_the_palette_as_far_as_it_is_not_to_remain(
    photo: Image.Image, style: Image.Image, strength: float, moved: float
) -> None:
    def away(strength: float) -> float:
        there = _match_palette(photo, [Region([(style, 1.0)])], Settings(strength=strength))
        return float(np.abs(np.asarray(there, dtype=float) - np.asarray(photo)).mean())

    assert away(1.0) > 10
    assert away(strength) == pytest.approx(moved * away(1.0), rel=0.05)


@pytest.mark.parametrize("name", ["gatys", "painting-with-gans", "from-scratch"])
def test_recipes_of_others_have_the_photo_as_it_is(
    name: str, photo: Image.Image, style: Image.Image
) -> None:
    assert _match_palette(photo, [Region([(style, 1.0)])], RECIPES[name]) is photo
    assert _match_palette(photo, [Region([])], Settings()) is photo
