import pytest
import torch
from PIL import Image
from torch import Tensor

from nst.images import fit
from nst.images.tensors import to_tensor
from nst.optimise.palette import toward_palette
from nst.optimise.regions import Region


@pytest.fixture
def picture(photo: Image.Image) -> Tensor:
    return to_tensor(fit(photo, 96))


def _distance(one: Tensor, other: Image.Image) -> float:
    """Mean difference of the quantiles of two pictures, channel by channel."""
    steps = torch.linspace(0, 1, 99)
    first, second = (
        torch.stack([channel.flatten().quantile(steps) for channel in picture[0]])
        for picture in (one, to_tensor(other))
    )
    return float((first - second).abs().mean())


def test_colours_get_the_distribution_of_the_styles(picture: Tensor, style: Image.Image) -> None:
    small, region = fit(style, 96), [Region([(style, 1.0)])]
    before, after = (_distance(picture, small), _distance(toward_palette(picture, region, 1.0), small))
    assert after < 0.04 < 0.1 < before
    assert after < _distance(toward_palette(picture, region, 0.5), small) < before
    assert torch.equal(toward_palette(picture, region, 0.0), picture)
    assert torch.equal(toward_palette(picture, [Region([])], 1.0), picture)


def test_equal_colours_stay_equal(picture: Tensor, style: Image.Image) -> None:
    picture[..., :40] = torch.tensor([0.2, 0.4, 0.9]).view(1, 3, 1, 1)
    part = toward_palette(picture, [Region([(style, 1.0)])], 1.0)[..., :40]
    assert float(part.flatten(2).std(2).max()) < 1e-4
    for flat in (0.0, 0.5, 1.0):
        wall = toward_palette(torch.full((1, 3, 16, 16), flat), [Region([(style, 1.0)])], 1.0)
        assert float(wall.flatten(2).std(2).max()) < 1e-4


def test_styles_count_by_their_shares(picture: Tensor) -> None:
    red, blue = (Image.new("RGB", (64, 64), colour) for colour in ("red", "blue"))
    mixed = toward_palette(picture, [Region([(red, 0.75), (blue, 0.25)])], 1.0)
    assert float((mixed[:, 0] > 0.5).float().mean()) == pytest.approx(0.75, abs=0.03)


def test_each_region_has_its_own_colours(picture: Tensor) -> None:
    red = Image.new("RGB", (64, 64), "red")
    mask = Image.new("L", (96, 77))
    mask.paste(255, (0, 0, 48, 77))
    moved = toward_palette(picture, [Region([(red, 1.0)], mask)], 1.0)
    assert torch.equal(moved[..., 48:], picture[..., 48:])
    assert float((moved[..., :48] - to_tensor(red)[..., :1, :1]).abs().max()) < 0.01
