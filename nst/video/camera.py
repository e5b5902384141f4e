"""The motion of the camera between two frames of a video."""

import cv2
import numpy as np
from numpy.typing import NDArray

from nst.video.flow import MIN_FLOW_SIDE, Pixels, Places, gradients, grid

Affine = NDArray[np.float64]  # 2 x 3: from a pixel of a frame to an earlier frame

_STEP = 8  # pixels between the places from which the motion is estimated
_ERROR = 0.5  # pixels by which a place that has the camera's motion differs from it at most
_MIN_PLACES = 50

_ALIGN_STEP = 4  # pixels between those that `aligned` compares
_ALIGN_ROUNDS = 2  # a third changes nothing
_MIN_ALIGNED = 200  # pixels
_MIN_GAIN = 0.01  # share of the squared error that a correction has to explain; noise alone explains less
_MAX_CORRECTION = 2.0  # pixels at a corner; a larger one would be an error
_MARGIN = 2  # pixels at the edge that are not compared


def camera_motion(places: Places, consistent: NDArray[np.bool_]) -> Affine | None:
    """The affine motion that most pixels share, or None if there are too few."""
    here = grid(*consistent.shape)
    some = (slice(_STEP // 2, None, _STEP),) * 2
    chosen = consistent[some]
    if chosen.sum() < _MIN_PLACES:
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

    Lucas and Kanade 1981 for an affine motion and a linear change of brightness, by Gauss-Newton steps: Baker and
    Matthews 2004, "Lucas-Kanade 20 Years On". A pixel whose error is above four medians and a level does not count.
    """
    if min(now.shape) < MIN_FLOW_SIDE:
        return path
    height, width = now.shape
    smooth, target = (cv2.GaussianBlur(grey.astype(np.float32), (5, 5), 1) for grey in (earlier, now))
    some = (slice(_ALIGN_STEP // 2, None, _ALIGN_STEP),) * 2
    here = _homogeneous(grid(height, width)[some].reshape(-1, 2))
    far = np.array([width, height], np.float32) - 1 - _MARGIN
    correction = np.eye(2, 3)
    for _ in range(_ALIGN_ROUNDS):
        corrected = joined(path, correction)
        moved = _view_along(smooth, corrected)
        places = here @ corrected.T.astype(np.float32)
        compared = ((places > _MARGIN) & (places < far)).all(1) & still[some].ravel()
        if compared.sum() < _MIN_ALIGNED:
            return path
        error = np.abs(target - moved)[some].ravel()
        compared &= error <= 4 * np.median(error[compared]) + 1
        across, down, before, after = (x[some].reshape(-1, 1)[compared] for x in (*gradients(moved), moved, target))
        pixels, light = here[compared], np.hstack([before, np.ones_like(before)])
        _, left = _least_squares(light, after - before)
        step, remaining = _least_squares(np.hstack([across * pixels, down * pixels, light]), after - before)
        if remaining > (1 - _MIN_GAIN) * left:
            break
        correction = joined(correction, np.eye(2, 3) + step[:6].reshape(2, 3))
    corners = np.array([[0, 0], [width, 0], [0, height], [width, height]], np.float64)
    shift = np.abs(_homogeneous(corners) @ correction.T - corners).max()
    return joined(path, correction) if shift < _MAX_CORRECTION else path


def _least_squares(columns: NDArray[np.floating], values: NDArray[np.floating]) -> tuple[NDArray[np.float64], float]:
    """Factors of the columns, N x K, whose sum is nearest to the values, N x 1; and the squared error of that sum."""
    columns, values = columns.astype(np.float64), values.astype(np.float64)
    factors = np.linalg.lstsq(columns.T @ columns, columns.T @ values, rcond=1e-9)[0]
    return factors, float(np.square(values - columns @ factors).sum())


def _view_along(earlier: Pixels, path: Affine) -> Pixels:
    """The earlier frame, H x W, moved to where the camera is now."""
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return cv2.warpAffine(earlier, path, earlier.shape[::-1], flags=flags, borderMode=cv2.BORDER_REPLICATE)


def _homogeneous(points: NDArray[np.floating]) -> NDArray[np.floating]:
    return np.hstack([points, np.ones_like(points[:, :1])])
