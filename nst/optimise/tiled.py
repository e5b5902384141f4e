"""The objective of a picture too large for memory: each evaluation computes its features tile by tile, twice.

The first pass computes sums over the whole picture: Gram matrices and mean features. The second computes each tile's
losses, with the sums of all other tiles held constant, and their gradient. It is the gradient of `Objective`, except
for one small term: the derivative of the matching loss by the mean features. It is known only after the last tile, so
the second pass uses that of the evaluation before.
"""

from collections.abc import Iterator
from types import EllipsisType

import torch
from torch import Tensor

from nst.optimise.losses import (
    downscale_mask,
    energies,
    gram,
    guidance_factor,
    match_dtype,
    position_rows,
    style_loss,
    with_weighted_error,
)
from nst.optimise.matching import PictureMean, Search, match_target, matching_similarity, pulls, sum_of, unit_offsets
from nst.optimise.objective import LossTensors, Objective, loss_gradient
from nst.optimise.targets import RegionTarget
from nst.optimise.tiling import Tile, reach, stride_of, tiles

TILE = 768  # side of a tile's core, in pixels

At = tuple[EllipsisType, slice, slice]  # a tile's core in the features of the whole picture


class TiledObjective(Objective):
    """`Objective` with memory for one tile's features instead of the picture's."""

    def _study_photo(self, photo: Tensor) -> None:
        self._whole = int(photo.shape[2]), int(photo.shape[3])
        self._tiles = tiles(self._whole, TILE, *reach(self._layers, self._backbone.blocks))
        dtype = self._backbone.arithmetic.dtype
        self._region_layers = {
            k: [
                _RegionLayer(k, target, photo.new_empty(1, 1, *self._shape(k), dtype=dtype), k in self._match_layers)
                for target in self._targets
            ]
            for k in {*self._style_layers, *self._match_layers}
        }
        self._photo_tiles: list[dict[str, Tensor]] = []
        of_photo = {k: photo.new_empty(1, 1, *self._shape(k)) for k in self._content_layers}
        channels = {}
        for tile in self._tiles:
            cores = {k: core for k, core, _ in self._walk(tile, tile.crop(photo)) if k in self._content_layers}
            self._photo_tiles.append({k: core.clone() for k, core in cores.items()})
            for k, core in cores.items():
                of_photo[k][self._at(tile, k)] = energies(core)
                channels[k] = core.shape[1]
        self._content_factors = {k: self._content_factor(k, x, channels[k]) for k, x in of_photo.items()}

    def _terms_and_gradient(self, pixels: Tensor, renews: bool) -> tuple[LossTensors, Tensor]:
        with torch.no_grad():
            self._sum_up(pixels)
            if renews:
                self._find_matches(pixels)
        gradient, zero = torch.zeros_like(pixels), pixels.new_zeros(())
        content, style, similarity = zero, zero, zero
        highest = sum(
            weight * sum(region.total_weight for region in self._region_layers[k])
            for k, weight in self._match_layers.items()
        )
        for tile, of_photo in zip(self._tiles, self._photo_tiles, strict=True):
            crop = tile.crop(pixels).clone().requires_grad_()
            own_content, style, own_similarity = self._tile_losses(tile, crop, of_photo)
            terms = self._weighted(own_content, style, highest - own_similarity)
            total = terms["content"] + terms["style"]
            tile.crop(gradient).add_(loss_gradient(total, crop, self.dtype))
            content, similarity = content + own_content.detach(), similarity + own_similarity.detach()
        terms = self._weighted(content, style.detach(), highest - similarity)
        return terms | {"tv": self._add_total_variation(pixels, gradient)}, gradient

    def _sum_up(self, pixels: Tensor) -> None:
        for region in self._all_region_layers():
            region.start_sums()
        for tile in self._tiles:
            for k, core, at in self._walk(tile, tile.crop(pixels)):
                for region in self._region_layers.get(k, []):
                    region.add(core, at)
        for region in self._all_region_layers():
            region.end_sums()

    def _find_matches(self, pixels: Tensor) -> None:
        for region in self._all_region_layers():
            region.start_search(self._backbone.arithmetic.dtype)
        for tile in self._tiles:
            for k, core, at in self._walk(tile, tile.crop(pixels)):
                if k in self._match_layers:
                    for region in self._region_layers[k]:
                        region.search(core, at)
        for region in self._all_region_layers():
            region.end_search()

    def _tile_losses(self, tile: Tile, crop: Tensor, of_photo: dict[str, Tensor]) -> tuple[Tensor, Tensor, Tensor]:
        """Content loss of the tile's core, style loss of the picture, and the core's similarity to its matches."""
        content = style = similarity = crop.new_zeros(())
        for k, core, at in self._walk(tile, crop):
            if k in self._content_layers:
                factor = self._content_factors[k]
                factor = factor[at] if isinstance(factor, Tensor) else factor
                _, loss = with_weighted_error(core, of_photo[k], factor)
                content = content + self._content_layers[k] * loss
            for region in self._region_layers.get(k, []):
                if k in self._style_layers:
                    style = style + self._style_layers[k] * region.style_loss(self._settings.style_loss, core, at)
                if k in self._match_layers:
                    similarity = similarity + self._match_layers[k] * region.similarity(core, at)
        return content, style, similarity

    def _all_region_layers(self) -> Iterator["_RegionLayer"]:
        for region_layers in self._region_layers.values():
            yield from region_layers

    def _walk(self, tile: Tile, crop: Tensor) -> Iterator[tuple[str, Tensor, At]]:
        """Layer, features of the tile's core, and their place; from shallow to deep."""
        self._check_cancelled()
        for k, features in self._backbone.walk(crop, self._layers, self._settings.pooling):
            yield k, tile.core_of(features, stride_of(k), self._whole), self._at(tile, k)

    def _at(self, tile: Tile, layer: str) -> At:
        top, bottom, left, right = tile.core_at(stride_of(layer), self._whole)
        return ..., slice(top, bottom), slice(left, right)

    def _shape(self, layer: str) -> tuple[int, int]:
        stride = stride_of(layer)
        return self._whole[0] // stride, self._whole[1] // stride


class _RegionLayer:
    """Sums and matches of the whole picture, for one region and layer."""

    def __init__(self, layer: str, target: RegionTarget, grid: Tensor, matches: bool) -> None:
        """`grid` has the shape, number format and device of one channel of the layer."""
        self._target, self._positions = target, grid.numel()
        self._style_gram = target.styles.grams.get(layer)
        self._style = target.styles.directions.get(layer) if matches else None
        self._guide: Tensor | None = None
        shares = None if target.mask is None else downscale_mask(target.mask, grid)
        if target.mask is not None:
            self._guide = guidance_factor(target.mask, grid)
        if matches:
            everywhere = torch.ones(grid.shape, dtype=torch.bool)
            inside = everywhere if shares is None else shares.cpu() >= min(0.5, float(shares.max()))
            self._count = int(inside.sum())
            # The number of each position that is matched, else -1, and the style position that it is matched with.
            numbers = torch.arange(self._positions, dtype=torch.int32).view(grid.shape)
            self._numbers = torch.where(inside, numbers, -1)
            self._matched = torch.zeros(self._positions, dtype=torch.int32)
            self._mean: PictureMean | None = None
            self.total_weight = 0.0  # the similarity of the region if all its positions equal their matches

    def start_sums(self) -> None:
        """Before the first tile of an evaluation."""
        self._gram: Tensor | float = 0.0
        self._sum: Tensor | float = 0.0

    def add(self, core: Tensor, at: At) -> None:
        """Add a tile's features to the sums."""
        if self._style_gram is not None:
            self._gram = self._gram + self._part_of_gram(core, at)
        if self._style is not None:
            self._sum = self._sum + sum_of(position_rows(core, self._inside(at)[0]))

    def end_sums(self) -> None:
        """After the last tile."""
        if isinstance(self._sum, Tensor):
            zero = torch.zeros_like(self._sum)
            before = self._mean.gradient_sum if self._mean else zero
            self._mean = PictureMean(self._sum / self._count, self._count, gradient=before, gradient_sum=zero.clone())

    def start_search(self, dtype: torch.dtype) -> None:
        """Before the first tile of a search for matches."""
        if self._style is not None:
            self._search = Search(self._style, dtype)

    def search(self, core: Tensor, at: At) -> None:
        """Match the positions of a tile."""
        inside, numbers = self._inside(at)
        assert self._mean is not None
        rows, _ = unit_offsets(position_rows(core, inside), self._mean.value)
        if len(rows):
            self._matched[numbers] = self._search.add(rows, numbers.to(rows.device)).cpu().to(torch.int32)

    def end_search(self) -> None:
        """After the last tile."""
        if self._style is not None:
            weights = pulls(self._search.nearest, self._count, self._positions)
            self._nearest, self._weighted = self._search.nearest.cpu(), self._style * weights[:, None]
            self.total_weight = self._target.share * (1 + float(weights.sum()))

    def style_loss(self, kind: str, core: Tensor, at: At) -> Tensor:
        """The style loss of the region in the whole picture, with the gradient of the tile."""
        assert self._style_gram is not None
        own = self._part_of_gram(core, at)
        return self._target.share * style_loss(
            self._gram + (own - own.detach()), self._style_gram, kind, self._positions, self._target.scale
        )

    def similarity(self, core: Tensor, at: At) -> Tensor:
        """The tile's part of the region's similarity to its matches."""
        inside, numbers = self._inside(at)
        if not len(numbers):
            return core.new_zeros((), dtype=torch.float32)
        assert self._style is not None and self._mean is not None
        rows = torch.searchsorted(numbers, self._nearest).clamp_max(len(numbers) - 1)
        here = numbers[rows] == self._nearest
        rows, here = rows[here].to(core.device), here.to(core.device)
        matched = self._matched[numbers].to(core.device).long()
        target = match_target(self._style, matched, rows, self._weighted[here], self._count)
        target = match_dtype(target, core)
        return self._target.share * matching_similarity(core, target, inside, self._mean)

    def _part_of_gram(self, core: Tensor, at: At) -> Tensor:
        guided = core if self._guide is None else core * self._guide[at]
        return core[0, 0].numel() / self._positions * gram(guided)

    def _inside(self, at: At) -> tuple[Tensor | None, Tensor]:
        """The matched positions of the tile: their indices in the tile, None for all, and their numbers."""
        numbers = self._numbers[at].flatten().long()
        if self._target.mask is None:
            return None, numbers
        inside = (numbers >= 0).nonzero()[:, 0]
        return inside.to(self._target.mask.device), numbers[inside]
