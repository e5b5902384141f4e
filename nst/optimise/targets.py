"""Targets of the style losses: Gram matrices of the styles, and features to match.

The style loss compares Gram matrices (Gatys et al. 2016). The matching loss compares features with their nearest
neighbours among the style's (Kolkin et al. 2019 and 2022). See `nst.optimise.losses`.
"""

import hashlib
import math
from collections.abc import Callable, Collection
from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from nst.images import MIN_SIDE, fit
from nst.images.tensors import to_tensor
from nst.network.vgg import Backbone
from nst.optimise.losses import (
    downscale_mask,
    energies,
    gram,
    guidance_factor,
    match_dtype,
    position_rows,
    style_factor,
    with_gram,
)
from nst.optimise.matching import directions, match, sum_of, unit_offsets, with_matching_loss
from nst.optimise.regions import Region, region_mask
from nst.optimise.tiling import reach, stride_of, tiles
from nst.settings import Settings

DETAIL_LAYER = "relu3_1"  # additional content layer for `settings.detail`: edges and small forms
MATCH_SAMPLE = 2048  # number of style positions to match with, in each layer
STYLE_TILE = 1024  # side, in pixels, of the tiles of a larger style, which bound the memory

CheckCancelled = Callable[[], None]  # called between parts of long work; an exception that it raises ends the work


def never_cancelled() -> None:
    """The default `CheckCancelled`: never raises."""


@dataclass(frozen=True)
class StyleTargets:
    """Targets of a style at one size, by layer. Runs share them, so they must not be modified."""

    grams: dict[str, Tensor]  # Gram matrices, N x N, at the style layers
    directions: dict[str, Tensor]  # at K sampled positions, K x N, at the match layers
    mean_energies: dict[str, float]  # of `losses.energies`, at the content layers

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
    _style_factors: dict[str, Tensor] = field(default_factory=dict)
    _guides: dict[str, Tensor] = field(default_factory=dict)
    _positions: dict[str, Tensor] = field(default_factory=dict)
    _matches: dict[str, tuple[Tensor, Tensor]] = field(default_factory=dict)  # the result of `match`

    def style_loss(self, layer: str, features: Tensor, kind: str, weight: float) -> tuple[Tensor, Tensor]:
        """The features for the layers that follow, and `losses.style_loss` of those inside the region, times `weight`.

        It computes the factors once, so `kind` and `weight` of a layer must not change.
        """
        if self.mask is None:
            features, own = with_gram(features)
        else:
            own = gram(features * self._guide(layer, features, self.mask))
        target = self.styles.grams[layer]
        if layer not in self._style_factors:
            positions = features.shape[2] * features.shape[3]
            self._style_factors[layer] = weight * style_factor(target, kind, positions, self.scale)
        return features, F.mse_loss(own, target, reduction="sum") * self._style_factors[layer]

    def find_matches(self, layer: str, features: Tensor) -> None:
        """Find the nearest neighbours that `matching_loss` uses until the next call.

        They stay at the same place in the memory, where a CUDA graph expects them.
        """
        with torch.no_grad():
            own = directions(features, self._positions_inside(layer, features))
            target, weight = match(own, self.styles.directions[layer], features.dtype)
            new = match_dtype(target, features), weight
            for old, tensor in zip(self._matches.setdefault(layer, new), new, strict=True):
                if old is not tensor:
                    old.copy_(tensor)

    def matching_loss(self, layer: str, features: Tensor) -> tuple[Tensor, Tensor]:
        """The features for the layers that follow, and `matching.matching_loss` of those inside the region."""
        target, weight = self._matches[layer]
        return with_matching_loss(features, target, self._positions_inside(layer, features), weight)

    def _guide(self, layer: str, features: Tensor, mask: Tensor) -> Tensor:
        """The guidance channel of the region (Gatys et al. 2017, section 4)."""
        if layer not in self._guides:
            self._guides[layer] = guidance_factor(mask, features)
        return self._guides[layer]

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
    mean_energies: dict[str, float] = {}
    sampled: dict[str, list[Tensor]] = {layer: [] for layer in match_layers}
    for style, share in region.styles:
        check_cancelled()
        fitted = fit_style(style, size, settings.style_scale)
        one = style_targets(fitted, share, settings, match_layers, backbone, check_cancelled)
        for k in style_layers:
            grams[k] = share * one.grams[k] + grams.get(k, 0)
        for k, mean in one.mean_energies.items():
            mean_energies[k] = share * mean + mean_energies.get(k, 0)
        for k in match_layers:
            sampled[k].append(one.directions[k])
    mask = region_mask(region, photo)
    area = 1.0 if mask is None else float(mask.mean())
    pooled = {k: torch.cat(rows) for k, rows in sampled.items()}
    return RegionTarget(area, mask, StyleTargets(grams, pooled, mean_energies), backbone.scale)


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
        mean_energies: dict[str, float] = {}
        means: dict[str, Tensor] = {}
        sampled: dict[str, list[Tensor]] = {layer: [] for layer in match_layers}
        layers = {*style_layers, *match_layers, *compared}
        picture = to_tensor(style)
        whole = style.height, style.width
        for tile in tiles(whole, STYLE_TILE, *reach(layers, backbone.blocks)):
            check_cancelled()
            crop = tile.crop(picture).to(backbone.device)
            for k, features in backbone.walk(crop, layers, settings.pooling):
                core = tile.core_of(features, stride_of(k), whole)
                part = core[0, 0].numel() / math.prod(side // stride_of(k) for side in whole)
                if k in style_layers:
                    grams[k] = part * gram(core) + grams.get(k, 0)
                if k in compared:
                    mean_energies[k] = part * float(energies(core).mean()) + mean_energies.get(k, 0)
                if k in match_layers:
                    rows = position_rows(core)
                    means[k] = part / len(rows) * sum_of(rows) + means.get(k, 0)
                    sampled[k].append(_sample(rows, share * part, settings.seed))
        pooled = {k: unit_offsets(torch.cat(rows), means[k])[0] for k, rows in sampled.items()}
        return StyleTargets(grams, pooled, mean_energies)

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


def fit_style(style: Image.Image, size: float, scale: float) -> Image.Image:
    """The style with its longest side at `size` times `scale` pixels, or more where it would get too narrow.

    A `size` above the style's own counts as its own: an enlarged style has the features of a blurred picture.
    """
    smallest = math.ceil(MIN_SIDE * max(style.size) / min(style.size))
    return fit(style, max(round(min(size, max(style.size)) * scale), smallest))


def _sample(rows: Tensor, share: float, seed: int) -> Tensor:
    """A random sample of the rows, share * MATCH_SAMPLE of them."""
    random = torch.Generator().manual_seed(seed)
    count = max(1, round(MATCH_SAMPLE * share))
    return rows[torch.randperm(len(rows), generator=random)[:count]]
