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
from nst.optimise.stylize import _in_palette, _start


def test_a_larger_painting_is_made_smaller_without_aliasing(photo: Image.Image) -> None:
    stripes = torch.zeros(1, 3, 400, 500)
    stripes[..., ::2] = 1
    target = to_tensor(fit(photo, 120))
    begun = _start(target, stripes, [], Settings())
    assert begun.shape == target.shape
    assert float((begun[..., 4:-4] - 0.5).abs().max()) < 0.05
    same = _start(target, target, [], Settings())
    assert torch.equal(same, target)


def test_the_photo_lends_its_detail_as_far_as_it_is_to_remain(photo: Image.Image) -> None:
    target = to_tensor(fit(photo, 128))
    coarser = to_tensor(fit(photo, 64))

    def away(**knobs: Any) -> float:
        begun = _start(target, coarser, [], Settings(**knobs))
        return float((begun - target).abs().mean())

    assert away(strength=0.0) == away(strength=0.9, detail=1.0) < 0.005
    assert away(strength=0.8) == away(strength=1.0) > away(strength=0.2)
    assert away(strength=0.8, detail=0.5) == away(strength=0.4)
    assert away(strength=0.0, init="draft") == away(strength=1.0)


@pytest.mark.parametrize(("strength", "moved"), [(0.0, 0.0), (0.25, 0.5), (0.5, 1.0)])
def test_the_photo_comes_into_the_palette_as_far_as_it_is_not_to_remain(
    photo: Image.Image, style: Image.Image, strength: float, moved: float
) -> None:
    def away(strength: float) -> float:
        there = _in_palette(photo, [Region([(style, 1.0)])], Settings(strength=strength))
        return float(np.abs(np.asarray(there, dtype=float) - np.asarray(photo)).mean())

    assert away(1.0) > 10
    assert away(strength) == pytest.approx(moved * away(1.0), rel=0.05)


@pytest.mark.parametrize("name", ["gatys", "painting-with-gans", "from-scratch"])
def test_recipes_of_others_have_the_photo_as_it_is(
    name: str, photo: Image.Image, style: Image.Image
) -> None:
    assert _in_palette(photo, [Region([(style, 1.0)])], RECIPES[name]) is photo
    assert _in_palette(photo, [Region([])], Settings()) is photo
