"""What a picture is drawn to: the Gram matrices of styles and a sample of their directions."""

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
    carried_down,
    directions,
    energy,
    gram,
    guide,
    in_format,
    match,
    matching_loss,
    style_loss,
)
from nst.optimise.regions import Region, region_mask
from nst.settings import Settings

DETAIL_LAYER = "relu3_1"
"""Where the photo is compared a second time for the knob `detail`: edges and small forms."""

MATCH_SAMPLE = 2048
"""Positions of the styles to choose from, in each layer."""

TILE = 1024
"""Pixels; a larger style is looked at in parts, since it need not fit into memory at once."""

CheckCancelled = Callable[[], None]
"""Called between two parts of long work; what it raises ends the work."""


def never_cancelled() -> None:
    """Go on."""


@dataclass(frozen=True)
class StyleTargets:
    """What is known of one style at one size, by layer; shared between runs, not to be changed.

    `grams` are N x N of `gram`, `directions` K x N of `directions` at K positions, `energies` the
    mean `energy` of a position at the layers where the content is compared.
    """

    grams: dict[str, Tensor]
    directions: dict[str, Tensor]
    energies: dict[str, float]

    @property
    def nbytes(self) -> int:
        """Bytes of all tensors."""
        return sum(x.nbytes for x in (*self.grams.values(), *self.directions.values()))


@dataclass
class RegionTarget:
    """What the features in one region are drawn to, at one scale.

    `share` is the region's share of the picture, `mask` 1 x 1 x H x W, 0..1, or none where the
    region is the whole picture. Features are 1 x N x H' x W' of the picture at a layer, `scale`
    times the network's own.
    """

    share: float
    mask: Tensor | None
    styles: StyleTargets
    scale: float
    _guides: dict[str, Tensor] = field(default_factory=dict)
    _inside: dict[str, Tensor] = field(default_factory=dict)
    _matches: dict[str, Tensor] = field(default_factory=dict)

    def style_loss(self, layer: str, features: Tensor, kind: str) -> Tensor:
        """`losses.style_loss` of the features inside the region."""
        positions = features.shape[2] * features.shape[3]
        found = gram(self._guided(layer, features))
        return style_loss(found, self.styles.grams[layer], kind, positions, self.scale)

    def find_matches(self, layer: str, features: Tensor) -> None:
        """Look for the nearest neighbours anew, for all `matching_loss` to come."""
        with torch.no_grad():
            offered = self.styles.directions[layer]
            nearest = match(directions(features, self._positions(layer, features)), offered)
            self._matches[layer] = in_format(nearest, features)

    def matching_loss(self, layer: str, features: Tensor) -> Tensor:
        """`losses.matching_loss` of the features inside the region and the matches found."""
        inside = self._positions(layer, features)
        return matching_loss(features, self._matches[layer], inside)

    def _guided(self, layer: str, features: Tensor) -> Tensor:
        """The features, weighted by the region where it isn't the whole picture."""
        if self.mask is None:
            return features
        if layer not in self._guides:
            self._guides[layer] = guide(self.mask, features)
        return features * self._guides[layer]

    def _positions(self, layer: str, features: Tensor) -> Tensor | None:
        """The positions of a layer that lie in the region; none where it is the whole picture."""
        if self.mask is not None and layer not in self._inside:
            shares = carried_down(self.mask, features).flatten()
            self._inside[layer] = (shares >= min(0.5, float(shares.max()))).nonzero()[:, 0]
        return self._inside.get(layer)


def region_target(
    region: Region,
    photo: Tensor,
    size: int,
    settings: Settings,
    match_layers: Collection[str],
    backbone: Backbone,
    check_cancelled: CheckCancelled,
) -> RegionTarget:
    """What the picture is drawn to in a region, for the photo 1 x 3 x H x W at `size` pixels."""
    style_layers = [layer for layer, _ in settings.style_layers]
    grams: dict[str, Tensor] = {}
    energies: dict[str, float] = {}
    offered: dict[str, list[Tensor]] = {layer: [] for layer in match_layers}
    for style, share in region.styles:
        fitted = fit_style(style, size * settings.style_scale)
        known = style_targets(fitted, share, settings, match_layers, backbone, check_cancelled)
        for k in style_layers:
            grams[k] = share * known.grams[k] + grams.get(k, 0)
        for k, found in known.energies.items():
            energies[k] = share * found + energies.get(k, 0)
        for k in match_layers:
            offered[k].append(known.directions[k])
    mask = region_mask(region, photo)
    share = 1.0 if mask is None else float(mask.mean())
    styles = StyleTargets(grams, {k: torch.cat(rows) for k, rows in offered.items()}, energies)
    return RegionTarget(share, mask, styles, backbone.scale)


def style_targets(
    style: Image.Image,
    share: float,
    settings: Settings,
    match_layers: Collection[str],
    backbone: Backbone,
    check_cancelled: CheckCancelled = never_cancelled,
) -> StyleTargets:
    """Gram matrices at the style layers, directions at `match_layers`, energies at the content's.

    All of one RGB style. If its share is smaller, fewer directions are drawn. The backbone keeps
    the answer: visitors like the same styles.
    """
    pixels = style.tobytes()
    style_layers = tuple(layer for layer, _ in settings.style_layers)
    compared = tuple(content_layers(settings))
    about = (share, style_layers, tuple(match_layers), compared, settings.pooling, settings.seed)
    key = (hashlib.sha256(pixels).digest(), style.size, *about)

    def study() -> StyleTargets:
        grams: dict[str, Tensor] = {}
        energies: dict[str, float] = {}
        rows: dict[str, list[Tensor]] = {layer: [] for layer in match_layers}
        for tile, part in tiles(to_tensor(style)):
            check_cancelled()
            layers = {*style_layers, *match_layers, *compared}
            found = backbone(tile.to(backbone.device), layers, settings.pooling)
            for k in style_layers:
                grams[k] = part * gram(found[k]) + grams.get(k, 0)
            for k in compared:
                mean = float(energy(found[k])) / found[k][0, 0].numel()
                energies[k] = part * mean + energies.get(k, 0)
            for k in match_layers:
                rows[k].append(_sample(directions(found[k]), share * part, settings.seed))
        return StyleTargets(grams, {k: torch.cat(parts) for k, parts in rows.items()}, energies)

    return backbone.cache.get(key, study)


def content_layers(settings: Settings) -> dict[str, float]:
    """The layers where the photo is compared, with their weights."""
    layers = dict(settings.content_layers)
    if settings.detail:
        layers[DETAIL_LAYER] = layers.get(DETAIL_LAYER, 0) + settings.detail
    return layers


def without_edge(style: Image.Image) -> Image.Image:
    """The style less a thirtieth on each side: a scan's margin would be painted as a frame."""
    margin = max(style.size) // 30
    if min(style.size) <= 4 * margin:
        return style
    return style.crop((margin, margin, style.width - margin, style.height - margin))


def fit_style(style: Image.Image, size: float) -> Image.Image:
    """The style with its longest side at `size` pixels, or more where it got too narrow."""
    least = math.ceil(MIN_SIDE * max(style.size) / min(style.size))
    return fit(style, max(round(size), least))


def tiles(style: Tensor) -> Iterator[tuple[Tensor, float]]:
    """1 x 3 x H x W in parts of TILE pixels at most, each with its share of the whole."""
    height, width = style.shape[2:]
    for band in style.chunk(-(-height // TILE), dim=2):
        for tile in band.chunk(-(-width // TILE), dim=3):
            yield tile, tile.shape[2] * tile.shape[3] / (height * width)


def _sample(rows: Tensor, share: float, seed: int) -> Tensor:
    """Positions of one style, drawn at random, as many as its share allows."""
    random = torch.Generator().manual_seed(seed)
    count = max(1, round(MATCH_SAMPLE * share))
    return rows[torch.randperm(len(rows), generator=random)[:count]]
