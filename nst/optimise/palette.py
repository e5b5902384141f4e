"""Moves the colours of the photo, and of the picture between two scales, toward those of the styles."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from nst.colour import in_palette, palette_share
from nst.images import fit
from nst.images.tensors import to_image, to_tensor
from nst.optimise.guided_filter import guided_filter
from nst.optimise.regions import Likeness, Region, Styles, degree_of_likeness, region_mask

SMOOTH_SIZE, SMOOTH_WINDOW = 256, 33
"""Longest side of a photo, in pixels, at which its change toward like colours is smoothed, and side of the window."""

ROTATIONS = 8  # random rotations of the colour space; more make no visible difference

STYLE_SIZE, SAMPLE = 256, 2**13
"""Longest side of a style, in pixels, and number of pixels, from which colours are estimated."""

BINS = 4096  # of the histogram along an axis: ten for each step of an 8-bit colour


def match_palette(photo: Image.Image, regions: Sequence[Region], strength: float) -> Image.Image:
    """The RGB photo with its colours moved to the styles', by `palette_share`.

    Otherwise the content loss would preserve the photo's colours, above all against a style of few colours.
    """
    share = palette_share(strength)
    for region in regions:
        if region.styles:
            moved = in_palette(photo, region.styles, region.mask)
            if region.likeness is not None:
                moved = _toward_like_colours(moved, region.likeness)
                if region.mask is not None:
                    moved = Image.composite(moved, photo, region.mask)
            photo = Image.blend(photo, moved, share)
    return photo


def _toward_like_colours(photo: Image.Image, likeness: Likeness) -> Image.Image:
    """The photo with the mean colours of the styles where they depict the same; its contrasts stay."""
    guide = to_tensor(fit(photo, SMOOTH_SIZE))
    degree, colours = likeness.degree.cpu(), likeness.colours.cpu()
    grid = colours.shape[2:]
    change = colours - F.interpolate(guide, grid, mode="area")
    change = change * F.interpolate(degree, grid, mode="bilinear", align_corners=False)
    change = F.interpolate(change, guide.shape[2:], mode="bilinear", align_corners=False)
    pixels = to_tensor(photo)
    return to_image((pixels + guided_filter(change, guide, pixels, SMOOTH_WINDOW)).clamp(0, 1))


def toward_palette(picture: Tensor, regions: Sequence[Region], share: float) -> Tensor:
    """A picture, 1 x 3 x H x W in 0..1, with each region's colours moved toward its styles'.

    At share 1 they get the distribution of the styles' colours, at 0 they stay. Gram matrices and nearest neighbours
    constrain that distribution only weakly, so colours that the style does not have would otherwise survive to the
    end.

    Iterative distribution transfer (Pitié, Kokaram and Dahyot 2007, "Automated colour grading using colour
    distribution transfer"): rotate the colour space at random, then match the marginal distribution along each axis.
    Pixels of equal colour stay equal. The distribution of all colours knows nothing of what is where, so nothing moves
    where the photo depicts the same as a style.
    """
    pixels = picture.cpu()
    movable = share * (1 - degree_of_likeness(regions, pixels))
    for region in regions:
        if region.styles and share:
            mask = region_mask(region, pixels)
            rows = pixels[0].flatten(1)
            inside = rows if mask is None else rows[:, mask.flatten() >= mask.max() / 2]
            moved = _transfer(rows, _evenly(inside, SAMPLE), _style_colours(region.styles))
            pixels = torch.lerp(pixels, moved.view_as(pixels), movable if mask is None else movable * mask)
    return pixels.clamp(0, 1).to(picture.device)


def _transfer(colours: Tensor, sample: Tensor, target: Tensor) -> Tensor:
    """Colours, 3 x N, by the map that gives `sample` of them, 3 x K, the distribution of `target`.

    `target` is 3 x M.
    """
    random = torch.Generator().manual_seed(0)
    both, count = torch.cat([colours, sample], 1), sample.shape[1]
    for _ in range(ROTATIONS):
        rotation, _ = torch.linalg.qr(torch.randn(3, 3, generator=random, dtype=torch.float32))
        rotated, goal = rotation @ both, (rotation @ target).sort().values
        low, high = rotated[:, -count:].aminmax(dim=1, keepdim=True)
        bins = ((rotated - low) * ((BINS - 1) / (high - low).clamp_min(1e-6))).round_().clamp_(0, BINS - 1).long()
        sizes = torch.zeros(3, BINS).scatter_add_(1, bins[:, -count:], torch.ones(3, count))
        # The mean rank of the colours in a bin. Without it, a flat picture would get the palette's first colour.
        ranks = (sizes.cumsum(1) - sizes / 2) * (goal.shape[1] / count)
        moved = goal.gather(1, ranks.long().clamp_max(goal.shape[1] - 1)).gather(1, bins)
        both += rotation.T @ (moved - rotated)
    return both[:, :-count]


def _style_colours(styles: Styles) -> Tensor:
    """Colours of all styles in proportion to their shares, 3 x N."""
    parts = [(to_tensor(fit(style, STYLE_SIZE))[0].flatten(1), share) for style, share in styles]
    return torch.cat([_evenly(rows, round(SAMPLE * share)) for rows, share in parts], 1)


def _evenly(rows: Tensor, count: int) -> Tensor:
    """`count` evenly spaced columns, at least one."""
    return rows[:, torch.linspace(0, rows.shape[1] - 1, max(1, count), dtype=torch.float32).long()]
