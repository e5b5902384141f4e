"""Likeness: where the photo depicts the same kind of thing as a style, such as a face, and the colours of it there.

Deep features of a photographed face resemble those of a painted face more than anything else in the painting. A map of
colour distributions knows nothing of this: it gives the brightest skin the colour of the brightest hair.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from nst.images.tensors import to_tensor
from nst.network.vgg import Backbone
from nst.optimise.hypercolumns import centred_unit_rows
from nst.optimise.losses import downscale_mask, exact, position_rows
from nst.optimise.regions import Likeness, Region, region_mask
from nst.optimise.targets import fit_style

LAYERS = ("relu3_1", "relu4_1", "relu5_1")  # each position is described by all three (a hypercolumn)
GRID_LAYER = "relu4_1"  # the layer whose positions are described
KIND_LAYER = "relu5_1"  # the layer that tells kinds of things apart

SIZE, STYLE_SIZES = 256, (256, 128, 64)
"""Longest sides, in pixels, at which photo and style are compared. A small face in the photo resembles a large face of
the style only at the size of a small one."""

UNLIKE, ALIKE = 0.2, 0.45
"""Cosine similarity, at KIND_LAYER, of a position to its nearest in the style, for a likeness of 0 and of 1.

The median is 0.42 between two portraits of women and 0.17 between a landscape and a portrait.
"""

DOUBTFUL, CERTAIN = 0.55, 0.7
"""The same similarity, of the best position nearby: the likeness counts not at all at DOUBTFUL, and fully at CERTAIN.

Eyes and mouths of two faces reach 0.7. A cup and a painted circle, or a sky and a painted sky, reach 0.55. With a
likeness they would lack the style's strokes.
"""

REACH = 7  # side of the square that is nearby, in positions of KIND_LAYER; a photo has up to 16 in a row

SHARPNESS = 30.0  # factor of the similarities in the softmax that averages the colours of a style's positions


@dataclass(frozen=True)
class _Description:
    pixels: Tensor  # 1 x 3 x H x W, in 0..1
    features: dict[str, Tensor]  # of LAYERS
    kinds: Tensor  # positions of KIND_LAYER x its channels, of unit length


def with_likeness(photo: Image.Image, regions: Sequence[Region], backbone: Backbone) -> list[Region]:
    """The regions with their `likeness` to the photo."""
    with torch.no_grad():
        own = _describe(photo, SIZE, backbone)
        return [replace(region, likeness=_compare(own, region, backbone)) for region in regions]


def _compare(photo: _Description, region: Region, backbone: Backbone) -> Likeness | None:
    if not region.styles:
        return None
    styles = [[_describe(style, size, backbone) for size in STYLE_SIZES] for style, _ in region.styles]
    kinds = torch.cat([size.kinds for sizes in styles for size in sizes])
    nearest = (photo.kinds @ kinds.T).amax(1)
    degree = _degree(nearest.view(1, 1, *photo.features[KIND_LAYER].shape[2:]))
    if not degree.any():
        return None
    mask = region_mask(region, degree)
    columns, colours, logits = [], [], []
    for sizes, (_, share) in zip(styles, region.styles, strict=True):
        columns.append(torch.cat([_columns(size) for size in sizes]))
        colours.append(torch.cat([_colours(size) for size in sizes]))
        logits.append(colours[-1].new_full((len(colours[-1]),), math.log(share / len(colours[-1]))))
    similarity = _columns(photo) @ torch.cat(columns).T
    weights = (SHARPNESS * similarity + torch.cat(logits)).softmax(1)
    of_photo = weights @ torch.cat(colours)
    grid = photo.features[GRID_LAYER].shape[2:]
    return Likeness(degree if mask is None else degree * mask, of_photo.T.reshape(1, 3, *grid))


def _degree(similarity: Tensor) -> Tensor:
    """Similarities to the nearest position of the style -> degrees of likeness in 0..1; both are 1 x 1 x H x W."""
    alike = ((similarity - UNLIKE) / (ALIKE - UNLIKE)).clamp(0, 1)
    certain = ((similarity - DOUBTFUL) / (CERTAIN - DOUBTFUL)).clamp(0, 1)
    return alike * F.max_pool2d(certain, REACH, stride=1, padding=REACH // 2)


def _describe(picture: Image.Image, size: int, backbone: Backbone) -> _Description:
    pixels = to_tensor(fit_style(picture, size, 1.0)).to(backbone.device)
    features = {k: exact(x) for k, x in backbone(pixels, LAYERS).items()}
    return _Description(pixels, features, centred_unit_rows(position_rows(features[KIND_LAYER])))


def _columns(picture: _Description) -> Tensor:
    """The hypercolumns, of unit length: positions of GRID_LAYER x channels of LAYERS."""
    grid = picture.features[GRID_LAYER].shape[2:]
    columns = []
    for k in LAYERS:
        rows = position_rows(F.interpolate(picture.features[k], grid, mode="bilinear", antialias=True))
        rows = rows - rows.mean(0)
        columns.append(rows / rows.norm(dim=1).mean().clamp_min(1e-6))  # each layer counts alike
    return F.normalize(torch.cat(columns, 1), eps=1e-6)


def _colours(picture: _Description) -> Tensor:
    """The colours at the positions of GRID_LAYER, x 3, in 0..1."""
    return position_rows(downscale_mask(picture.pixels, picture.features[GRID_LAYER]))
