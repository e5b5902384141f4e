"""The picture that a scale starts from."""

from typing import Any

import torch
from PIL import Image

from nst import Settings
from nst.images import fit
from nst.images.tensors import to_tensor
from nst.optimise.stylize import _start


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
    assert away(strength=0.0) < away(strength=0.25) < away(strength=0.5) == away(strength=1.0)
    assert away(detail=0.5) == away(strength=0.25)
    assert away(strength=0.0, init="draft") == away()
