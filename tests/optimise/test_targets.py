import pytest
import torch
from PIL import Image

from nst import Settings
from nst.images.tensors import to_tensor
from nst.network.device import Arithmetic
from nst.network.vgg import Backbone
from nst.network.weights import bundled
from nst.optimise import targets
from nst.optimise.targets import StyleTargets, fit_style, style_targets, tiles, without_edge

LAYERS = ("relu3_1",)


def test_a_style_is_studied_once_for_each_network(style: Image.Image) -> None:
    small = fit_style(style, 64)
    one, other = (
        Backbone(bundled(), torch.device("cpu"), Arithmetic(torch.float32)) for _ in range(2)
    )

    def study(
        backbone: Backbone, share: float = 1.0, image: Image.Image = small, seed: int = 0
    ) -> StyleTargets:
        return style_targets(image, share, Settings(seed=seed), LAYERS, backbone)

    first = study(one)
    assert study(one, image=small.copy()) is first
    changed = [
        study(other),
        study(one, share=0.5),
        study(one, image=small.rotate(180)),
        study(one, seed=1),
    ]
    assert all(found is not first for found in changed)
    assert list(first.grams) == [f"relu{block}_1" for block in range(1, 6)]
    tensors = (*first.grams.values(), *first.directions.values())
    assert first.nbytes == sum(4 * x.numel() for x in tensors)


def test_a_styles_energy_is_known_wherever_the_content_is_compared(
    style: Image.Image, backbone: Backbone
) -> None:
    settings = Settings(content_layers=(("conv4_2", 1.0),), detail=0.5)
    style = style.resize((96, 64))
    found = style_targets(style, 1.0, settings, (), backbone).energies
    features = backbone(to_tensor(style), ["relu3_1", "conv4_2"])
    expected = {k: float(x.float().square().sum(1).mean()) for k, x in features.items()}
    assert found == pytest.approx(expected, rel=1e-3)


def test_a_style_in_parts_is_the_style() -> None:
    parts = list(tiles(torch.rand(1, 3, 1500, 2100)))
    assert len(parts) == 6
    assert max(max(tile.shape[2:]) for tile, _ in parts) <= targets.TILE
    assert sum(share for _, share in parts) == pytest.approx(1)


def test_a_scans_margin_is_cut_and_a_ribbon_stays_wide_enough() -> None:
    assert without_edge(Image.new("RGB", (300, 200))).size == (280, 180)
    assert without_edge(Image.new("RGB", (300, 40))).size == (300, 40)
    assert fit_style(Image.new("RGB", (1000, 50)), 64).size == (320, 16)
