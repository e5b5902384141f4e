"""The optimiser's losses for many pictures at once, each in its own style.

`nst.optimise.losses` has the formulas. Its content and style distance and its total variation are
used here through `torch.vmap`. The Gram matrix and the matching loss have a second form here. The
optimiser's forms save memory and time for one large picture, by blocks of positions and hand-written
gradients. `vmap` does not support them, and many small pictures do not need them. A test compares the
two.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from nst import Settings
from nst.images.tensors import to_tensor
from nst.network.processor import processor_flags
from nst.network.weights import Weights
from nst.optimise.losses import content_loss, style_loss, total_variation
from nst.optimise.matching import pulls
from nst.optimise.objective import MATCH_LAYERS

STYLE_LAYERS = dict(Settings().style_layers)
[CONTENT_LAYER] = dict(Settings().content_layers)

SHARES = {1: 0.6, 2: 0.4}
"""Factors by which painting and style are reduced before they are compared, with the share of each
in the style and matching losses. The smaller size teaches the large forms."""

SAMPLE = 1024
"""Number of style positions to match with, in each layer."""

Layers = dict[str, Tensor]


@dataclass(frozen=True)
class Targets:
    """Targets of S styles. The dictionaries are by reduction factor and by layer.

    grams: S x N x N. directions: S x SAMPLE x N, of unit length. energies: mean energy of a
    position at the content layer, S.
    """

    grams: dict[int, Layers]
    directions: dict[int, Layers]
    energies: Tensor

    def select(self, styles: Tensor) -> "Targets":
        """The targets of the styles with these indices."""
        grams, directions = (
            {factor: {k: x[styles] for k, x in layers.items()} for factor, layers in kind.items()}
            for kind in (self.grams, self.directions)
        )
        return Targets(grams, directions, self.energies[styles])


class BatchBackbone:
    """VGG for many pictures at once: B x 3 x H x W in 0..1 -> features by layer."""

    def __init__(self, weights: Weights, device: torch.device, dtype: torch.dtype | None = None) -> None:
        """Without a `dtype`, it is bfloat16 where that is fast."""
        self.device = device
        fast = device.type == "cuda" or "amx_bf16" in processor_flags()
        self._dtype = dtype or (torch.bfloat16 if fast else torch.float32)
        self._mean = torch.tensor(weights.mean, device=device).view(1, 3, 1, 1)
        self._std = torch.tensor(weights.std, device=device).view(1, 3, 1, 1)
        self._layers = {
            name: (weight.to(device, self._dtype, memory_format=torch.channels_last), bias.to(device, self._dtype))
            for name, (weight, bias) in weights.layers.items()
        }

    def __call__(self, pictures: Tensor, layers: Sequence[str]) -> Layers:
        x = F.pad((pictures - self._mean) / self._std, (1, 1, 1, 1), mode="replicate")
        x = x.to(self._dtype, memory_format=torch.channels_last)
        features: Layers = {}
        for name, (weight, bias) in self._layers.items():
            if name.endswith("_1") and name != "conv1_1":
                x = F.max_pool2d(x, 2)
            x = F.conv2d(x, weight, bias, padding=0 if name == "conv1_1" else 1).relu()
            relu = name.replace("conv", "relu")
            if relu in layers:
                features[relu] = x
            if len(features) == len(layers):
                break
        return features


def style_targets(style: Image.Image, backbone: BatchBackbone) -> Targets:
    """The targets of one style at its size."""
    grams: dict[int, Layers] = {}
    directions: dict[int, Layers] = {}
    energies = torch.zeros(1, device=backbone.device)
    pixels = to_tensor(style).to(backbone.device)
    with torch.no_grad():
        for factor in SHARES:
            features = backbone(_reduce(pixels, factor), list(STYLE_LAYERS))
            grams[factor] = {k: gram(x) for k, x in features.items()}
            directions[factor] = {}
            for k in MATCH_LAYERS:
                rows = _directions(features[k])[0]
                generator = torch.Generator().manual_seed(0)
                sample = torch.randint(len(rows), (SAMPLE,), generator=generator)
                chosen = rows[sample.to(backbone.device)]
                directions[factor][k] = chosen[None].to(features[k].dtype)
            if factor == 1:
                energies = features[CONTENT_LAYER].float().square().sum(1).mean((1, 2))
    return Targets(grams, directions, energies)


def stack_targets(targets: Sequence[Targets]) -> Targets:
    """The targets of several styles as one object."""
    grams, directions = (
        {factor: {k: torch.cat([one[factor][k] for one in kind]) for k in kind[0][factor]} for factor in SHARES}
        for kind in ([x.grams for x in targets], [x.directions for x in targets])
    )
    return Targets(grams, directions, torch.cat([x.energies for x in targets]))


def painting_losses(
    paintings: Tensor, photos: Tensor, targets: Targets, weights: Tensor, backbone: BatchBackbone
) -> Tensor:
    """The total loss of each painting: paintings and photos B x 3 x H x W -> B.

    weights: B x 4, of content, style, total variation and matching. As in
    `nst.optimise.objective`, but the styles are compared at two sizes.
    """
    content_weight, style_weight, tv_weight, match_weight = weights.unbind(1)
    with torch.no_grad():
        photo = backbone(photos, [CONTENT_LAYER])[CONTENT_LAYER].float()
    style = matched = torch.zeros(len(paintings), device=paintings.device)
    for factor, share in SHARES.items():
        features = backbone(_reduce(paintings, factor), list(STYLE_LAYERS))
        if factor == 1:
            content = content_losses(features[CONTENT_LAYER].float(), photo, targets.energies)
        for k, weight in STYLE_LAYERS.items():
            distances = torch.vmap(style_loss)(gram(features[k]), targets.grams[factor][k])
            style = style + share * weight * distances
        for k, weight in MATCH_LAYERS.items():
            distances = matching_losses(features[k], targets.directions[factor][k])
            matched = matched + share * weight * distances
    return (
        content_weight * content
        + style_weight * style
        + match_weight * matched
        + tv_weight * torch.vmap(total_variation)(paintings[:, None])
    )


def content_losses(features: Tensor, photos: Tensor, energies: Tensor) -> Tensor:
    """The relative `losses.content_loss` of each picture: B x N x H x W twice, B -> B."""

    def one(features: Tensor, photo: Tensor, energy: Tensor) -> Tensor:
        return content_loss(features, photo, style=energy)

    return torch.vmap(one)(features[:, None], photos[:, None], energies)


def gram(features: Tensor) -> Tensor:
    """`losses.gram` of each picture: B x N x H x W -> B x N x N."""
    rows = features.permute(0, 2, 3, 1).flatten(1, 2).float()
    return rows.mT @ rows / rows.shape[1]


def matching_losses(features: Tensor, style: Tensor) -> Tensor:
    """`matching.matching_loss` of each picture to its matches: B x N x H x W, B x K x N -> B."""
    directions = _directions(features)
    with torch.no_grad():
        similarity = directions.to(style.dtype) @ style.mT
        nearest = similarity.argmax(2, keepdim=True)
        nearest_position = similarity.argmax(1)
        _, count, channels = directions.shape
        rows = style.float()
        target = rows.gather(1, nearest.expand(-1, -1, channels)) / count
        weights = torch.stack([pulls(positions, count) for positions in nearest_position])
        index = nearest_position[..., None].expand(-1, -1, channels)
        target.scatter_add_(1, index, rows * weights[..., None])
    return 1 + weights.sum(1) - (directions * target).sum((1, 2))


def _directions(features: Tensor) -> Tensor:
    """`matching.directions` of each picture, differentiable: B x N x H x W -> B x H W x N."""
    rows = features.permute(0, 2, 3, 1).flatten(1, 2).float()
    offsets = rows - rows.mean(1, keepdim=True)
    return offsets / offsets.norm(dim=2, keepdim=True).clamp_min(1e-6)


def _reduce(pictures: Tensor, factor: int) -> Tensor:
    return F.avg_pool2d(pictures, factor) if factor > 1 else pictures
