"""Every recipe against its formula in NumPy, and its gradient against finite differences."""

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import torch
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from PIL import Image

from nst import RECIPES, Settings, stylize
from nst.images.tensors import to_tensor
from nst.network.device import Arithmetic
from nst.network.vgg import Backbone
from nst.network.weights import bundled_weights
from nst.optimise import objective
from nst.optimise.objective import Objective, balance
from nst.optimise.regions import Region
from nst.recipes import SOURCES, describe_recipe

Features = dict[str, NDArray[np.float64]]
CONVS = [f"conv{block}_1" for block in range(1, 6)]
RELUS = [f"relu{block}_1" for block in range(1, 6)]
SCRATCH = [*CONVS[:4], "relu5_1"]


def _rows(features: NDArray[np.float64]) -> NDArray[np.float64]:
    return features[0].reshape(features.shape[1], -1)


def _gram(features: NDArray[np.float64]) -> NDArray[np.float64]:
    return _rows(features) @ _rows(features).T


def _squares(f: Features, p: Features, layer: str) -> float:
    return float(((f[layer] - p[layer]) ** 2).sum())


def _gatys_style(f: Features, s: Features, layers: list[str]) -> float:
    total = 0.0
    for layer in layers:
        n, m = _rows(f[layer]).shape
        total += 0.2 * ((_gram(f[layer]) - _gram(s[layer])) ** 2).sum() / (4 * n**2 * m**2)
    return total


def _relative_style(f: Features, s: Features) -> float:
    total = 0.0
    for layer, weight in zip(RELUS, (0.1, 0.25, 0.4, 0.2, 0.05), strict=True):
        a = _gram(s[layer])
        total += weight * ((_gram(f[layer]) - a) ** 2).sum() / (a**2).sum()
    return total


def _matching(f: Features, s: Features) -> float:
    return 0.5 * (_nearest(f, s, "relu3_1") + _nearest(f, s, "relu4_1"))


def _nearest(f: Features, s: Features, layer: str) -> float:
    units = []
    for features in (f, s):
        rows = _rows(features[layer]).T
        rows = rows - rows.mean(0)
        units.append(rows / np.linalg.norm(rows, axis=1, keepdims=True))
    distance = 1 - units[0] @ units[1].T
    return float(distance.min(1).mean() + distance.min(0).mean())


def _variation(x: NDArray[np.float64]) -> float:
    return float((np.diff(x, axis=2) ** 2).mean() + (np.diff(x, axis=3) ** 2).mean())


def _atelier(x: NDArray[np.float64], f: Features, p: Features, s: Features) -> float:
    before = p["relu4_1"][0]
    energies = np.pad((before**2).sum(0), 1, constant_values=np.nan)
    around = np.nanmean(sliding_window_view(energies, (3, 3)), axis=(2, 3)) ** 0.5
    weights = around * (before**2).sum() / (around * (before**2).sum(0)).sum()
    content = (weights * (f["relu4_1"][0] - before) ** 2).sum() / (before**2).sum()
    style = _relative_style(f, s) + 0.35 * _matching(f, s)
    return 0.1 * content + style + 25 * 0.3**3 * _variation(x)


def _gatys(x: NDArray[np.float64], f: Features, p: Features, s: Features) -> float:
    return 1e-3 * _squares(f, p, "conv4_2") / 2 + _gatys_style(f, s, CONVS)


def _deep_art(x: NDArray[np.float64], f: Features, p: Features, s: Features) -> float:
    content = _squares(f, p, "conv4_2") / (4 * f["conv4_2"].size)
    return 10 * content + 40 * _gatys_style(f, s, CONVS)


def _with_gans(x: NDArray[np.float64], f: Features, p: Features, s: Features) -> float:
    content = 1e-3 * _squares(f, p, "relu5_3") / 2
    return 1e-8 * (content + _gatys_style(f, s, RELUS)) + 25 * 0.25**3 * _variation(x)


def _from_scratch(x: NDArray[np.float64], f: Features, p: Features, s: Features) -> float:
    # The source's features are 255 times smaller.
    f, p, s = ({k: v / 255 for k, v in features.items()} for features in (f, p, s))
    content = sum(((f[k] - p[k]) ** 2).mean() for k in SCRATCH)
    style = sum(((_gram(f[k]) - _gram(s[k])) ** 2).mean() for k in SCRATCH)
    return float(0.9 * content + 0.1 * style)


def _texture(x: NDArray[np.float64], f: Features, p: Features, s: Features) -> float:
    return _relative_style(f, s) + 0.35 * _matching(f, s)


def _reconstruct(x: NDArray[np.float64], f: Features, p: Features, s: Features) -> float:
    return 0.1 * _squares(f, p, "conv4_2") / 2


FORMULAS: dict[str, Callable[..., float]] = {
    "atelier": _atelier,
    "gatys": _gatys,
    "deep-art-gallery": _deep_art,
    "painting-with-gans": _with_gans,
    "from-scratch": _from_scratch,
    "texture": _texture,
    "reconstruct": _reconstruct,
}


GRAM = [name for name, settings in RECIPES.items() if settings.method == "gram"]
"""`tests.optimise.test_methods` has the others."""


@pytest.fixture(scope="module")
def exact() -> Backbone:
    return Backbone(bundled_weights(), torch.device("cpu"), Arithmetic(torch.float64))


@pytest.fixture(scope="module")
def pictures(photo: Image.Image) -> tuple[torch.Tensor, Image.Image, torch.Tensor]:
    """The photo, a style, and a noisy copy of the photo, all 64 x 32."""
    random = np.random.default_rng(0)
    small = photo.resize((64, 32))
    style = Image.fromarray(random.integers(0, 256, (16, 16, 3), np.uint8)).resize((64, 32))
    target = to_tensor(small).double()
    noise = torch.from_numpy(random.uniform(-0.1, 0.1, target.shape))
    return target, style, (target + noise).clamp(0.01, 0.99)


@pytest.mark.parametrize("name", GRAM)
def test_a_recipe_follows_its_formula_and_gradient(
    name: str,
    exact: Backbone,
    pictures: tuple[torch.Tensor, Image.Image, torch.Tensor],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(objective, "COARSE_SIZE", 0)
    target, style, x = pictures
    settings = replace(RECIPES[name], size=64)
    evaluate = Objective(target, [Region([(style, 1.0)])], 64, settings, exact)
    losses, gradient = evaluate(x)

    layers = [*CONVS, *RELUS, "relu4_1", "conv4_2", "relu5_3"]
    f, p, s = (
        {k: v.numpy() for k, v in exact(image, layers, settings.pooling).items()}
        for image in (x, target, to_tensor(style).double())
    )
    assert float(losses["total"]) == pytest.approx(FORMULAS[name](x.numpy(), f, p, s), rel=1e-4)

    # Strokes are matched anew every ten evaluations; these are two.
    step = 1e-7 * torch.from_numpy(np.random.default_rng(1).standard_normal(x.shape))
    rise = evaluate(x + step)[0]["total"] - evaluate(x - step)[0]["total"]
    assert float((gradient * step).sum()) == pytest.approx(rise / 2, rel=1e-3)


@pytest.mark.parametrize(("strength", "odds"), [(0.25, 3), (0.5, 1), (0.75, 1 / 3)])
def test_strength_moves_weight_from_content_to_style(strength: float, odds: float) -> None:
    content, style, _ = balance(Settings(strength=strength, content_weight=7, style_weight=5))
    assert content / style == pytest.approx(odds * 7 / 5)
    assert content / 7 + style / 5 == pytest.approx(2)
    assert balance(Settings(strength=0))[1] == balance(Settings(strength=1))[0] == 0


def test_small_pictures_match_edges_only(
    exact: Backbone, pictures: tuple[torch.Tensor, Image.Image, torch.Tensor]
) -> None:
    target, style, x = pictures
    losses, _ = Objective(target, [Region([(style, 1.0)])], 64, Settings(size=64), exact)(x)
    f, s = ({k: v.numpy() for k, v in exact(image, RELUS).items()} for image in (x, to_tensor(style).double()))
    expected = _relative_style(f, s) + 0.35 * _nearest(f, s, "relu3_1")
    assert float(losses["style"]) == pytest.approx(expected, rel=1e-4)


def test_content_weighs_more_at_coarse_scales(
    exact: Backbone, pictures: tuple[torch.Tensor, Image.Image, torch.Tensor]
) -> None:
    target, style, x = pictures
    last, coarse = (
        Objective(target, [Region([(style, 1.0)])], 64, Settings(size=size), exact)(x)[0] for size in (64, 256)
    )
    assert coarse["content"] == pytest.approx(4 * last["content"])
    assert (coarse["style"], coarse["tv"]) == pytest.approx((last["style"], last["tv"]))


@pytest.mark.parametrize("name", GRAM)
def test_a_recipe_lowers_its_loss(name: str, photo: Image.Image, style: Image.Image, backbone: Backbone) -> None:
    settings = replace(RECIPES[name], size=64, steps=10)
    first, *_, last = [loss["total"] for frame in stylize(photo, [style], settings, backbone) for loss in frame.log]
    assert last < first


def test_every_recipe_has_a_source_and_names_another_network() -> None:
    assert list(SOURCES) == list(RECIPES)
    for name in RECIPES:
        for network in ("VGG-16", "VGG-19"):
            text = describe_recipe(name, network)
            assert SOURCES[name].formula in text
            assert (f"here {network} paints" in text) == (network not in (SOURCES[name].backbones or [network]))


def test_reconstruct_needs_no_style(photo: Image.Image, backbone: Backbone) -> None:
    settings = replace(RECIPES["reconstruct"], size=64, steps=12)
    losses = [loss["total"] for f in stylize(photo, [], settings, backbone) for loss in f.log]
    assert len(losses) == 12
    assert sum(b <= a for a, b in pairwise(losses)) > 8
    with pytest.raises(ValueError, match="at least one style"):
        stylize(photo, [], Settings())
