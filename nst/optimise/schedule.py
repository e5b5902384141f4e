"""The sizes of a run from coarse to fine, and the number of steps at each."""

import math

from nst.images import MIN_SIDE
from nst.settings import Settings

COARSEST = 128  # longest side at the first scale, in pixels; large forms settle there at little cost

STEPS = {"quick": (15, 8, 6), "normal": (25, 20, 22), "fine": (50, 30, 85)}
"""Steps for each effort: at the coarse scales, the last but one, and the last (the slowest)."""

LARGE, LARGE_STEPS = 2048, {"quick": 4, "normal": 8, "fine": 16}
"""Scales above LARGE pixels on the longest side have LARGE_STEPS steps. Eight steps lower the loss by four fifths of
what 27 do."""

METHOD_STEPS = {"strotss": 200, "nnst": 200, "cnnmrf": 100}
"""Steps at each scale by the methods of other papers, as in the papers."""

METHOD_EFFORT = {"quick": 0.25, "normal": 1.0, "fine": 2.0}  # factor of METHOD_STEPS

METHOD_COARSEST = 64  # as COARSEST, for these methods


def schedule(settings: Settings, aspect: float = 1.0, start_size: int = 0) -> list[tuple[int, int]]:
    """(longest side in pixels, number of steps) of each scale, from coarse to fine.

    `aspect` is the photo's shorter side divided by its longer one, `start_size` the longest side of
    a painting to continue, 0 for none.
    """
    if settings.in_one_pass:
        return [(settings.size, 1)]
    sizes = scales(settings, aspect)
    if settings.method == "nnst":
        sizes.append(sizes[-1])  # the pass with split features
    coarse, middle, last = STEPS.get(settings.effort, STEPS["quick"])
    large = sum(size > LARGE for size in sizes)
    if settings.method in METHOD_STEPS:
        factor = METHOD_EFFORT.get(settings.effort, METHOD_EFFORT["quick"])
        counts = [round(factor * METHOD_STEPS[settings.method])] * len(sizes)
    elif len(sizes) == 1:
        counts = [middle + last]
    elif large:
        large = min(large, len(sizes) - 1)
        counts = [coarse] * (len(sizes) - large - 1) + [middle] + [LARGE_STEPS.get(settings.effort, 4)] * large
    else:
        counts = ([coarse] * len(sizes) + [middle, last])[-len(sizes) :]
    remaining = max(1, sum(size > start_size for size in sizes))
    sizes, counts = sizes[-remaining:], counts[-remaining:]
    if 0 < start_size < sizes[0]:  # a finished painting is a better start than an upscaled one
        counts[0] = round(0.95 * counts[0])
    if settings.steps:
        sizes, counts = sizes[-settings.steps :], counts[-settings.steps :]
        share = settings.steps / sum(counts)
        counts = [max(1, int(count * share)) for count in counts]
        counts[0] += settings.steps - sum(counts)
    return list(zip(sizes, counts, strict=True))


def scales(settings: Settings, aspect: float) -> list[int]:
    """Longest sides from coarse to fine, each twice the one before: 512 -> [128, 256, 512]."""
    smallest = METHOD_COARSEST if settings.method in METHOD_STEPS else COARSEST
    coarsest = max(smallest, 2 * MIN_SIDE / aspect)  # the shorter side of a panorama limits it
    count = 1 + max(0, math.floor(math.log2(settings.size / coarsest)))
    if settings.scales:
        count = min(count, settings.scales)
    return [round(settings.size / 2**k) for k in range(count - 1, -1, -1)]
