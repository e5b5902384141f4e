"""What a run brings down: the losses of a picture at one scale, and their gradient."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from nst.backbone import Backbone
from nst.images import LEAST_SIDE, fit, to_tensor
from nst.losses import (
    content_loss,
    directions,
    gram,
    guide,
    match,
    matching_loss,
    style_loss,
    total_variation,
)
from nst.settings import Settings

MATCH_LAYERS = {"relu3_1": 0.5, "relu4_1": 0.5}
MATCH_INTERVAL = 10
"""Evaluations between two searches for the nearest neighbours."""
MATCH_SAMPLE = 2048
"""Positions of the styles to choose from, in each layer."""

DETAIL_LAYER = "relu3_1"
"""Where the photo is compared a second time for the knob `detail`: edges and small forms."""

TILE = 1024
"""Pixels; a larger style is looked at in parts, since it need not fit into memory at once."""

Losses = dict[str, float]


@dataclass(frozen=True)
class Region:
    """A part of the picture, and the styles for it with their shares, which add up to 1.

    `mask` is grey, of the photo's shape, white where the region is; none: everywhere.
    """

    paintings: list[tuple[Image.Image, float]]
    mask: Image.Image | None = None


Objective = Callable[[Tensor], tuple[Losses, Tensor]]
"""Pixels -> the losses and the gradient of "total" with respect to the pixels."""


@dataclass
class _Goal:
    """What the features in one region are drawn to, at one scale.

    `share` is the region's share of the picture, `mask` 1 x 1 x H x W or none; `guides`, `inside`
    and `matches` hold, by layer, what the first sight of the picture's features tells.
    """

    share: float
    mask: Tensor | None
    grams: dict[str, Tensor]
    offered: dict[str, Tensor]
    guides: dict[str, Tensor] = field(default_factory=dict)
    inside: dict[str, Tensor] = field(default_factory=dict)
    matches: dict[str, Tensor] = field(default_factory=dict)


def objective(
    target: Tensor, regions: Sequence[Region], size: int, settings: Settings, backbone: Backbone
) -> Objective:
    """What a run at one scale brings down, for the photo `target`, 1 x 3 x H x W, at `size`."""
    content_layers, style_layers = dict(settings.content_layers), dict(settings.style_layers)
    if settings.detail:
        content_layers[DETAIL_LAYER] = content_layers.get(DETAIL_LAYER, 0) + settings.detail
    match_layers = MATCH_LAYERS if settings.coherence and any(r.paintings for r in regions) else {}
    content_weight, style_weight, tv_weight = balance(settings)
    with torch.no_grad():
        photo = backbone(target, content_layers, settings.pooling)
        goals = [
            _goal(region, target, size, settings, backbone, match_layers) for region in regions
        ]
    # One region alone: the rest of the picture stays the photo.
    frozen = goals[0].mask if len(goals) == 1 else None
    layers = {*content_layers, *style_layers, *match_layers}
    evaluations = 0

    def evaluate(pixels: Tensor) -> tuple[Losses, Tensor]:
        nonlocal evaluations
        pixels = pixels.detach().requires_grad_()
        content = style = matched = pixels.new_zeros(())
        for k, found in backbone.walk(pixels, layers, settings.pooling):
            if k in content_layers:
                distance = content_loss(found, photo[k], settings.content_loss)
                content = content + content_layers[k] * distance
            for goal in goals:
                if k in style_layers:
                    kept, positions = gram(_guided(goal, k, found)), found.shape[2] * found.shape[3]
                    distance = style_loss(kept, goal.grams[k], settings.style_loss, positions)
                    style = style + goal.share * style_layers[k] * distance
                if k in match_layers:
                    inside = _inside(goal, k, found)
                    if evaluations % MATCH_INTERVAL == 0:
                        with torch.no_grad():
                            nearest = match(directions(found, inside), goal.offered[k])
                            goal.matches[k] = nearest.to(found.dtype)
                    distance = matching_loss(found, goal.matches[k], inside)
                    matched = matched + goal.share * match_layers[k] * distance
        evaluations += 1
        terms = {
            "content": content_weight * content,
            "style": style_weight * (style + settings.coherence * matched),
            "tv": tv_weight * total_variation(pixels),
        }
        total = torch.stack(list(terms.values())).sum()
        (gradient,) = torch.autograd.grad(total, pixels)
        if frozen is not None:
            gradient = gradient * frozen
        values = torch.stack([total, *terms.values()]).tolist()
        return dict(zip(("total", *terms), values, strict=True)), gradient

    return evaluate


def _goal(
    region: Region,
    target: Tensor,
    size: int,
    settings: Settings,
    backbone: Backbone,
    match_layers: Mapping[str, float],
) -> _Goal:
    style_layers = tuple(layer for layer, _ in settings.style_layers)
    grams: dict[str, Tensor] = {}
    strokes: dict[str, list[Tensor]] = {layer: [] for layer in match_layers}
    for painting, share in region.paintings:
        fitted = _fit_style(painting, size * settings.style_scale)
        known, offered = _manner(
            fitted.tobytes(),
            fitted.size,
            share,
            style_layers,
            tuple(match_layers),
            settings.pooling,
            settings.seed,
            backbone,
        )
        for k in style_layers:
            grams[k] = share * known[k] + grams.get(k, 0)
        for k in strokes:
            strokes[k].append(offered[k])
    share, mask = 1.0, None
    if region.mask is not None:
        whole = to_tensor(region.mask.convert("RGB"))[:, :1].to(target.device)
        mask = F.interpolate(whole, target.shape[2:], mode="area")
        share = float(mask.mean())
    return _Goal(share, mask, grams, {k: torch.cat(rows) for k, rows in strokes.items()})


@lru_cache(maxsize=12)  # the scales of three or four styles: visitors like the same ones
def _manner(
    painting: bytes,
    size: tuple[int, int],
    share: float,
    style_layers: tuple[str, ...],
    match_layers: tuple[str, ...],
    pooling: str,
    seed: int,
    backbone: Backbone,
) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """A style's Gram matrices and a sample of its directions, by layer; not to be changed."""
    grams: dict[str, Tensor] = {}
    strokes: dict[str, list[Tensor]] = {layer: [] for layer in match_layers}
    for tile, part in _tiles(to_tensor(Image.frombytes("RGB", size, painting))):
        found = backbone(tile.to(backbone.device), {*style_layers, *strokes}, pooling)
        for k in style_layers:
            grams[k] = part * gram(found[k]) + grams.get(k, 0)
        for k in strokes:
            strokes[k].append(_sample(directions(found[k]), share * part, seed))
    return grams, {k: torch.cat(rows) for k, rows in strokes.items()}


def _guided(goal: _Goal, layer: str, features: Tensor) -> Tensor:
    """The features, weighted by the region where it isn't the whole picture."""
    if goal.mask is None:
        return features
    if layer not in goal.guides:
        goal.guides[layer] = guide(goal.mask, features)
    return features * goal.guides[layer]


def _inside(goal: _Goal, layer: str, features: Tensor) -> Tensor | None:
    """The positions of a layer that lie in the region; none where it is the whole picture."""
    if goal.mask is not None and layer not in goal.inside:
        shares = F.interpolate(goal.mask, features.shape[2:], mode="area").flatten()
        goal.inside[layer] = (shares >= min(0.5, float(shares.max()))).nonzero()[:, 0]
    return goal.inside.get(layer)


def balance(settings: Settings) -> tuple[float, float, float]:
    """Weights of content, style and total variation (alpha, beta, gamma).

    The strength moves weight from content to style: content / style is 3, 1 and 1/3 times its
    middle value at 0.25, 0.5 and 0.75, steps that look even, and either stands alone at the ends.
    What calms the grain spans two orders of magnitude: 0.2 at the default smoothness, 25 at 1.
    """
    content = settings.content_weight * 2 * (1 - settings.strength)
    style = settings.style_weight * 2 * settings.strength
    return content, style, 25 * settings.smoothness**3


def _tiles(style: Tensor) -> Iterator[tuple[Tensor, float]]:
    """The style in parts of TILE pixels at most, each with its share of the whole."""
    height, width = style.shape[2:]
    for band in style.chunk(-(-height // TILE), dim=2):
        for tile in band.chunk(-(-width // TILE), dim=3):
            yield tile, tile.shape[2] * tile.shape[3] / (height * width)


def _sample(rows: Tensor, share: float, seed: int) -> Tensor:
    """Positions of one style, drawn at random, as many as its share allows."""
    random = torch.Generator().manual_seed(seed)
    count = max(1, round(MATCH_SAMPLE * share))
    return rows[torch.randperm(len(rows), generator=random)[:count]]


def _fit_style(painting: Image.Image, size: float) -> Image.Image:
    """The painting with its longest side at `size` pixels, or more where it got too narrow."""
    least = math.ceil(LEAST_SIDE * max(painting.size) / min(painting.size))
    return fit(painting, max(round(size), least))
