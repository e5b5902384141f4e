"""Sharp boundaries between what moves and what does not.

Optical flow compares windows. A window on both sides of a boundary shows one motion, so a margin of the background
moves with each object. Here each pixel may take another motion, by its colour and by the motions around it.
"""

from collections.abc import Callable, Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from nst.video.flow import Pixels

VOTERS, CANDIDATES = (8, 16), 12
"""Distances in pixels. Neighbours in eight directions vote; the motions of neighbours in four directions are tried.

The margin is about 8 pixels wide, so many of the neighbours are outside.
"""

SAME_COLOUR = 20.0  # difference of colours, in levels of 255, at which a vote counts 1/e
SAME_MOTION = 1.0  # pixels by which equal motions differ at most
NO_MATCH = 3.0  # medians of the change of colour along the motion, from which on colours do not match
MIN_NO_MATCH, MAX_NO_MATCH = 3.0, 24.0  # levels of 255

_WINDOW, _MEDIAN = (3, 3), 5  # pixels over which changes are averaged, and motions filtered
_VOTE_STEP = 3  # votes are counted at every third pixel, down and across

_EIGHT = [(0, 1), (0.7, 0.7), (1, 0), (0.7, -0.7), (0, -1), (-0.7, -0.7), (-1, 0), (-0.7, 0.7)]


def sharpened(
    motion: Pixels,
    colours: NDArray[np.generic],
    change: Pixels,
    consistent: NDArray[np.bool_],
    change_along: Callable[[Pixels], Pixels],
) -> tuple[Pixels, Pixels, NDArray[np.bool_]]:
    """Motion, change and consistency, with sharp boundaries.

    `motion` is H x W x 2 in pixels. `colours` are H x W x 3. `change` is the difference of colours along the motion,
    H x W. `change_along` computes the difference for another motion.

    Each pixel takes its own motion or a neighbour's, by the lowest cost. The cost is the mean change around it, from 0
    to 1 where colours do not match, plus the share of votes for another motion. Neighbours of similar colour vote: the
    non-local term of Sun, Roth and Black 2010, "Secrets of Optical Flow Estimation and Their Principles".
    """
    if np.abs(motion).max(initial=0) < SAME_MOTION:
        return motion, change, consistent
    changes = change[consistent]
    no_match = np.clip(NO_MATCH * np.median(changes), MIN_NO_MATCH, MAX_NO_MATCH) if changes.size else MAX_NO_MATCH
    share_of_others = _votes(motion, colours, np.minimum(change / no_match, 1))
    near = [(CANDIDATES * y, CANDIDATES * x) for y, x in _EIGHT[::2]]
    lowest = np.full(change.shape, np.inf, np.float32)
    best, is_consistent = np.empty_like(motion), consistent.copy()
    for candidate in (motion, *_neighbours(motion, near)):
        along = change if candidate is motion else change_along(candidate)
        cost = cv2.blur(np.minimum(along / no_match, 1), _WINDOW) + share_of_others(candidate)
        lower = cv2.compare(cost, lowest, cv2.CMP_LT)
        cv2.copyTo(cost, lower, lowest)
        cv2.copyTo(candidate, lower, best)
        if candidate is not motion:
            is_consistent |= lower > 0
    best = cv2.merge([cv2.medianBlur(part, _MEDIAN) for part in cv2.split(best)])  # no single pixels in an object
    return best, change_along(best), is_consistent


def _votes(motion: Pixels, colours: NDArray[np.generic], mismatch: Pixels) -> Callable[[Pixels], Pixels]:
    """A function: motion, H x W x 2 -> the share of votes for another one, H x W in 0..1."""
    height, width = mismatch.shape
    some = (slice(None, None, _VOTE_STEP),) * 2
    offsets = [(0.0, 0.0), *((r * y / _VOTE_STEP, r * x / _VOTE_STEP) for r in VOTERS for y, x in _EIGHT)]
    small = colours[some].astype(np.float32)
    trust = np.exp(-cv2.blur(mismatch, _WINDOW))[some]
    weights = [
        np.exp(cv2.transform(np.square(other - small), np.full((1, 3), -1 / 3 / SAME_COLOUR**2))) * trusted
        for other, trusted in zip(_neighbours(small, offsets), _neighbours(trust, offsets), strict=True)
    ]
    weight = np.stack(weights) / sum(weights)
    x, y = (np.stack(_neighbours(np.ascontiguousarray(part), offsets)) for part in cv2.split(motion[some]))
    enlarge, flags = np.eye(2, 3) / _VOTE_STEP, cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    across, down = np.empty_like(x), np.empty_like(y)  # for all candidates: allocation would take longer

    def share_of_others(candidate: Pixels) -> Pixels:
        for distance, theirs, own in zip((across, down), (x, y), cv2.split(candidate[some]), strict=True):
            np.abs(np.subtract(theirs, own, out=distance), out=distance)
        np.minimum(np.maximum(across, down, out=across), SAME_MOTION, out=across)
        votes = np.multiply(across, weight, out=across).sum(0) / SAME_MOTION
        return cv2.warpAffine(votes, enlarge, (width, height), flags=flags, borderMode=cv2.BORDER_REPLICATE)

    return share_of_others


def _neighbours(pixels: Pixels, offsets: Sequence[tuple[float, float]]) -> list[Pixels]:
    """For each offset, down and across in pixels: for each pixel the one there, or the nearest one at the edge."""
    height, width = pixels.shape[:2]
    rounded = [(round(y), round(x)) for y, x in offsets]
    edge = max(abs(part) for offset in rounded for part in offset)
    larger = cv2.copyMakeBorder(pixels, edge, edge, edge, edge, cv2.BORDER_REPLICATE)
    return [larger[edge + y : edge + y + height, edge + x : edge + x + width] for y, x in rounded]
