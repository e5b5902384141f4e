from typing import Any

import pytest
import torch
from PIL import Image

from nst import Settings
from nst.images import fit
from nst.images.tensors import to_tensor
from nst.optimise.regions import Region
from nst.optimise.start import start_scale


def test_a_larger_painting_is_scaled_down_without_aliasing(photo: Image.Image) -> None:
    stripes = torch.zeros(1, 3, 400, 500)
    stripes[..., ::2] = 1
    target = to_tensor(fit(photo, 120))
    start = start_scale(target, stripes, [], Settings())
    assert start.shape == target.shape
    assert float((start[..., 4:-4] - 0.5).abs().max()) < 0.05
    same = start_scale(target, target, [], Settings())
    assert torch.equal(same, target)


def test_photo_detail_decreases_with_strength_and_increases_with_detail(photo: Image.Image) -> None:
    target = to_tensor(fit(photo, 128))
    coarser = to_tensor(fit(photo, 64))

    def distance(**options: Any) -> float:
        start = start_scale(target, coarser, [], Settings(**options))
        return float((start - target).abs().mean())

    assert distance(strength=0.0) == distance(strength=0.9, detail=1.0) < 0.005
    assert distance(strength=0.8) == distance(strength=1.0) > distance(strength=0.2)
    assert distance(strength=0.8, detail=0.5) == distance(strength=0.4)
    assert distance(strength=0.0, init="noise") == distance(strength=1.0)


def test_photo_detail_is_limited_to_that_of_the_style() -> None:
    target = torch.full((1, 3, 96, 128), 0.5)
    target[..., :48:2] += 0.2
    target[..., 80::2] += 0.01
    coarser = torch.full((1, 3, 48, 64), 0.5)
    smooth, grainy = (Image.effect_noise((128, 128), deviation).convert("RGB") for deviation in (8, 80))

    def detail(*regions: Region, **options: Any) -> tuple[float, float]:
        start = start_scale(target, coarser, regions, Settings(**options))
        left, right = (start[..., columns].std() for columns in (slice(40), slice(88, None)))
        return float(left), float(right)

    unlimited = detail()
    by_smooth, by_grainy = detail(Region([(smooth, 1.0)])), detail(Region([(grainy, 1.0)]))
    assert by_grainy == pytest.approx(unlimited, rel=0.01)
    assert by_smooth[0] < 0.4 * unlimited[0]
    assert by_smooth[1] == pytest.approx(unlimited[1], rel=0.01)
    assert by_smooth[0] < detail(Region([(smooth, 0.5), (grainy, 0.5)]))[0]
    flat = Region([(Image.new("RGB", (64, 64)), 1.0)])
    assert detail(flat)[0] < 0.001
    assert detail(flat, strength=0.0) == detail(strength=0.0)
    assert detail(flat, detail=1.0) == detail(detail=1.0)
    right_half = Image.new("L", (128, 96))
    right_half.paste(255, (64, 0, 128, 96))
    assert detail(Region([(smooth, 1.0)], right_half))[0] == unlimited[0]
