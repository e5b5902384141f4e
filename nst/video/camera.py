"""The motion of the camera between two frames of a video."""

import cv2
import numpy as np
from numpy.typing import NDArray

from nst.video.flow import Pixels, Places, gradients, grid

Affine = NDArray[np.float64]  # 2 x 3: from a pixel of a frame to an earlier frame

_STEP, _ERROR, _MIN_PIXELS = 8, 0.5, 50  # of places: the distance, the largest error, both in pixels, and the number
_ALIGN_STEP, _ALIGN_ROUNDS, _MIN_ALIGNED = 2, 2, 200
_MAX_CORRECTION = 2.0  # pixels at a corner; a larger one would be an error
_MARGIN = 2  # pixels at the edge that are not compared


def camera_motion(places: Places, consistent: NDArray[np.bool_]) -> Affine | None:
    """The affine motion that most pixels share, or None if there are too few."""
    here = grid(*consistent.shape)
    some = (slice(_STEP // 2, None, _STEP),) * 2
    chosen = consistent[some]
    if chosen.sum() < _MIN_PIXELS:
        return None
    cv2.setRNGSeed(0)
    motion, _ = cv2.estimateAffine2D(
        here[some][chosen], places[some][chosen], method=cv2.RANSAC, ransacReprojThreshold=_ERROR, maxIters=200
    )
    return motion


def joined(path: Affine, motion: Affine) -> Affine:
    """The path from a frame: first its motion to the frame before, then the path from there."""
    return path @ np.vstack([motion, [0, 0, 1]])


def aligned(path: Affine, earlier: NDArray[np.uint8], now: NDArray[np.uint8], still: NDArray[np.bool_]) -> Affine:
    """The path of the camera to an earlier frame, corrected by comparing the two frames.

    Small errors of the motions that make up the path would add up. Both frames are grey, H x W. Only pixels that are
    `still`, apart from the camera's motion, are compared.

    Lucas and Kanade 1981 for an affine motion and a change of brightness, by Gauss-Newton steps: Baker and Matthews
    2004, "Lucas-Kanade 20 Years On". Pixels whose error is above four medians do not count.
    """
    height, width = now.shape
    smooth, target = (cv2.GaussianBlur(grey.astype(np.float32), (5, 5), 1) for grey in (earlier, now))
    some = (slice(_ALIGN_STEP // 2, None, _ALIGN_STEP),) * 2
    here = _homogeneous(grid(height, width)[some].reshape(-1, 2))
    correction = np.eye(2, 3)
    for _ in range(_ALIGN_ROUNDS):
        corrected = joined(path, correction)
        moved = _shown(smooth, corrected)
        error = (target - moved)[some].ravel()
        places = here @ corrected.T.astype(np.float32)
        far = np.array([width, height], np.float32) - 1 - _MARGIN
        compared = ((places > _MARGIN) & (places < far)).all(1) & still[some].ravel()
        if compared.sum() < _MIN_ALIGNED:
            return path
        compared &= np.abs(error) <= 4 * np.median(np.abs(error[compared])) + 1
        across, down = (slope[some].reshape(-1, 1)[compared] for slope in gradients(moved))
        known, ones = here[compared], np.ones_like(across)
        slopes = np.hstack([across * known, down * known, ones]).astype(np.float64)
        step = np.linalg.lstsq(slopes.T @ slopes, slopes.T @ error[compared], rcond=1e-9)[0]
        correction = joined(correction, np.eye(2, 3) + step[:6].reshape(2, 3))
    corners = np.array([[0, 0], [width, 0], [0, height], [width, height]], np.float64)
    shift = np.abs(_homogeneous(corners) @ correction.T - corners).max()
    return joined(path, correction) if shift < _MAX_CORRECTION else path


def _shown(earlier: Pixels, path: Affine) -> Pixels:
    """The earlier frame, H x W, as it would look now."""
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return cv2.warpAffine(earlier, path, earlier.shape[::-1], flags=flags, borderMode=cv2.BORDER_REPLICATE)


def _homogeneous(points: NDArray[np.floating]) -> NDArray[np.floating]:
    return np.hstack([points, np.ones_like(points[:, :1])])
