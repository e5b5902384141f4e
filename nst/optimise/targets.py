"""Targets of the style losses: Gram matrices of the styles, and features to match.

The style loss compares Gram matrices (Gatys et al. 2016). The matching loss compares features with their nearest
neighbours among the style's (Kolkin et al. 2019 and 2022). See `nst.optimise.losses`.
"""

import hashlib
import math
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field

import torch
from PIL import Image
from torch import Tensor

from nst.images import MIN_SIDE, fit
from nst.images.tensors import to_tensor
from nst.network.vgg import Backbone
from nst.optimise.losses import (
    directions,
    downscale_mask,
    energy,
    gram,
    guidance_factor,
    match,
    match_dtype,
    matching_loss,
    style_loss,
)
from nst.optimise.regions import Region, region_mask
from nst.settings import Settings

DETAIL_LAYER = "relu3_1"  # additional content layer for `settings.detail`: edges and small forms
MATCH_SAMPLE = 2048  # number of style positions to match with, in each layer
TILE = 1024  # pixels; a style with a longer side is processed in tiles, to bound the memory

CheckCancelled = Callable[[], None]  # called between parts of long work; an exception that it raises ends the work


def never_cancelled() -> None:
    """The default `CheckCancelled`: never raises."""


@dataclass(frozen=True)
class StyleTargets:
    """Targets of a style at one size, by layer. Runs share them, so they must not be modified."""

    grams: dict[str, Tensor]  # Gram matrices, N x N, at the style layers
    directions: dict[str, Tensor]  # at K sampled positions, K x N, at the match layers
    energies: dict[str, float]  # mean `losses.energy` per position, at the content layers

    @property
    def nbytes(self) -> int:
        """Size of all tensors in bytes."""
        return sum(x.nbytes for x in (*self.grams.values(), *self.directions.values()))


@dataclass
class RegionTarget:
    """Style and matching loss of one region at one scale."""

    share: float  # area, relative to the picture
    mask: Tensor | None  # 1 x 1 x H x W in 0..1; None: the whole picture
    styles: StyleTargets
    scale: float  # of the features, relative to the network's
    _guides: dict[str, Tensor] = field(default_factory=dict)
    _positions: dict[str, Tensor] = field(default_factory=dict)
    _matches: dict[str, Tensor] = field(default_factory=dict)

    def style_loss(self, layer: str, features: Tensor, kind: str) -> Tensor:
        """`losses.style_loss` of the features inside the region."""
        positions = features.shape[2] * features.shape[3]
        own = gram(self._guided(layer, features))
        return style_loss(own, self.styles.grams[layer], kind, positions, self.scale)

    def find_matches(self, layer: str, features: Tensor) -> None:
        """Find the nearest neighbours that `matching_loss` uses until the next call."""
        with torch.no_grad():
            own = directions(features, self._positions_inside(layer, features))
            nearest = match(own, self.styles.directions[layer])
            self._matches[layer] = match_dtype(nearest, features)

    def matching_loss(self, layer: str, features: Tensor) -> Tensor:
        """`losses.matching_loss` between the features inside the region and their matches."""
        inside = self._positions_inside(layer, features)
        return matching_loss(features, self._matches[layer], inside)

    def _guided(self, layer: str, features: Tensor) -> Tensor:
        """The features times the guidance channel of the region (Gatys et al. 2017, section 4)."""
        if self.mask is None:
            return features
        if layer not in self._guides:
            self._guides[layer] = guidance_factor(self.mask, features)
        return features * self._guides[layer]

    def _positions_inside(self, layer: str, features: Tensor) -> Tensor | None:
        """Indices of a layer's positions inside the region; None: it is the whole picture."""
        if self.mask is not None and layer not in self._positions:
            shares = downscale_mask(self.mask, features).flatten()
            self._positions[layer] = (shares >= min(0.5, float(shares.max()))).nonzero()[:, 0]
        return self._positions.get(layer)


def region_target(
    region: Region,
    photo: Tensor,
    size: int,
    settings: Settings,
    match_layers: Collection[str],
    backbone: Backbone,
    check_cancelled: CheckCancelled,
) -> RegionTarget:
    """Targets of a region, for the photo 1 x 3 x H x W with a longest side of `size` pixels.

    Gram matrices and energies of several styles are averaged by their shares, directions pooled.
    """
    style_layers = [layer for layer, _ in settings.style_layers]
    grams: dict[str, Tensor] = {}
    energies: dict[str, float] = {}
    sampled: dict[str, list[Tensor]] = {layer: [] for layer in match_layers}
    for style, share in region.styles:
        check_cancelled()
        fitted = fit_style(style, size * settings.style_scale)
        one = style_targets(fitted, share, settings, match_layers, backbone, check_cancelled)
        for k in style_layers:
            grams[k] = share * one.grams[k] + grams.get(k, 0)
        for k, mean in one.energies.items():
            energies[k] = share * mean + energies.get(k, 0)
        for k in match_layers:
            sampled[k].append(one.directions[k])
    mask = region_mask(region, photo)
    area = 1.0 if mask is None else float(mask.mean())
    pooled = {k: torch.cat(rows) for k, rows in sampled.items()}
    return RegionTarget(area, mask, StyleTargets(grams, pooled, energies), backbone.scale)


def style_targets(
    style: Image.Image,
    share: float,
    settings: Settings,
    match_layers: Collection[str],
    backbone: Backbone,
    check_cancelled: CheckCancelled = never_cancelled,
) -> StyleTargets:
    """Targets of one RGB style.

    The number of sampled positions is proportional to its share. The backbone caches the result, because many runs use
    the same styles.
    """
    pixels = style.tobytes()
    style_layers = tuple(layer for layer, _ in settings.style_layers)
    compared = tuple(content_layers(settings))
    options = (share, style_layers, tuple(match_layers), compared, settings.pooling, settings.seed)
    key = (hashlib.sha256(pixels).digest(), style.size, *options)

    def compute() -> StyleTargets:
        grams: dict[str, Tensor] = {}
        energies: dict[str, float] = {}
        rows: dict[str, list[Tensor]] = {layer: [] for layer in match_layers}
        for tile, part in tiles(to_tensor(style)):
            check_cancelled()
            layers = {*style_layers, *match_layers, *compared}
            features = backbone(tile.to(backbone.device), layers, settings.pooling)
            for k in style_layers:
                grams[k] = part * gram(features[k]) + grams.get(k, 0)
            for k in compared:
                mean = float(energy(features[k])) / features[k][0, 0].numel()
                energies[k] = part * mean + energies.get(k, 0)
            for k in match_layers:
                rows[k].append(_sample(directions(features[k]), share * part, settings.seed))
        return StyleTargets(grams, {k: torch.cat(parts) for k, parts in rows.items()}, energies)

    return backbone.cache.get(key, compute)


def content_layers(settings: Settings) -> dict[str, float]:
    """Layers of the content loss with their weights, `DETAIL_LAYER` included."""
    layers = dict(settings.content_layers)
    if settings.detail:
        layers[DETAIL_LAYER] = layers.get(DETAIL_LAYER, 0) + settings.detail
    return layers


def without_edge(style: Image.Image) -> Image.Image:
    """The style without a thirtieth at each side: a scan's margin would be painted as a frame."""
    margin = max(style.size) // 30
    if min(style.size) <= 4 * margin:
        return style
    return style.crop((margin, margin, style.width - margin, style.height - margin))


def fit_style(style: Image.Image, size: float) -> Image.Image:
    """The style with its longest side at `size` pixels, or more where it would get too narrow."""
    smallest = math.ceil(MIN_SIDE * max(style.size) / min(style.size))
    return fit(style, max(round(size), smallest))


def tiles(style: Tensor) -> Iterator[tuple[Tensor, float]]:
    """Tiles of 1 x 3 x H x W with sides of at most TILE pixels, each with its share of the area."""
    height, width = style.shape[2:]
    for band in style.chunk(-(-height // TILE), dim=2):
        for tile in band.chunk(-(-width // TILE), dim=3):
            yield tile, tile.shape[2] * tile.shape[3] / (height * width)


def _sample(rows: Tensor, share: float, seed: int) -> Tensor:
    """A random sample of the rows, share * MATCH_SAMPLE of them."""
    random = torch.Generator().manual_seed(seed)
    count = max(1, round(MATCH_SAMPLE * share))
    return rows[torch.randperm(len(rows), generator=random)[:count]]
