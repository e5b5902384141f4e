"""Dense optical flow between two frames of a video."""

from functools import lru_cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.float32]  # H x W or H x W x C
Places = NDArray[np.float32]  # H x W x 2: for each pixel of a frame, its x and y in the frame before

MIN_FLOW_SIDE = 32  # pixels; smaller frames count as still

_WINDOW = 15  # side, in pixels, of the window for one estimate of the motion
_MAX_REFINEMENT = 0.5  # pixels
_MIN_CONTRAST = 1.0  # mean square of a gradient, in levels per pixel, that says nothing about the motion


def optical_flow(before: NDArray[np.uint8], now: NDArray[np.uint8]) -> tuple[Places, NDArray[np.bool_]]:
    """Places by Kroeger et al. 2016, "Fast Optical Flow using Dense Inverse Search", and where they are consistent.

    Both frames are grey, H x W. Places are consistent where the flows w and v of both directions agree: |w + v|^2 <
    0.01 (|w|^2 + |v|^2) + 0.5. The formula is from Sundaram, Brox and Keutzer 2010, "Dense Point Trajectories by
    GPU-accelerated Large Displacement Optical Flow". The flow has a bias of a tenth of a pixel, which would add up
    over frames; `_refine` removes it.
    """
    here = grid(*now.shape)
    if min(now.shape) < MIN_FLOW_SIDE:
        return here.copy(), np.ones(now.shape, dtype=np.bool_)
    search = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    search.setFinestScale(1)  # half of these frames, which are small
    forward, backward = search.calc(now, before, None), search.calc(before, now, None)
    places = here + forward
    back = warp(backward, places)
    consistent = squared_length(forward + back) < 0.01 * (squared_length(forward) + squared_length(back)) + 0.5
    return _refine(places, before, now), consistent


def _refine(places: Places, before: NDArray[np.uint8], now: NDArray[np.uint8]) -> Places:
    """One step of Lucas and Kanade 1981 from these places: a least squares fit of the motion in each window."""
    images = now.astype(np.float32), warp(before.astype(np.float32), places)
    smooth, moved = (cv2.GaussianBlur(image, (5, 5), 1) for image in images)
    change, (across, down) = smooth - moved, gradients((smooth + moved) / 2)
    products = across * across, down * down, across * down, across * change, down * change
    xx, yy, xy, xt, yt = (cv2.blur(product, (_WINDOW, _WINDOW)) for product in products)
    xx, yy = xx + _MIN_CONTRAST, yy + _MIN_CONTRAST
    determinant = xx * yy - xy * xy
    step = cv2.merge([(yy * xt - xy * yt) / determinant, (xx * yt - xy * xt) / determinant])
    return places + step.clip(-_MAX_REFINEMENT, _MAX_REFINEMENT)


def gradients(image: Pixels) -> tuple[Pixels, Pixels]:
    """Changes from a pixel to the next, across and down; each H x W."""
    across, down = (cv2.Sobel(image, cv2.CV_32F, *order, scale=1 / 8) for order in ((1, 0), (0, 1)))
    return across, down


def warp(pixels: NDArray[Any], places: Places, interpolation: int = cv2.INTER_LINEAR) -> NDArray[Any]:
    """The pixels of the frame before, moved to where they are now."""
    maps = cv2.convertMaps(places, None, cv2.CV_16SC2)  # a third faster
    return cv2.remap(pixels, *maps, interpolation, borderMode=cv2.BORDER_REPLICATE)


def squared_length(vectors: Pixels) -> Pixels:
    """Squared lengths, H x W."""
    return np.square(vectors[:, :, 0]) + np.square(vectors[:, :, 1])


@lru_cache(maxsize=2)
def grid(height: int, width: int) -> Places:
    """The places of the pixels themselves."""
    x, y = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    places = np.dstack([x, y])
    places.flags.writeable = False
    return places
