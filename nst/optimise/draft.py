"""What one pass makes of the photo: a painting of its own, or a start for the optimiser."""

from collections.abc import Sequence

from torch import Tensor

from nst.onepass.styles import in_style, read
from nst.optimise.regions import Region, region_mask
from nst.settings import Settings


def draft(photo: Tensor, regions: Sequence[Region], settings: Settings) -> Tensor:
    """The photo, 1 x 3 x H x W in 0..1, with each region in its own styles."""
    painted = photo
    for region in regions:
        styles = read(region.styles, settings.style_scale, photo.device)
        change = in_style(photo, styles, settings.strength) - photo
        mask = region_mask(region, photo)
        change = change if mask is None else change * mask
        painted = painted + change
    return painted.clamp(0, 1)
