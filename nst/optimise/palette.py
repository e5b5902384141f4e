"""The colours of a picture on its way, moved toward those of its styles."""

from collections.abc import Sequence

import torch
from torch import Tensor

from nst.images import fit
from nst.images.tensors import to_tensor
from nst.optimise.regions import Region, Styles, region_mask

ROUNDS = 8
"""Turns of the colour space; more of them change nothing to be seen."""

SIZE, SAMPLE = 256, 2**13
"""Pixels of a style's longest side, and how many of a picture tell its colours."""


def toward_palette(picture: Tensor, regions: Sequence[Region], share: float) -> Tensor:
    """A picture, 1 x 3 x H x W in 0..1, with each region's colours moved toward its styles'.

    At share 1 they are as frequent as there, at 0 as they were. Gram matrices and nearest
    neighbours care little for how frequent a colour is, and a picture that begins with colours
    that its style does not have keeps some of them to the end.

    By iterative distribution transfer (Pitié, Kokaram and Dahyot 2007, "Automated colour grading
    using colour distribution transfer"): the colour space is turned at random, and along each of
    its axes values go to where as many are below as in the style. Equal colours stay equal.
    """
    pixels = picture.cpu()
    for region in regions:
        if region.styles and share:
            mask = region_mask(region, pixels)
            rows = pixels[0].flatten(1)
            counted = rows if mask is None else rows[:, mask.flatten() >= mask.max() / 2]
            amount = share if mask is None else share * mask
            moved = _moved(rows, _some(counted, SAMPLE), _colours(region.styles))
            pixels = torch.lerp(pixels, moved.view_as(pixels), torch.as_tensor(amount))
    return pixels.clamp(0, 1).to(picture.device)


def _moved(colours: Tensor, sample: Tensor, wanted: Tensor) -> Tensor:
    """Colours, 3 x N, as far as `sample` of them, 3 x K, has to move to be spread as `wanted`."""
    random = torch.Generator().manual_seed(0)
    both, known = torch.cat([colours, sample], 1), sample.shape[1]
    for _ in range(ROUNDS):
        turn, _ = torch.linalg.qr(torch.randn(3, 3, generator=random))
        turned, goal = turn @ both, (turn @ wanted).sort().values
        order = turned[:, -known:].sort().values
        below, beside = (torch.searchsorted(order, turned, right=right) for right in (False, True))
        place = (below + beside) * goal.shape[1] // (2 * known)
        both = both + turn.T @ (goal.gather(1, place.clamp_max(goal.shape[1] - 1)) - turned)
    return both[:, :-known]


def _colours(styles: Styles) -> Tensor:
    """Of all styles by their shares, 3 x N."""
    parts = [(to_tensor(fit(style, SIZE))[0].flatten(1), share) for style, share in styles]
    return torch.cat([_some(rows, round(SAMPLE * share)) for rows, share in parts], 1)


def _some(rows: Tensor, count: int) -> Tensor:
    """So many of the columns, evenly spaced."""
    return rows[:, torch.linspace(0, rows.shape[1] - 1, max(1, count)).long()]
