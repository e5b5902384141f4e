"""What one pass makes of the photo: a painting of its own, or a beginning for the optimiser."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from nst.network.vgg import Backbone
from nst.one_pass_network.styles import LEARNED_AT, in_style, read
from nst.optimise.losses import emphasis
from nst.optimise.regions import Region, region_mask
from nst.settings import Settings

CALM = 1.2
"""The `emphasis` from which on a place of the photo takes nothing from its draft."""
CALM_LAYER = "relu4_1"


def draft(photo: Tensor, regions: Sequence[Region], settings: Settings) -> Tensor:
    """The photo, 1 x 3 x H x W in 0..1, with each region in its own styles, if it has any."""
    painted = photo
    for region in regions:
        if region.styles:
            styles = read(region.styles, settings.style_scale, photo.device)
            change = in_style(photo, styles, settings.strength) - photo
            mask = region_mask(region, photo)
            change = change if mask is None else change * mask
            painted = painted + change
    return painted.clamp(0, 1)


def blend_preview(
    pixels: Tensor,
    photo: Tensor,
    regions: Sequence[Region],
    settings: Settings,
    backbone: Backbone,
) -> Tensor:
    """A picture on its way, with calm parts of the photo as they are in its draft.

    Both are 1 x 3 x H x W in 0..1. The optimiser makes strokes, but no stars in an empty sky, and
    where it finds some, it is done sooner. Faces, windows and edges it paints better by itself. A
    small picture's draft is made larger, up to twice, since strokes were learned so.
    """
    with torch.no_grad():
        found = backbone(photo, [CALM_LAYER], settings.pooling)[CALM_LAYER]
        held = F.interpolate(emphasis(found), photo.shape[2:], mode="bilinear")
        factor = min(2.0, max(1.0, LEARNED_AT / max(photo.shape[2:])))
        larger = F.interpolate(photo, scale_factor=factor, mode="bicubic").clamp(0, 1)
        change = draft(larger, regions, settings) - larger
        change = F.interpolate(change, photo.shape[2:], mode="bilinear", antialias=True)
        drafted = (photo + change).clamp(0, 1)
        return torch.lerp(pixels, drafted, (CALM - held).clamp(0, 1))
