import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from nst.images import fit
from nst.images.tensors import to_tensor
from nst.optimise.palette import match_palette, toward_palette
from nst.optimise.regions import Likeness, Region


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


@pytest.mark.parametrize(("strength", "share"), [(0.0, 0.0), (0.25, 0.5), (0.5, 1.0)])
def test_the_photos_palette_follows_the_strength(
    photo: Image.Image, style: Image.Image, strength: float, share: float
) -> None:
    like = Likeness(torch.ones(1, 1, 4, 4), torch.rand(1, 3, 8, 8, generator=torch.Generator().manual_seed(0)))
    for likeness in (None, like):
        region = [Region([(style, 1.0)], likeness=likeness)]

        def distance(strength: float, region: list[Region] = region) -> float:
            moved = match_palette(photo, region, strength)
            return float(np.abs(np.asarray(moved, dtype=float) - np.asarray(photo)).mean())

        assert distance(1.0) > 10
        assert distance(strength) == pytest.approx(share * distance(1.0), rel=0.05)
    assert match_palette(photo, [Region([])], 1.0) is photo


def test_like_areas_get_the_mean_of_like_colours_and_keep_their_contrast(style: Image.Image) -> None:
    """Others get the palette of the whole style."""
    noise = np.random.default_rng(0).integers(100, 156, (128, 128, 1), dtype=np.uint8)
    grey = Image.fromarray(np.repeat(noise, 3, 2))
    degree = torch.zeros(1, 1, 8, 8)
    degree[..., 4:] = 1
    green = torch.tensor([0.2, 0.6, 0.3]).view(1, 3, 1, 1).expand(1, 3, 8, 8)
    alike, palette = (
        np.asarray(match_palette(grey, [Region([(style, 1.0)], likeness=likeness)], 0.5), dtype=float) / 255
        for likeness in (Likeness(degree, green), None)
    )
    left, right = (slice(None), slice(0, 32)), (slice(None), slice(96, 128))
    assert alike[right].mean((0, 1)) == pytest.approx([0.2, 0.6, 0.3], abs=0.04)
    assert alike[left].mean((0, 1)) == pytest.approx(palette[left].mean((0, 1)), abs=0.02)
    assert alike[right].std((0, 1)) == pytest.approx(palette[right].std((0, 1)), rel=0.2)
    picture = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    moved = toward_palette(picture, [Region([(style, 1.0)], likeness=Likeness(degree, green))], 1.0)
    assert torch.equal(moved[..., 48:], picture[..., 48:])
    assert not torch.allclose(moved[..., :16], picture[..., :16], atol=0.1)


def test_like_colours_stay_inside_the_mask(photo: Image.Image, style: Image.Image) -> None:
    mask = Image.new("L", photo.size)
    mask.paste(255, (0, 0, photo.width // 2, photo.height))
    like = Likeness(torch.ones(1, 1, 8, 8), torch.zeros(1, 3, 8, 8))
    moved = match_palette(photo, [Region([(style, 1.0)], mask, like)], 0.5)
    outside = (photo.width // 2, 0, *photo.size)
    assert moved.crop(outside).tobytes() == photo.crop(outside).tobytes()
    assert moved.tobytes() != photo.tobytes()
