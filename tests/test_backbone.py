from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor
from torchvision.models import vgg16, vgg19

from nst import backbone as trunk
from nst.backbone import Backbone
from nst.weights import Weights, bundled, from_state_dict, layer_names

CPU = torch.device("cpu")


def _torchvision(weights: Weights) -> torch.nn.Sequential:
    """Torchvision's own network with these numbers; input: RGB in 0..1 less the mean."""
    features = (vgg16 if weights.name == "VGG-16" else vgg19)(weights=None).features
    convolutions = [layer for layer in features if isinstance(layer, torch.nn.Conv2d)]
    for layer, (weight, bias) in zip(convolutions, weights.layers.values(), strict=True):
        layer.weight.data, layer.bias.data = weight.clone(), bias.clone()
    convolutions[0].weight.data /= torch.tensor(weights.std).view(1, 3, 1, 1)
    convolutions[0].padding = (0, 0)  # the caller pads, by replication
    for layer in features:
        if isinstance(layer, torch.nn.ReLU):
            layer.inplace = False
    return features


def _all_layers(weights: Weights, features: torch.nn.Sequential, x: Tensor) -> dict[str, Tensor]:
    names = iter(layer_names(weights.blocks))
    found = {}
    name = ""
    x = F.pad(x - torch.tensor(weights.mean).view(1, 3, 1, 1), (1, 1, 1, 1), mode="replicate")
    for layer in features:
        x = layer(x)
        if isinstance(layer, torch.nn.Conv2d):
            name = next(names)
            found[name] = x
        elif isinstance(layer, torch.nn.ReLU):
            found[name.replace("conv", "relu")] = x
    return found


def _vgg19_weights() -> Weights:
    torch.manual_seed(0)
    how = {"mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]}
    return from_state_dict(vgg19(weights=None).state_dict(), how, flip=False)


@pytest.mark.parametrize("make", [bundled, _vgg19_weights])
def test_every_layer_and_the_gradient_equal_torchvisions(make: object) -> None:
    weights: Weights = make()  # type: ignore[operator]
    generator = torch.Generator().manual_seed(1)
    x = torch.rand(1, 3, 70, 59, generator=generator)
    ours, theirs = x.clone().requires_grad_(), x.clone().requires_grad_()
    expected = _all_layers(weights, _torchvision(weights), theirs)
    found = Backbone(weights, CPU, torch.float32)(ours, expected)
    assert list(found) == list(expected)
    for name, features in expected.items():
        error = (found[name] - features).abs().max() / features.abs().max()
        assert error < 1e-4, name
    deepest = list(expected)[-1]
    push = torch.rand(expected[deepest].shape, generator=generator)
    (gradient,) = torch.autograd.grad((found[deepest] * push).sum(), ours)
    (truth,) = torch.autograd.grad((expected[deepest] * push).sum(), theirs)
    assert (gradient - truth).abs().max() < 1e-3 * truth.abs().max()


def test_features_of_every_network_are_as_large_as_of_pixels_up_to_255() -> None:
    torch.manual_seed(0)
    theirs = vgg19(weights=None).features[:12]
    how = {"mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]}
    for layer in theirs[::5]:
        torch.nn.init.uniform_(layer.bias)
    weights = from_state_dict({**vgg19().state_dict(), **_named(theirs)}, how, flip=False)
    x = torch.rand(1, 3, 40, 40)
    mean, std = (torch.tensor(how[name]).view(1, 3, 1, 1) for name in ("mean", "std"))
    expected = theirs((x - mean) / std)[..., 4:-4, 4:-4]
    found = Backbone(weights, CPU, torch.float32)(x, ["relu3_1"])["relu3_1"][..., 4:-4, 4:-4]
    assert torch.allclose(found, expected * 255 * 0.226, rtol=1e-3, atol=1e-2)


def _named(features: torch.nn.Sequential) -> dict[str, Tensor]:
    return {f"features.{name}": value for name, value in features.state_dict().items()}


def test_bundled_numbers() -> None:
    weights = bundled()
    weight, bias = weights.layers["conv1_1"]
    assert weight[0, 0, 0].tolist() == pytest.approx([0.481, 0.407, -0.065], abs=5e-4)
    assert (weights.blocks, len(weights.layers), bias.shape) == ((2, 2, 3, 3, 3), 13, (64,))


def test_average_pooling_and_a_layer_that_is_not_there() -> None:
    backbone = Backbone(bundled(), CPU, torch.float32)
    x = torch.rand(1, 3, 32, 32)
    block = backbone(x, ["relu1_2", "conv2_1"], "average")
    weight, bias = bundled().layers["conv2_1"]
    expected = F.conv2d(F.avg_pool2d(block["relu1_2"], 2), weight, bias, padding=1)
    assert torch.allclose(block["conv2_1"], expected, rtol=1e-3, atol=1e-2)
    with pytest.raises(ValueError, match="no layer relu3_4"):
        backbone(x, ["relu3_4"])


def test_bfloat16_sees_nearly_the_same() -> None:
    x = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    names = ["relu1_1", "relu3_1", "relu5_1"]
    exact = Backbone(bundled(), CPU, torch.float32)(x, names)
    rough = Backbone(bundled(), CPU, torch.bfloat16)(x, names)
    for name in names:
        assert rough[name].dtype == torch.bfloat16
        error = (rough[name].float() - exact[name]).norm() / exact[name].norm()
        assert error < 0.03, name


@pytest.mark.parametrize(("height", "width"), [(4, 4), (5, 7), (16, 10), (30, 9)])
@pytest.mark.parametrize("bands", [(trunk.BAND_1D, trunk.BAND_2D), (1, 6)])
def test_winograd_equals_the_convolution(
    height: int, width: int, bands: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trunk, "BAND_1D", bands[0])
    monkeypatch.setattr(trunk, "BAND_2D", bands[1])
    generator = torch.Generator().manual_seed(2)
    x = torch.rand(1, 8, height, width, generator=generator)
    weight, bias = torch.randn(5, 8, 3, 3, generator=generator), torch.rand(5)
    expected = F.conv2d(x, weight, bias, padding=1)
    forward, backward = trunk._winograd_2d(weight, torch.float32)
    for convolve in (forward, trunk._winograd_1d(weight, torch.float32)):
        assert convolve(x, bias).shape == expected.shape
        assert torch.allclose(convolve(x, bias), expected, rtol=1e-4, atol=1e-4)
    push = torch.randn(expected.shape, generator=generator)
    truth = F.conv_transpose2d(push, weight, padding=1)
    assert torch.allclose(backward(push, None), truth, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(("height", "width"), [(6, 8), (13, 9), (32, 7)])
def test_pooling_in_bands_equals_autograd(
    height: int, width: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trunk, "POOLED_ROWS", 3)
    before = torch.rand(1, 5, height, width).to(memory_format=torch.channels_last)
    pooled = F.max_pool2d(before.requires_grad_(), 2)
    push = torch.randn(pooled.shape).to(memory_format=torch.channels_last)
    (truth,) = torch.autograd.grad(pooled, before, push)
    found, place = trunk._pool(before.detach(), "max")
    assert torch.equal(found, pooled)
    assert torch.equal(trunk._unpool(push, before.shape, place), truth)


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ({"cpu.max": "200000 100000\n"}, 2),
        ({"cpu.max": "50000 100000\n"}, 1),
        ({"cpu.max": "max 100000\n"}, 16),
        ({"cpu/cpu.cfs_quota_us": "300000\n", "cpu/cpu.cfs_period_us": "100000\n"}, 3),
        ({"cpu/cpu.cfs_quota_us": "-1\n", "cpu/cpu.cfs_period_us": "100000\n"}, 16),
        ({}, 16),
    ],
)
def test_a_containers_quota_counts(
    told: dict[str, str], expected: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, text in told.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    monkeypatch.setattr(trunk, "CGROUP", tmp_path)
    monkeypatch.setattr("os.sched_getaffinity", lambda _: set(range(16)))
    assert trunk.cores() == expected


def test_losses_made_on_the_way_have_the_same_gradient() -> None:
    backbone = Backbone(bundled(), CPU, torch.float32)
    x = torch.rand(1, 3, 40, 40).requires_grad_()
    layers = ["relu3_1", "conv2_2", "relu2_2", "relu1_1"]
    losses = {name: found.square().mean() for name, found in backbone.walk(x, layers)}
    assert list(losses) == ["relu1_1", "conv2_2", "relu2_2", "relu3_1"]
    (gradient,) = torch.autograd.grad(sum(losses.values(), start=torch.zeros(())), x)
    apart = torch.zeros_like(x)
    for name in layers:
        apart += torch.autograd.grad(backbone(x, [name])[name].square().mean(), x)[0]
    assert torch.allclose(gradient, apart, rtol=1e-3, atol=1e-4 * float(apart.abs().max()))
