import pytest
import torch
from PIL import Image

from nst import Settings
from nst.images.tensors import to_tensor
from nst.network.cache import ByteCache
from nst.network.device import Arithmetic
from nst.network.vgg import Backbone
from nst.network.weights import bundled_weights
from nst.optimise import targets
from nst.optimise.targets import StyleTargets, fit_style, style_targets, without_edge

LAYERS = ("relu3_1",)


def test_targets_are_cached_for_each_network_and_setting(style: Image.Image) -> None:
    small = fit_style(style, 64, 1)
    one, another = (Backbone(bundled_weights(), torch.device("cpu"), Arithmetic(torch.float32)) for _ in range(2))

    def compute(backbone: Backbone, share: float = 1.0, image: Image.Image = small, seed: int = 0) -> StyleTargets:
        return style_targets(image, share, Settings(seed=seed), LAYERS, backbone)

    first = compute(one)
    assert compute(one, image=small.copy()) is first
    changed = [compute(another), compute(one, share=0.5), compute(one, image=small.rotate(180)), compute(one, seed=1)]
    assert all(other is not first for other in changed)
    assert list(first.grams) == [f"relu{block}_1" for block in range(1, 6)]
    tensors = (*first.grams.values(), *first.directions.values())
    assert first.nbytes == sum(4 * x.numel() for x in tensors)


def test_energies_are_measured_at_every_content_layer(style: Image.Image, backbone: Backbone) -> None:
    settings = Settings(content_layers=(("conv4_2", 1.0),), detail=0.5)
    style = style.resize((96, 64))
    energies = style_targets(style, 1.0, settings, (), backbone).mean_energies
    features = backbone(to_tensor(style), ["relu3_1", "conv4_2"])
    expected = {k: float(x.float().square().sum(1).mean()) for k, x in features.items()}
    assert energies == pytest.approx(expected, rel=1e-3)


def test_a_style_in_tiles_has_the_targets_of_the_whole(style: Image.Image, monkeypatch: pytest.MonkeyPatch) -> None:
    exact = Backbone(bundled_weights(), torch.device("cpu"), Arithmetic(torch.float32))
    large, settings = style.resize((300, 210)), Settings(style_layers="relu1_1,relu4_1,relu5_1")
    with torch.no_grad():
        whole = style_targets(large, 1.0, settings, LAYERS, exact)
        monkeypatch.setattr(targets, "STYLE_TILE", 128)
        exact.cache = ByteCache()
        tiled = style_targets(large, 1.0, settings, LAYERS, exact)
    for k, expected in whole.grams.items():
        assert (tiled.grams[k] - expected).norm() < 1e-5 * expected.norm()
    assert tiled.mean_energies == pytest.approx(whole.mean_energies)
    # Other positions are sampled.
    means = (found.directions["relu3_1"].mean(0) for found in (whole, tiled))
    assert float(next(means).dot(next(means))) > 0


def test_margins_are_cut_and_narrow_styles_stay_wide_enough() -> None:
    assert without_edge(Image.new("RGB", (300, 200))).size == (280, 180)
    assert without_edge(Image.new("RGB", (300, 40))).size == (300, 40)
    assert fit_style(Image.new("RGB", (1000, 50)), 64, 1).size == (320, 16)


def test_a_style_is_enlarged_only_by_its_scale() -> None:
    style = Image.new("RGB", (600, 300))
    assert fit_style(style, 512, 0.5).size == (256, 128)
    assert fit_style(style, 4096, 1).size == (600, 300)
    assert fit_style(style, 4096, 2).size == (1200, 600)
