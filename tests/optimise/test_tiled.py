"""A picture in tiles: the same losses and gradient as of the whole."""

import pytest
import torch
from PIL import Image
from torch import Tensor

from nst import Settings
from nst.network.device import Arithmetic
from nst.network.vgg import Backbone
from nst.network.weights import bundled_weights
from nst.optimise import losses, tiled
from nst.optimise.losses import add_total_variation, total_variation
from nst.optimise.objective import Objective
from nst.optimise.regions import Region
from nst.optimise.tiled import TiledObjective

HEIGHT, WIDTH = 98, 134
EXACT = Arithmetic(torch.float32)


@pytest.fixture(scope="module")
def exact() -> Backbone:
    return Backbone(bundled_weights(), torch.device("cpu"), EXACT)


def _picture(seed: int) -> Tensor:
    random = torch.Generator().manual_seed(seed)
    small = torch.rand(1, 3, HEIGHT // 5, WIDTH // 5, generator=random)
    fine = 0.2 * torch.rand(1, 3, HEIGHT, WIDTH, generator=random)
    large = torch.nn.functional.interpolate(small, (HEIGHT, WIDTH), mode="bicubic")
    return (large + fine).clamp(0, 1)


def _regions(style: Image.Image, kind: str) -> list[Region]:
    if kind == "whole":
        return [Region([(style, 1.0)])]
    mask = Image.linear_gradient("L").rotate(90).resize((WIDTH, HEIGHT))
    if kind == "one region":
        return [Region([(style, 1.0)], mask)]
    return [Region([(style, 1.0)], mask), Region([(style.rotate(90), 1.0)], Image.eval(mask, lambda v: 255 - v))]


@pytest.mark.parametrize(
    ("kind", "settings"),
    [
        ("whole", Settings(size=WIDTH * 2)),
        ("one region", Settings(size=WIDTH * 2, detail=0.5, pooling="average")),
        ("two regions", Settings(content_loss="quarter", style_loss="gatys", content_layers="conv4_2")),
    ],
)
def test_losses_and_gradient_are_those_of_the_whole(
    kind: str, settings: Settings, style: Image.Image, exact: Backbone, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tiled, "TILE", 64)
    photo, painting = _picture(0), _picture(1)
    whole, parts = (
        kind_of(photo, _regions(style, kind), 512, settings, exact) for kind_of in (Objective, TiledObjective)
    )
    # The tiles' second evaluation knows how the loss changes with the mean features.
    expected, (of_parts, gradient) = whole(painting), (parts(painting), parts(painting))[1]
    for name, value in expected[0].items():
        assert float(of_parts[name]) == pytest.approx(float(value), rel=1e-5)
    assert (gradient - expected[1]).norm() < 3e-6 * expected[1].norm()


@pytest.mark.parametrize("kind", [Objective, TiledObjective])
def test_losses_are_the_same_without_autograd(kind: type[Objective], style: Image.Image, exact: Backbone) -> None:
    objective = kind(_picture(0), _regions(style, "two regions"), 512, Settings(), exact)
    expected, _ = objective(_picture(1))
    with torch.no_grad():
        losses, _ = objective(_picture(1))
    assert {k: float(x) for k, x in losses.items()} == {k: float(x) for k, x in expected.items()}


def test_total_variation_in_bands(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(losses, "TV_ROWS", 7)
    pixels = _picture(3).requires_grad_()
    expected = total_variation(pixels)
    gradient = torch.ones_like(pixels)
    loss = add_total_variation(pixels.detach(), 0.5, gradient)
    assert float(loss) == pytest.approx(expected.item())
    torch.testing.assert_close(gradient, 1 + 0.5 * torch.autograd.grad(expected, pixels)[0])


def test_a_style_without_weight_is_no_division_by_zero(style: Image.Image, exact: Backbone) -> None:
    objective = TiledObjective(_picture(0), _regions(style, "whole"), 512, Settings(strength=0.0), exact)
    for _ in range(2):  # the second uses a sum of the first
        _, gradient = objective(_picture(1))
    assert gradient.isfinite().all()
