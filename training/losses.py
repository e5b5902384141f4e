"""The painter's losses, of many pictures at once, each in a style of its own."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from nst import Settings
from nst.images.tensors import to_tensor
from nst.network.weights import Weights
from nst.optimise.losses import MIN_ENERGY, emphasis
from nst.optimise.objective import MATCH_LAYERS

STYLE_LAYERS = dict(Settings().style_layers)
[CONTENT_LAYER] = dict(Settings().content_layers)

SHARES = {1: 0.6, 2: 0.4}
"""How often a painting is halved before it is compared with the style, halved, too; each with its
share of the style's loss. The smaller teaches the large forms."""

SAMPLE = 1024
"""Positions of a style to choose from, in each layer."""

Layers = dict[str, Tensor]


@dataclass(frozen=True)
class Goals:
    """What a style's paintings are drawn to, by smallness and layer; S styles together.

    `grams` S x N x N, `directions` S x SAMPLE x N; `content`, S, is the mean energy of a position
    where the content is compared.
    """

    grams: dict[int, Layers]
    directions: dict[int, Layers]
    content: Tensor

    def of(self, styles: Tensor) -> "Goals":
        """Of these styles alone."""
        grams, directions = (
            {small: {k: x[styles] for k, x in layers.items()} for small, layers in kind.items()}
            for kind in (self.grams, self.directions)
        )
        return Goals(grams, directions, self.content[styles])


class Trunk:
    """A VGG for many pictures at once: B x 3 x H x W in 0..1 -> features by layer."""

    def __init__(self, weights: Weights, where: torch.device) -> None:
        self.where = where
        self._dtype = torch.bfloat16 if where.type == "cuda" else torch.float32
        self._mean = torch.tensor(weights.mean, device=where).view(1, 3, 1, 1)
        self._std = torch.tensor(weights.std, device=where).view(1, 3, 1, 1)
        self._layers = {
            name: (weight.to(where, self._dtype, memory_format=torch.channels_last), bias.to(where, self._dtype))
            for name, (weight, bias) in weights.layers.items()
        }

    def __call__(self, pictures: Tensor, layers: Sequence[str]) -> Layers:
        x = F.pad((pictures - self._mean) / self._std, (1, 1, 1, 1), mode="replicate")
        x = x.to(self._dtype, memory_format=torch.channels_last)
        found: Layers = {}
        for name, (weight, bias) in self._layers.items():
            if name.endswith("_1") and name != "conv1_1":
                x = F.max_pool2d(x, 2)
            x = F.conv2d(x, weight, bias, padding=0 if name == "conv1_1" else 1).relu()
            relu = name.replace("conv", "relu")
            if relu in layers:
                found[relu] = x
            if len(found) == len(layers):
                break
        return found


def goals_of(style: Image.Image, trunk: Trunk) -> Goals:
    """Of one style, at the size that it is looked at."""
    grams: dict[int, Layers] = {}
    directions: dict[int, Layers] = {}
    content = torch.zeros(1, device=trunk.where)
    picture = to_tensor(style).to(trunk.where)
    with torch.no_grad():
        for small in SHARES:
            found = trunk(_smaller(picture, small), list(STYLE_LAYERS))
            grams[small] = {k: gram(x) for k, x in found.items()}
            directions[small] = {}
            for k in MATCH_LAYERS:
                rows = _directions(found[k])[0]
                seed = torch.Generator().manual_seed(0)
                taken = torch.randint(len(rows), (SAMPLE,), generator=seed).to(trunk.where)
                directions[small][k] = rows[taken][None].to(found[k].dtype)
            if small == 1:
                content = found[CONTENT_LAYER].float().square().sum(1).mean((1, 2))
    return Goals(grams, directions, content)


def stacked(goals: Sequence[Goals]) -> Goals:
    """Those of all styles in one."""
    grams, directions = (
        {small: {k: torch.cat([one[small][k] for one in kind]) for k in kind[0][small]} for small in SHARES}
        for kind in ([x.grams for x in goals], [x.directions for x in goals])
    )
    return Goals(grams, directions, torch.cat([x.content for x in goals]))


def judged(painted: Tensor, wanted: Tensor, goals: Goals, weights: Tensor, trunk: Trunk) -> Tensor:
    """The loss of each painting: B x 3 x H x W, the photos in the same shape, weights B x 4 -> B.

    As `nst.optimise.objective` has it, but with the style compared at two sizes.
    """
    content_weight, style_weight, tv_weight, match_weight = weights.unbind(1)
    with torch.no_grad():
        photo = trunk(wanted, [CONTENT_LAYER])[CONTENT_LAYER].float()
    style = matched = torch.zeros(len(painted), device=painted.device)
    for small, share in SHARES.items():
        found = trunk(_smaller(painted, small), list(STYLE_LAYERS))
        if small == 1:
            content = content_losses(found[CONTENT_LAYER].float(), photo, goals.content)
        for k, weight in STYLE_LAYERS.items():
            goal = goals.grams[small][k]
            away = (gram(found[k]) - goal).square().sum((1, 2)) / goal.square().sum((1, 2))
            style = style + share * weight * away
        for k, weight in MATCH_LAYERS.items():
            matched = matched + share * weight * matching(found[k], goals.directions[small][k])
    down = (painted[:, :, 1:] - painted[:, :, :-1]).square().mean((1, 2, 3))
    right = (painted[..., 1:] - painted[..., :-1]).square().mean((1, 2, 3))
    return content_weight * content + style_weight * style + match_weight * matched + tv_weight * (down + right)


def content_losses(features: Tensor, photo: Tensor, style: Tensor) -> Tensor:
    """`losses.content_loss`, the relative one, of each picture: B x N x H x W twice, B -> B."""
    positions = photo[0, 0].numel()
    energies = photo.square().sum((1, 2, 3)).clamp_min(MIN_ENERGY * positions * style)
    squares = (features - photo).square().sum(1, keepdim=True)
    return (squares * emphasis(photo)).sum((1, 2, 3)) / energies


def gram(features: Tensor) -> Tensor:
    """`losses.gram` of each picture: B x N x H x W -> B x N x N."""
    rows = features.flatten(2).float()
    return rows @ rows.mT / rows.shape[2]


def matching(features: Tensor, style: Tensor) -> Tensor:
    """`losses.matching_loss` of each picture to its nearest: B x N x H x W, B x K x N -> B."""
    found = _directions(features)
    with torch.no_grad():
        alike = found.to(style.dtype) @ style.mT
        nearest, drawn = alike.argmax(2, keepdim=True), alike.argmax(1)[..., None]
        wide = found.shape[2]
        rows = style.float()
        target = rows.gather(1, nearest.expand(-1, -1, wide)) / found.shape[1]
        target.scatter_add_(1, drawn.expand(-1, -1, wide), rows / style.shape[1])
    return 2 - (found * target).sum((1, 2))


def _directions(features: Tensor) -> Tensor:
    rows = features.flatten(2).mT.float()
    offsets = rows - rows.mean(1, keepdim=True)
    return offsets / offsets.norm(dim=2, keepdim=True).clamp_min(1e-6)


def _smaller(pictures: Tensor, times: int) -> Tensor:
    return F.avg_pool2d(pictures, times) if times > 1 else pictures
