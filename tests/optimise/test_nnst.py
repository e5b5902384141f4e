"""The losses of neural neighbours against their formulas in NumPy, and the post-processing."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from nst import RECIPES
from nst.colour import lightness
from nst.images import fit
from nst.images.tensors import to_tensor
from nst.network.vgg import Backbone
from nst.optimise.laplacian import resize
from nst.optimise.nnst import columns, cosine_loss, hue_matcher, joint_filter, query_picture, rotations
from nst.optimise.scene import Scene
from nst.optimise.targets import never_cancelled

NNST = replace(RECIPES["nnst"], size=64)


def _rows(count: int, width: int, seed: int) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(seed).uniform(-1, 2, (count, width)))


def test_the_loss_is_the_mean_cosine_distance() -> None:
    own, style = _rows(10, 6, 0), _rows(10, 6, 1)
    lengths = np.linalg.norm(own, axis=1) * np.linalg.norm(style, axis=1)
    expected = (1 - (own.numpy() * style.numpy()).sum(1) / lengths).mean()
    target = torch.nn.functional.normalize(style)
    assert float(cosine_loss(iter((own[:, :2], own[:, 2:])), target)) == pytest.approx(expected)
    check = torch.autograd.gradcheck
    assert check(lambda x: cosine_loss(iter((x[:, :4], x[:, 4:])), target), own.requires_grad_())


def test_columns_are_features_divided_by_their_channels(backbone: Backbone, photo: Image.Image) -> None:
    pixels = to_tensor(fit(photo, 64))
    layers = {"relu1_1": 1.0, "relu3_1": 2.0}
    first, second = columns(pixels, layers, backbone, "max")
    features = backbone(pixels, layers)
    size = (pixels.shape[2] // 4, pixels.shape[3] // 4)
    for part, (name, channels) in zip((first, second), (("relu1_1", 64), ("relu3_1", 256)), strict=True):
        expected = resize(features[name].float(), size)[0].flatten(1).T * layers[name] / channels / backbone.gain
        assert torch.allclose(part, expected, rtol=1e-4, atol=1e-7)


@pytest.mark.parametrize(("strength", "of_photo"), [(0.5, 0.75), (1.0, 0.0), (0.0, 1.0)])
def test_the_photo_and_the_result_so_far_are_matched(strength: float, of_photo: float, backbone: Backbone) -> None:
    photo, coarser = torch.full((1, 3, 16, 16), 0.2), torch.full((1, 3, 8, 8), 0.8)
    scene = Scene(photo, coarser, [], 16, False, replace(NNST, strength=strength), backbone, never_cancelled)
    expected = of_photo * 0.2 + (1 - of_photo) * 0.8
    assert torch.allclose(query_picture(scene), torch.tensor(expected), atol=1e-5)
    assert query_picture(replace(scene, coarser=None)) is photo
    without_weights = replace(NNST, strength=0.0, content_weight=0.0)
    assert torch.allclose(query_picture(replace(scene, settings=without_weights)), torch.tensor(0.8), atol=1e-5)


def test_styles_are_turned_four_ways() -> None:
    picture = torch.arange(6.0).view(1, 1, 2, 3)
    assert [turned[0, 0].flatten().tolist() for turned in rotations(picture)] == [
        [0, 1, 2, 3, 4, 5],
        [2, 5, 1, 4, 0, 3],
        [5, 4, 3, 2, 1, 0],
        [3, 0, 4, 1, 5, 2],
    ]


def test_the_filter_smooths_within_edges_only() -> None:
    random = torch.Generator().manual_seed(0)
    halves = (torch.arange(32) >= 16).float().expand(1, 1, 24, 32)
    noisy = (halves + 0.2 * torch.randn(1, 3, 24, 32, generator=random)).clamp(0, 1)
    smooth = joint_filter(noisy, halves)
    assert smooth[..., :16].std() < 0.5 * noisy[..., :16].std()
    assert smooth[..., 15].mean() < 0.2 < 0.8 < smooth[..., 16].mean()
    flat = torch.full_like(halves, 0.5)
    assert joint_filter(noisy, flat)[..., 15].mean() > 0.3


def test_hues_are_those_of_the_style_and_lightness_that_of_the_painting(photo: Image.Image) -> None:
    red = Image.effect_noise((64, 64), 40).convert("L")
    style = Image.merge("RGB", (red, red.point(lambda v: v // 4), red.point(lambda v: v // 4)))
    painting = photo.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    result = hue_matcher(photo, [(style, 1.0)], NNST)(painting)
    before, after = (np.asarray(lightness(image), dtype=float) for image in (painting, result))
    assert np.abs(before - after).mean() < 6  # colours outside of the gamut change it
    mean = np.asarray(result, dtype=float).mean((0, 1))
    assert mean[0] > 1.5 * mean[1:].max()
