"""Sizes from coarse to fine, and how many steps each gets."""

import math

from nst.images import MIN_SIDE
from nst.settings import Settings

COARSEST = 128
"""Pixels on the longest side of the first scale, where large forms settle at little cost."""

STEPS = {"quick": (18, 10, 6), "normal": (25, 20, 27), "fine": (50, 30, 75)}
"""Steps at the coarse scales, the last but one and the last, where each costs the most."""


def schedule(settings: Settings, shape: float = 1.0, begun: int = 0) -> list[tuple[int, int]]:
    """Sizes, in pixels on the longest side, from coarse to fine, and the steps to spend at each.

    `shape` is the photo's shorter side by its longer one, `begun` the longest side of a painting
    to go on from.
    """
    if settings.in_one_pass:
        return [(settings.size, 1)]
    sizes = scales(settings, shape)
    coarse, middle, last = STEPS.get(settings.effort, STEPS["quick"])
    counts = ([coarse] * len(sizes) + [middle, last])[-len(sizes) :]
    if len(sizes) == 1:
        counts = [middle + last]
    left = max(1, sum(size > begun for size in sizes))
    sizes, counts = sizes[-left:], counts[-left:]
    if 0 < begun < sizes[0]:  # a finished painting is further than what one scale hands the next
        counts[0] = round(0.95 * counts[0])
    if settings.steps:
        sizes, counts = sizes[-settings.steps :], counts[-settings.steps :]
        share = settings.steps / sum(counts)
        counts = [max(1, int(count * share)) for count in counts]
        counts[0] += settings.steps - sum(counts)
    return list(zip(sizes, counts, strict=True))


def scales(settings: Settings, shape: float) -> list[int]:
    """Longest sides from coarse to fine, each twice the one before: 512 -> [128, 256, 512]."""
    coarsest = max(COARSEST, 2 * MIN_SIDE / shape)  # a ribbon has fewer scales
    count = 1 + max(0, math.floor(math.log2(settings.size / coarsest)))
    if settings.scales:
        count = min(count, settings.scales)
    return [round(settings.size / 2**k) for k in range(count - 1, -1, -1)]
