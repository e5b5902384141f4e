"""Losses of many pictures equal the optimiser's losses of each."""

import pytest
import torch
from PIL import Image
from torch import Tensor

from nst import Settings
from nst.images.tensors import to_tensor
from nst.network import bundled
from nst.network.device import Arithmetic
from nst.network.vgg import Backbone
from nst.network.weights import bundled_weights
from nst.one_pass_network.styles import NETWORK
from nst.optimise import losses as optimiser
from nst.optimise import matching
from nst.optimise.objective import Objective
from nst.optimise.regions import Region
from training import data, losses

CPU = torch.device("cpu")


def test_total_loss_and_gradient_equal_those_of_the_objective(
    photo: Image.Image, style: Image.Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(losses, "SHARES", {1: 1.0})
    monkeypatch.setattr(data, "SIZE", 128)
    backbone, weights = losses.BatchBackbone(bundled_weights(), CPU, torch.float32), bundled.read_bundled(*NETWORK)
    one = data.training_style("one", style, {"coherence": 0}, weights, backbone)
    styles = data.stack_styles([one, one])
    photos = to_tensor(photo.resize((96, 64)))
    photos = torch.cat([photos, photos.flip(3)])
    paintings = torch.cat([photos[1:], photos[:1].sqrt()]).requires_grad_()
    targets = styles.targets.select(torch.tensor([0, 1]))
    totals = losses.painting_losses(paintings, photos, targets, styles.weights, backbone)
    totals.sum().backward()
    assert paintings.grad is not None

    exact = Backbone(bundled_weights(), CPU, Arithmetic(torch.float32))
    settings = Settings(coherence=0, strength=0.5 + data.STRENGTH_OFFSET, size=128)
    for number, target in enumerate(photos.split(1)):
        objective = Objective(target, [Region([(style, 1.0)])], 128, settings, exact)
        expected, gradient = objective(paintings[number : number + 1].detach())
        assert totals[number].item() == pytest.approx(expected["total"], rel=1e-3)
        error = (paintings.grad[number] - gradient[0]).norm() / gradient.norm()
        assert error < 0.1


def test_content_losses_equal_the_optimisers() -> None:
    features, photos = torch.rand(2, 2, 16, 12, 10)
    energies = torch.tensor([0.0, 1e4])  # a photo that is strong, and one that is weak
    each = losses.content_losses(features, photos, energies)
    for loss, one, photo, energy in zip(each, features.split(1), photos.split(1), energies, strict=True):
        expected = optimiser.content_loss(one, photo, style=float(energy))
        assert loss.item() == pytest.approx(expected.item(), rel=1e-5)


def test_gram_matrices_equal_the_optimisers() -> None:
    features = torch.rand(2, 16, 12, 10)
    for matrix, one in zip(losses.gram(features), features.split(1), strict=True):
        assert torch.allclose(matrix, optimiser.gram(one), rtol=1e-5)


def test_matching_losses_and_gradients_equal_the_optimisers() -> None:
    features, style = torch.rand(2, 16, 12, 10).requires_grad_(), torch.randn(2, 50, 16)
    style = style / style.norm(dim=2, keepdim=True)
    each = losses.matching_losses(features, style)
    (gradients,) = torch.autograd.grad(each.sum(), features)
    for number in range(2):
        one = features[number : number + 1].detach().requires_grad_()
        target, weight = matching.match(matching.directions(one.detach()), style[number])
        expected = matching.matching_loss(one, target, weight=weight)
        assert each[number].item() == pytest.approx(expected.item(), rel=1e-4)
        gradient: Tensor = torch.autograd.grad(expected, one)[0]
        assert torch.allclose(gradients[number], gradient[0], atol=1e-6)
