"""Pictures by the one-pass network: results of their own, or a start for the optimiser."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from nst.network.vgg import Backbone
from nst.one_pass_network.styles import TRAINED_SIZE, encode, stylize
from nst.optimise.losses import emphasis, energies
from nst.optimise.regions import Region, degree_of_likeness, region_mask
from nst.settings import Settings

MAX_EMPHASIS = 1.2  # `emphasis` from which on a part of the photo takes nothing from its preview

EMPHASIS_LAYER = "relu4_1"


def preview_pixels(photo: Tensor, regions: Sequence[Region], settings: Settings) -> Tensor:
    """The photo with each region in its styles, by the one-pass network; 1 x 3 x H x W in 0..1."""
    painted = photo
    for region in regions:
        if region.styles:
            cin = encode(region.styles, settings.style_scale, photo.device)
            change = stylize(photo, cin, settings.strength) - photo
            mask = region_mask(region, photo)
            change = change if mask is None else change * mask
            painted = painted + change
    return painted.clamp(0, 1)


def blend_preview(
    pixels: Tensor, photo: Tensor, regions: Sequence[Region], settings: Settings, backbone: Backbone
) -> Tensor:
    """`pixels` with the preview blended in where the photo has little content.

    Both are 1 x 3 x H x W in 0..1. The optimiser adds strokes but no large shapes to an empty sky; where the preview
    has some, it also converges sooner. Faces, windows and edges come out better without a preview, and so does what
    the style depicts as well. The preview of a small photo is made at up to twice its size, because the one-pass
    network was trained on larger pictures.
    """
    with torch.no_grad():
        features = backbone(photo, [EMPHASIS_LAYER], settings.pooling)[EMPHASIS_LAYER]
        content = F.interpolate(emphasis(energies(features)), photo.shape[2:], mode="bilinear")
        factor = min(2.0, max(1.0, TRAINED_SIZE / max(photo.shape[2:])))
        larger = F.interpolate(photo, scale_factor=factor, mode="bicubic").clamp(0, 1)
        change = preview_pixels(larger, regions, settings) - larger
        change = F.interpolate(change, photo.shape[2:], mode="bilinear", antialias=True)
        preview = (photo + change).clamp(0, 1)
        unlike = 1 - degree_of_likeness(regions, photo)
        return torch.lerp(pixels, preview, (MAX_EMPHASIS - content).clamp(0, 1) * unlike)
