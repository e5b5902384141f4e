"""Features, gradients and runs on every device of this machine, in every number format.

Without a GPU only the CPU is tested. Run this module on a machine with a GPU to test it there.
"""

from collections.abc import Iterator
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from nst import Settings, stylize
from nst.images import fit
from nst.images.tensors import to_tensor
from nst.network.device import Arithmetic, arithmetic_for
from nst.network.memory import free_memory, return_freed_memory
from nst.network.vgg import Backbone
from nst.network.weights import ARCHITECTURES, Weights, bundled_weights, from_state_dict, layer_names
from nst.optimise.objective import Objective
from nst.optimise.regions import Region
from nst.recipes import RECIPES

CPU = torch.device("cpu")
SIZE, PAINTED = 32, 64
FEATURE_ERROR = {torch.float32: 0.005, torch.float16: 0.01, torch.bfloat16: 0.04}
GRADIENT_ERROR = {torch.float32: 0.02, torch.float16: 0.15, torch.bfloat16: 0.3}
"""Relative to the norm of float32's on the CPU; NVIDIA's GPUs round float32 factors to 11 bits."""


def _devices() -> Iterator[torch.device]:
    yield CPU
    if torch.cuda.is_available():
        yield torch.device("cuda")
    if torch.backends.mps.is_available():
        yield torch.device("mps")


DEVICES = list(_devices())
CASES = [
    pytest.param(device, dtype, id=f"{device.type}-{str(dtype).removeprefix('torch.')}")
    for device in DEVICES
    for dtype in (torch.float32, torch.float16, torch.bfloat16)
    if device.type != "cuda" or dtype != torch.bfloat16 or torch.cuda.is_bf16_supported()
    if (device, dtype) != (CPU, torch.float32)  # the reference
]


@cache
def _random_vgg19() -> Weights:
    from torchvision.models import vgg19  # only here: that takes seconds

    torch.manual_seed(0)
    normalisation = {"mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]}
    return from_state_dict(vgg19(weights=None).state_dict(), normalisation, flip=False)


WEIGHTS = {"VGG-16": bundled_weights, "VGG-19": _random_vgg19}


@cache
def _backbone(name: str, device: torch.device, dtype: torch.dtype) -> Backbone:
    return Backbone(WEIGHTS[name](), device, Arithmetic(dtype))


def _pictures() -> dict[str, Tensor]:
    """Bright, dark, and of the highest contrast: 1 x 3 x 32 x 32."""
    down, right = torch.meshgrid(torch.arange(SIZE), torch.arange(SIZE), indexing="ij")
    checks = ((down // 2 + right // 2) % 2).float().expand(1, 3, SIZE, SIZE)
    noise = torch.rand(1, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(0))
    return {
        "white": torch.ones_like(noise),
        "black": torch.zeros_like(noise),
        "noise": noise,
        "checks": checks.clone(),
    }


PICTURES = _pictures()


def _error(tensor: Tensor, truth: Tensor) -> float:
    assert tensor.isfinite().all()
    return float((tensor.float().cpu() - truth).norm() / truth.norm())


@cache
def _layers(name: str, picture: str) -> dict[str, Tensor]:
    """float32 features on the CPU of every layer, before and after its ReLU."""
    names = layer_names(ARCHITECTURES[name])
    layers = [*names, *(layer.replace("conv", "relu") for layer in names)]
    with torch.no_grad():
        return _backbone(name, CPU, torch.float32)(PICTURES[picture], layers)


@pytest.mark.parametrize(("device", "dtype"), CASES)
@pytest.mark.parametrize("name", WEIGHTS)
@pytest.mark.parametrize("picture", PICTURES)
def test_features_are_close_to_those_of_float32(
    device: torch.device, dtype: torch.dtype, name: str, picture: str
) -> None:
    truth, backbone = _layers(name, picture), _backbone(name, device, dtype)
    with torch.no_grad():
        layers = backbone(PICTURES[picture].to(device), truth)
    for layer, features in layers.items():
        error = _error(features.float() / backbone.scale, truth[layer])
        assert error < FEATURE_ERROR[dtype], layer


def _objective(backbone: Backbone, photo: Tensor, style: Image.Image, settings: Settings) -> Objective:
    regions = [Region([(style, 1.0)] if settings.style_layers else [])]
    settings = replace(settings, size=PAINTED)
    return Objective(photo.to(backbone.device), regions, SIZE, settings, backbone)


@pytest.mark.parametrize(("device", "dtype"), CASES)
@pytest.mark.parametrize(
    ("picture", "recipe"),
    [
        *((picture, "atelier") for picture in PICTURES),
        *(("noise", name) for name in ("gatys", "from-scratch", "deep-art-gallery")),
        ("checks", "painting-with-gans"),
    ],
)
def test_losses_and_gradients_are_close_to_those_of_float32(
    device: torch.device, dtype: torch.dtype, picture: str, recipe: str, style: Image.Image
) -> None:
    photo = PICTURES[picture]
    grain = 0.1 * torch.randn(photo.shape, generator=torch.Generator().manual_seed(1))
    start = (photo + grain).clamp(0, 1)
    (true_losses, true_gradient), (losses, gradient) = (
        _objective(backbone, photo, style, RECIPES[recipe])(start.to(backbone.device))
        for backbone in (_backbone("VGG-16", CPU, torch.float32), _backbone("VGG-16", device, dtype))
    )
    numbers, true_numbers = ({name: float(loss) for name, loss in each.items()} for each in (losses, true_losses))
    assert numbers == pytest.approx(true_numbers, rel=FEATURE_ERROR[dtype])
    assert _error(gradient, true_gradient) < GRADIENT_ERROR[dtype]


@pytest.mark.parametrize(("device", "dtype"), CASES)
def test_a_loss_of_zero_has_a_gradient_of_zero(device: torch.device, dtype: torch.dtype, style: Image.Image) -> None:
    photo = PICTURES["noise"]
    backbone = _backbone("VGG-16", device, dtype)
    losses, gradient = _objective(backbone, photo, style, RECIPES["reconstruct"])(photo.to(device))
    assert (losses["total"], float(gradient.abs().max())) == (0, 0)


@pytest.mark.parametrize(("device", "dtype"), CASES)
@pytest.mark.parametrize("masked", [False, True])
def test_a_run_is_close_to_that_of_float32(
    device: torch.device, dtype: torch.dtype, masked: bool, photo: Image.Image, style: Image.Image
) -> None:
    mask = Image.linear_gradient("L").resize(photo.size) if masked else None
    styles = [style, style.rotate(180)] if masked else [style]

    def paint(backbone: Backbone) -> Tensor:
        *_, frame = stylize(photo, styles, Settings(size=PAINTED, steps=2), backbone, mask)
        assert all(np.isfinite(value) for value in frame.losses.values())
        return 255 * to_tensor(frame.image)

    expected = paint(_backbone("VGG-16", CPU, torch.float32))
    painting = paint(_backbone("VGG-16", device, dtype))
    assert float((painting - expected).abs().mean()) < 3
    assert float((painting - 255 * to_tensor(fit(photo, PAINTED))).abs().mean()) > 1


@pytest.mark.parametrize("device", DEVICES, ids=str)
def test_the_fastest_arithmetic_works(device: torch.device) -> None:
    fastest = arithmetic_for(device)
    backbone = Backbone(bundled_weights(), device, fastest)
    features = backbone(PICTURES["noise"].to(device), ["relu1_2"])["relu1_2"]
    assert features.dtype == fastest.dtype
    assert features.isfinite().all()


@pytest.mark.parametrize("device", DEVICES, ids=str)
def test_cached_memory_counts_as_free_and_can_be_returned(device: torch.device) -> None:
    return_freed_memory(device)
    before = free_memory(device)
    assert before > 1e8
    block = torch.ones(2**26, device=device)
    held = free_memory(device)
    del block
    assert free_memory(device) > held or device == CPU  # other processes change it, too
    if device.type == "cuda":
        assert held <= before - 2**28
        reserved = torch.cuda.memory_reserved(device)
        return_freed_memory(device)
        assert torch.cuda.memory_reserved(device) <= reserved - 2**28


@pytest.mark.parametrize("device", DEVICES, ids=str)
def test_a_size_too_large_for_the_device_is_rejected(
    device: torch.device, photo: Image.Image, style: Image.Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nst.optimise.stylize.free_memory", lambda asked: 1e9 * (asked == device))
    backbone = _backbone("VGG-16", device, torch.float32)
    with pytest.raises(ValueError, match="size is 2048, which needs .* GB of memory"):
        stylize(photo, [style], Settings(size=2048), backbone)
