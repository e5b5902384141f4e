"""Runs by the methods of other papers, their gradients, and what they do not support."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from nst import RECIPES, Frame, Settings, stylize
from nst.errors import InputError
from nst.images.tensors import to_tensor
from nst.network.device import Arithmetic
from nst.network.vgg import Backbone
from nst.network.weights import bundled_weights
from nst.optimise import nnst, strotss
from nst.optimise import stylize as optimisation
from nst.optimise.methods import METHODS, MethodObjective, method_start
from nst.optimise.pictures import open_pictures
from nst.optimise.recorder import RunOptions
from nst.optimise.scene import Scene
from nst.optimise.stylize import run
from nst.optimise.targets import never_cancelled
from nst.settings import LAYER_NAMES

FAST: dict[str, Any] = {"style_layers": {"relu3_1": 1}}  # a tenth of a step by all layers


@pytest.fixture(autouse=True)
def _few_positions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(strotss, "POSITIONS", 100)
    monkeypatch.setattr(strotss, "POOL", 400)
    monkeypatch.setattr(nnst, "SPLIT_POSITIONS", 100)
    monkeypatch.setattr(nnst, "SPLIT_COLUMNS", 400)


def _frames(photo: Image.Image, styles: list[Image.Image], backbone: Backbone, name: str, **changes: Any) -> Frame:
    """The last frame, with the losses of all steps."""
    settings = replace(RECIPES[name], size=64, **changes)
    frames = list(stylize(photo, styles, settings, backbone))
    return replace(frames[-1], log=tuple(losses for frame in frames for losses in frame.log))


@pytest.mark.parametrize("name", METHODS)
def test_a_run_lowers_its_loss_and_follows_its_seed(
    name: str, photo: Image.Image, style: Image.Image, backbone: Backbone
) -> None:
    # The first steps of L-BFGS, which is the optimiser of CNNMRF, raise the loss.
    steps = {"strotss": 4, "nnst": 8, "cnnmrf": 12}[name]
    first, again = (_frames(photo, [style], backbone, name, steps=steps) for _ in range(2))
    losses = [loss["total"] for loss in first.log]
    passes = [losses[:4], losses[4:]] if name == "nnst" else [losses]
    assert all(part[-1] < part[0] for part in passes)
    assert first.done
    assert not first.failed
    assert list(first.losses) == ["total", "content", "style", "tv"]
    assert again.image.tobytes() == first.image.tobytes()


@pytest.mark.parametrize("name", METHODS)
def test_styles_blend(name: str, photo: Image.Image, backbone: Backbone) -> None:
    red, blue = (Image.new("RGB", (48, 48), colour) for colour in ("#e03020", "#2030e0"))

    def redness(weights: tuple[int, int]) -> float:
        frame = _frames(photo, [red, blue], backbone, name, steps=6, style_weights=weights, **FAST)
        mean = np.asarray(frame.image, dtype=float).mean((0, 1))
        return float(mean[0] - mean[2])

    assert redness((1, 0)) > redness((1, 1)) > redness((0, 1))


@pytest.mark.parametrize("is_last", [False, True])
@pytest.mark.parametrize("name", METHODS)
def test_the_gradient_is_that_of_the_loss(name: str, is_last: bool, photo: Image.Image, style: Image.Image) -> None:
    exact = Backbone(bundled_weights(), torch.device("cpu"), Arithmetic(torch.float64))
    target = to_tensor(photo.resize((48, 32))).double()
    settings = replace(RECIPES[name], size=64, smoothness=0.2, style_layers={"relu1_1": 1, "relu3_1": 0.5})  # type: ignore[arg-type]
    scene = Scene(target, target, [(style, 1.0)], 48, is_last, settings, exact, never_cancelled)
    random = np.random.default_rng(0)
    x = (target + torch.from_numpy(random.uniform(-0.1, 0.1, target.shape))).clamp(0.01, 0.99)
    step = 1e-6 * torch.from_numpy(random.standard_normal(x.shape))
    # A new objective samples the same positions.
    losses, gradient = MethodObjective(scene)(x)
    rise = MethodObjective(scene)(x + step)[0]["total"] - MethodObjective(scene)(x - step)[0]["total"]
    assert float((gradient * step).sum()) == pytest.approx(rise / 2, rel=1e-3)
    assert losses["total"] == pytest.approx(losses["content"] + losses["style"] + losses["tv"])
    assert losses["tv"] > 0


def test_the_start_of_strotss_is_the_styles_colour_with_the_photos_edges(
    photo: Image.Image, backbone: Backbone
) -> None:
    red, blue = (Image.new("RGB", (48, 48), colour) for colour in ("#ff0000", "#0000ff"))
    pixels = to_tensor(photo.resize((64, 48)))
    scene = Scene(pixels, None, [(red, 0.75), (blue, 0.25)], 64, False, RECIPES["strotss"], backbone, never_cancelled)
    start = method_start(scene)
    detail = pixels - torch.nn.functional.interpolate(
        torch.nn.functional.interpolate(pixels, (24, 32), mode="bilinear"), (48, 64), mode="bilinear"
    )
    mean = torch.tensor([0.75, 0, 0.25]).view(1, 3, 1, 1)
    assert torch.allclose(start, (mean + detail).clamp(0, 1), atol=1e-5)
    last = method_start(replace(scene, coarser=start, is_last=True))
    assert torch.equal(last, start)
    assert not torch.allclose(method_start(replace(scene, coarser=start)), start)


@pytest.mark.parametrize("name", METHODS)
def test_the_start_follows_the_settings(name: str, photo: Image.Image, backbone: Backbone) -> None:
    pixels, settings = to_tensor(photo), RECIPES[name]
    scene = Scene(pixels, None, [(photo, 1.0)], 120, False, settings, backbone, never_cancelled)
    noise = method_start(replace(scene, settings=replace(settings, init="noise")))
    assert noise.std() > 0.25
    assert torch.equal(method_start(replace(scene, settings=replace(settings, strength=0))), pixels)


@pytest.mark.parametrize("name", METHODS)
def test_a_painting_is_continued(name: str, photo: Image.Image, style: Image.Image, backbone: Backbone) -> None:
    settings = replace(RECIPES[name], size=64, steps=2, **FAST)
    pictures = open_pictures(photo, [style], settings, start=photo.resize((100, 80)))
    *_, frame = run(pictures, settings, backbone)
    assert (frame.step, frame.steps) == (2, 2)
    *_, resumed = run(pictures, replace(settings, steps=6), backbone, RunOptions(first_step=5))
    assert (resumed.step, resumed.steps) == (6, 6)


def test_at_strength_0_the_photo_remains(photo: Image.Image, style: Image.Image, backbone: Backbone) -> None:
    for name in ("nnst", "strotss"):
        frame = _frames(photo, [style], backbone, name, steps=4, strength=0, **FAST)
        small = photo.resize(frame.image.size, Image.Resampling.LANCZOS)
        assert np.abs(np.asarray(frame.image, dtype=float) - np.asarray(small)).mean() < 4
        assert not frame.failed


@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"effort": "one-pass"}, "method is {}, which an optimiser paints"),
        ({"size": 4096}, "size is 4096; with the method {} it takes 64 to 2048"),
        ({"style_layers": {}}, "style_layers is empty; the method {}"),
        ({"style_scale": 1.25}, "style_scale is 1.25; with the method {} it takes up to 1"),
        ({"style_layers": dict.fromkeys(LAYER_NAMES[:11], 1)}, "style_layers has 11 layers; the method {} takes 10"),
        ({"style_layers": {"relu1_1": 0}}, "style_layers is empty; the method {}"),
    ],
)
def test_unsupported_settings_are_rejected(
    name: str, changes: dict[str, Any], message: str, photo: Image.Image, style: Image.Image
) -> None:
    with pytest.raises(InputError, match=message.format(name)):
        stylize(photo, [style], replace(RECIPES[name], **changes))


@pytest.mark.parametrize("name", METHODS)
def test_masks_and_cut_outs_are_rejected(name: str, photo: Image.Image, style: Image.Image) -> None:
    mask = Image.new("L", photo.size, 255)
    cut_out = photo.copy()
    cut_out.putalpha(Image.linear_gradient("L").resize(photo.size))
    with pytest.raises(InputError, match=f"method is {name}, which paints whole photos"):
        stylize(photo, [style], RECIPES[name], mask=mask)
    with pytest.raises(InputError, match=f"method is {name}, which paints whole photos"):
        open_pictures(cut_out, [style], RECIPES[name], keep_alpha=True)
    open_pictures(photo, [style], RECIPES[name], keep_alpha=True)


@pytest.mark.parametrize("name", ["strotss", "nnst"])
def test_lbfgs_is_for_losses_that_stay_the_same(name: str, photo: Image.Image, style: Image.Image) -> None:
    with pytest.raises(InputError, match=f"'lbfgs'; with the method {name} choose adam or rmsprop"):
        stylize(photo, [style], replace(RECIPES[name], optimizer="lbfgs"))


@pytest.mark.parametrize("name", METHODS)
def test_a_size_too_large_for_the_memory_is_rejected(
    name: str, photo: Image.Image, style: Image.Image, backbone: Backbone, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = replace(RECIPES[name], size=2048)
    monkeypatch.setattr(optimisation, "free_memory", lambda _: 4e9)
    with pytest.raises(InputError, match="size is 2048, which needs about .* choose [0-9]+ or less"):
        stylize(photo, [style], settings, backbone)
    stylize(photo, [style], Settings(size=2048), backbone)  # it fits in tiles


def test_the_default_method_has_no_limits_of_its_own(photo: Image.Image, style: Image.Image) -> None:
    settings = Settings(size=4096, style_layers=(), optimizer="adam")
    assert open_pictures(photo, [style], settings, mask=Image.new("L", photo.size, 255)).mask
