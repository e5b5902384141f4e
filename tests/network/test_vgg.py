from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from nst.network.device import Arithmetic
from nst.network.vgg import Backbone
from nst.network.weights import Weights, bundled_weights, from_state_dict, layer_names

CPU = torch.device("cpu")
EXACT = Arithmetic(torch.float32)
NORMALISATION = {"mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]}


def _make(architecture: str) -> torch.nn.Sequential:
    """Torchvision's network, with random weights."""
    from torchvision.models.vgg import cfgs, make_layers  # only here: that takes seconds

    return make_layers(cfgs[architecture])


def _torchvision(weights: Weights) -> torch.nn.Sequential:
    """Torchvision's network with these weights; its input is RGB in 0..1 minus the mean."""
    features = _make("D" if weights.name == "VGG-16" else "E")
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
    outputs = {}
    name = ""
    x = F.pad(x - torch.tensor(weights.mean).view(1, 3, 1, 1), (1, 1, 1, 1), mode="replicate")
    for layer in features:
        x = layer(x)
        if isinstance(layer, torch.nn.Conv2d):
            name = next(names)
            outputs[name] = x
        elif isinstance(layer, torch.nn.ReLU):
            outputs[name.replace("conv", "relu")] = x
    return outputs


def _vgg19_weights() -> Weights:
    torch.manual_seed(0)
    return from_state_dict(_named(_make("E")), NORMALISATION, flip=False)


@pytest.mark.parametrize("make", [bundled_weights, _vgg19_weights])
@pytest.mark.parametrize("winograd", [False, True])
def test_features_and_gradient_equal_torchvisions(make: Callable[[], Weights], winograd: bool) -> None:
    weights = make()
    generator = torch.Generator().manual_seed(1)
    x = torch.rand(1, 3, 70, 59, generator=generator)
    ours, theirs = x.clone().requires_grad_(), x.clone().requires_grad_()
    expected = _all_layers(weights, _torchvision(weights), theirs)
    actual = Backbone(weights, CPU, Arithmetic(torch.float32, winograd))(ours, expected)
    assert list(actual) == list(expected)
    for name, features in expected.items():
        error = (actual[name] - features).abs().max() / features.abs().max()
        assert error < 1e-4, name
    deepest = list(expected)[-1]
    push = torch.rand(expected[deepest].shape, generator=generator)
    (gradient,) = torch.autograd.grad((actual[deepest] * push).sum(), ours)
    (truth,) = torch.autograd.grad((expected[deepest] * push).sum(), theirs)
    assert (gradient - truth).abs().max() < 1e-3 * truth.abs().max()


def test_features_are_scaled_as_for_pixels_in_0_to_255() -> None:
    torch.manual_seed(0)
    whole = _make("E")
    theirs = whole[:12]
    for layer in theirs[::5]:
        torch.nn.init.uniform_(layer.bias)
    weights = from_state_dict(_named(whole), NORMALISATION, flip=False)
    x = torch.rand(1, 3, 40, 40)
    mean, std = (torch.tensor(NORMALISATION[name]).view(1, 3, 1, 1) for name in ("mean", "std"))
    expected = theirs((x - mean) / std)[..., 4:-4, 4:-4]
    actual = Backbone(weights, CPU, EXACT)(x, ["relu3_1"])["relu3_1"][..., 4:-4, 4:-4]
    assert torch.allclose(actual, expected * 255 * 0.226, rtol=1e-3, atol=1e-2)


def _named(features: torch.nn.Sequential) -> dict[str, Tensor]:
    return {f"features.{name}": value for name, value in features.state_dict().items()}


def test_the_bundled_weights_are_oxfords_vgg16() -> None:
    weights = bundled_weights()
    weight, bias = weights.layers["conv1_1"]
    assert weight[0, 0, 0].tolist() == pytest.approx([0.481, 0.407, -0.065], abs=5e-4)
    assert (weights.blocks, len(weights.layers), bias.shape) == ((2, 2, 3, 3, 3), 13, (64,))


def test_average_pooling_and_an_unknown_layer() -> None:
    backbone = Backbone(bundled_weights(), CPU, EXACT)
    x = torch.rand(1, 3, 32, 32)
    block = backbone(x, ["relu1_2", "conv2_1"], "average")
    weight, bias = bundled_weights().layers["conv2_1"]
    expected = F.conv2d(F.avg_pool2d(block["relu1_2"], 2), weight, bias, padding=1)
    assert torch.allclose(block["conv2_1"], expected, rtol=1e-3, atol=1e-2)
    with pytest.raises(ValueError, match="no layer relu3_4"):
        backbone(x, ["relu3_4"])


def test_bfloat16_features_are_close_to_those_of_float32() -> None:
    x = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    names = ["relu1_1", "relu3_1", "relu5_1"]
    full = Backbone(bundled_weights(), CPU, EXACT)(x, names)
    half = Backbone(bundled_weights(), CPU, Arithmetic(torch.bfloat16))(x, names)
    for name in names:
        assert half[name].dtype == torch.bfloat16
        error = (half[name].float() - full[name]).norm() / full[name].norm()
        assert error < 0.03, name


def test_losses_computed_while_walking_have_the_same_gradient() -> None:
    backbone = Backbone(bundled_weights(), CPU, EXACT)
    x = torch.rand(1, 3, 40, 40).requires_grad_()
    layers = ["relu3_1", "conv2_2", "relu2_2", "relu1_1"]
    losses = {name: features.square().mean() for name, features in backbone.walk(x, layers)}
    assert list(losses) == ["relu1_1", "conv2_2", "relu2_2", "relu3_1"]
    (gradient,) = torch.autograd.grad(sum(losses.values(), start=torch.zeros(())), x)
    separate = torch.zeros_like(x)
    for name in layers:
        separate += torch.autograd.grad(backbone(x, [name])[name].square().mean(), x)[0]
    assert torch.allclose(gradient, separate, rtol=1e-3, atol=1e-4 * float(separate.abs().max()))
