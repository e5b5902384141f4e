"""Parts of the styles, such as sky, houses and fields, and what of the photo resembles each of them.

Style losses of the whole picture know nothing of what is where: they put stars into a meadow. Parts are clusters of
deep features, as in Zhang et al. 2019, "Multimodal Style Transfer via Graph Cuts". M: positions of a picture. N:
numbers in the description of a position.
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from nst.optimise.guided_filter import guided_filter

PARTS = 3  # of a landscape they may be sky, houses and fields; more parts correspond less well

SHARPNESS = 12.0  # factor of the similarities in the softmax over the parts

STARTS, ROUNDS = 4, 20  # of the clustering: random starts, of which the best counts, and iterations

GUIDE_SIZE, WINDOW = 128, 5
"""Longest side of a picture, in pixels, at which the weights of its parts follow its edges, and side of the window."""


def find_parts(styles: Sequence[Tensor]) -> Tensor:
    """Descriptions of the parts, PARTS x N, into which the positions of all styles fall (spherical k-means).

    `styles` are descriptions of positions, M x N, of unit length.
    """
    rows, random = torch.cat(list(styles)), torch.Generator().manual_seed(0)

    def descend() -> tuple[float, Tensor]:
        centres = rows[torch.randint(len(rows), (PARTS,), generator=random).to(rows.device)]
        for _ in range(ROUNDS):
            nearest = F.one_hot((rows @ centres.T).argmax(1), PARTS).to(rows.dtype)
            centres = F.normalize(nearest.T @ rows + 1e-6 * centres, eps=1e-12)  # an empty part stays where it is
        return float((rows @ centres.T).amax(1).sum()), centres

    return max((descend() for _ in range(STARTS)), key=lambda found: found[0])[1]


def assign_parts(rows: Tensor, parts: Tensor, grid: Sequence[int]) -> Tensor:
    """How far each position belongs to each part: descriptions M x N and PARTS x N -> 1 x PARTS x H x W, in sum 1.

    `grid` is the height and width of the positions.
    """
    return (SHARPNESS * rows @ parts.T).softmax(1).T.reshape(1, len(parts), *grid)


def part_weights(weights: Tensor, picture: Tensor) -> Tensor:
    """The result of `assign_parts` at the size of a picture, and with its edges: 1 x PARTS x H x W, in sum 1.

    `picture` is 1 x 3 x H x W in 0..1.
    """
    height, width = picture.shape[2:]
    factor = min(1.0, GUIDE_SIZE / max(height, width))
    guide = F.interpolate(picture, [max(1, round(factor * side)) for side in (height, width)], mode="area")
    larger = F.interpolate(weights.to(picture.device), guide.shape[2:], mode="bilinear", align_corners=False)
    result = guided_filter(larger, guide, picture, WINDOW).clamp_(1e-6, 1)
    return result / result.sum(1, keepdim=True)


def part_bounds(weights: Tensor, mask: Tensor | None = None) -> list[Tensor]:
    """For each part the sums of the weights of the parts before it, and with it: 1 x 2 x H x W each.

    `weights` are those of `part_weights`. A mask of a region, 1 x 1 x H x W in 0..1, is a factor of them.
    """
    weights = weights if mask is None else weights * mask
    upper = weights.cumsum(1)
    return [
        torch.cat([upper[:, k : k + 1] - weights[:, k : k + 1], upper[:, k : k + 1]], 1) for k in range(len(upper[0]))
    ]


def positions_within(bounds: Tensor) -> Tensor:
    """The numbers of the positions of a part, at least one: its bounds, 1 x 2 x H x W -> M.

    Each position belongs to one part. Where several have weight, neighbours belong to them in turn, as in a dithered
    picture: Gram matrices and matches cost no more than without parts.
    """
    lower, upper = bounds[0].flatten(1)
    height, width = bounds.shape[2:]
    # An additive recurrence with the plastic number spreads thresholds evenly in two dimensions.
    down, across = (torch.arange(n, dtype=torch.float64) for n in (height, width))
    threshold = (down[:, None] * 0.5698402909980532 + across * 0.7548776662466927).frac().flatten().to(lower)
    inside = ((lower <= threshold) & (threshold < upper)).nonzero()[:, 0]
    return inside if len(inside) else (upper - lower).argmax()[None]
