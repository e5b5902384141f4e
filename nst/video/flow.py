"""Motion between two frames of a video: dense optical flow, and the motion of the camera."""

from dataclasses import dataclass
from functools import lru_cache, reduce
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

Pixels = NDArray[np.float32]  # H x W or H x W x C
Places = NDArray[np.float32]  # H x W x 2: for each pixel of a frame, its x and y in the frame before
Affine = NDArray[np.float64]  # 2 x 3: from a pixel of a frame to the frame before

COLOUR_CHANGE = 16.0  # levels of 255, at which the confidence has fallen to 1/e
CAMERA_MARGIN = 1.0  # levels of 255 by which the camera's motion has to fit better than a different optical flow
CUT = 0.2  # mean confidence below which the video has been cut
MIN_FLOW_SIDE = 32  # pixels; smaller frames count as still
MIN_HALVED_SIDE = 256  # pixels; the motion of larger frames is computed at half their size

_BLUR, _WINDOW = 3, 15  # sides of windows in pixels: for noise, and for one estimate of the motion
_EDGE = 7  # pixels over which the confidence rises inside what has come into view; a sharp edge would stay visible
_MOVED, _STILL = 1.5, 0.5  # pixels of a `View` from one frame to the next that count as a motion, and as none
_STOPPED_WINDOW = 3  # pixels around what has stopped that count as well
_MAX_REFINEMENT = 0.5  # pixels
_MIN_CONTRAST = 1.0  # mean square of a gradient, in levels per pixel, that says nothing about the motion
_JITTER = 0.1  # pixels by which the motion of an area that stands still is wrong
_NEAR = 1.0  # pixels between the camera's motion and the optical flow; below, the camera's is the more precise
_CAMERA_STEP, _CAMERA_ERROR, _MIN_CAMERA_PIXELS = 8, 0.5, 50


@dataclass(frozen=True)
class View:
    """A frame, prepared for `find_motion`."""

    size: tuple[int, int]  # width and height
    grey: NDArray[np.uint8]  # H/2 x W/2, or H x W of a small frame
    colours: Pixels  # the same with three channels, without noise

    @classmethod
    def of(cls, frame: Image.Image, size: tuple[int, int]) -> "View":
        """An RGB image at this width and height."""
        factor = 2 if min(size) >= MIN_HALVED_SIDE else 1
        shape = size[0] // factor, size[1] // factor
        if frame.size != shape:
            frame = frame.resize(shape, Image.Resampling.BILINEAR, reducing_gap=2.0)
        pixels = np.asarray(frame)
        colours = cv2.blur(pixels, (_BLUR, _BLUR)).astype(np.float32)
        return cls(size, cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY), colours)


@dataclass(frozen=True)
class Motion:
    """From a frame to the frame before: H x W are the frame's sides, H' x W' those of its `View`."""

    places: Places
    confidence: Pixels  # in the places, H x W in 0..1
    own: Pixels  # the motion relative to the camera's, H' x W' x 2 in pixels; 0 if that is not known
    camera: Affine | None  # of H' x W'


def find_motion(before: View, now: View, last: Motion | None = None) -> Motion:
    """Where each pixel of a frame was in the frame before; `last` is the motion of that frame.

    The optical flow says where. The camera's motion replaces it where both agree, because it is more precise. It also
    does where the flow is not consistent, or fits the colours worse, as beside a moving object.
    """
    places, consistent = _optical_flow(before.grey, now.grey)
    change = _colour_change(before, now, places)
    camera = _camera_motion(places, consistent)
    own = np.zeros_like(places)
    if camera is not None:
        by_camera = cv2.transform(grid(*now.grey.shape), camera).astype(np.float32)
        own = places - by_camera
        camera_change = _colour_change(before, now, by_camera)
        fits, flow_fits = (cv2.blur(x, (_BLUR, _BLUR)) for x in (camera_change, change))
        near = _squared_length(own) < _NEAR**2
        better = (fits < COLOUR_CHANGE / 2) & (near | ~consistent | (fits < flow_fits - CAMERA_MARGIN))
        np.copyto(places, by_camera, where=better[:, :, None])
        own[better & ~near] = 0
        np.copyto(change, camera_change, where=better)
        consistent |= better
    confidence = cv2.blur(np.exp(-np.square(change / COLOUR_CHANGE)) * consistent, (_BLUR, _BLUR))
    confidence *= _visible(places)
    if last is not None:
        confidence *= 1 - _stopped(warp(last.own, places), own)
    return Motion(*_enlarged(places, confidence, now.size), own, camera)


def follow_camera(earlier: View, now: View, path: Affine) -> tuple[Places, Pixels]:
    """Where each pixel was in an earlier frame if only the camera has moved, and the confidence in that.

    `path` is the product of the camera's motions since then.
    """
    places = cv2.transform(grid(*now.grey.shape), path).astype(np.float32)
    change = cv2.blur(_colour_change(earlier, now, places), (_BLUR, _BLUR))
    return _enlarged(places, np.exp(-np.square(change / COLOUR_CHANGE)) * _visible(places), now.size)


def _visible(places: Places) -> Pixels:
    """Whether places are inside the frame before, H x W in 0..1; nothing creeps in over the edge."""
    height, width = places.shape[:2]
    x, y = places[:, :, 0], places[:, :, 1]
    right, bottom = width - 1 + _JITTER, height - 1 + _JITTER
    visible = ((x > -_JITTER) & (y > -_JITTER) & (x < right) & (y < bottom)).astype(np.float32)
    return cv2.blur(cv2.erode(visible, np.ones((_EDGE + 2, _EDGE + 2))), (_EDGE, _EDGE))


def _stopped(before: Pixels, own: Pixels) -> Pixels:
    """Whether something that moved has stopped, H x W in 0..1; both motions are relative to the camera's.

    Mostly it is background. The optical flow moves a margin of it with each object, and what was painted there would
    be left behind as a trail. An object that stops is painted anew, too.
    """
    moved = 1 - np.exp(-_squared_length(before) / _MOVED**2)
    still = np.exp(-_squared_length(own) / _STILL**2)
    window = (_STOPPED_WINDOW, _STOPPED_WINDOW)
    return cv2.blur(cv2.dilate(moved * still, np.ones(window)), window)


def _enlarged(places: Places, confidence: Pixels, size: tuple[int, int]) -> tuple[Places, Pixels]:
    """Places and confidence for a frame of this width and height."""
    height, width = confidence.shape
    if size == (width, height):
        return places, confidence
    ratio = np.divide(size, (width, height), dtype=np.float32)
    motion = cv2.resize((places - grid(height, width)) * ratio, size)
    return grid(*size[::-1]) + motion, cv2.resize(confidence, size)


def warp(pixels: NDArray[Any], places: Places, interpolation: int = cv2.INTER_LINEAR) -> NDArray[Any]:
    """The pixels of the frame before, moved to where they are now."""
    maps = cv2.convertMaps(places, None, cv2.CV_16SC2)  # a third faster
    return cv2.remap(pixels, *maps, interpolation, borderMode=cv2.BORDER_REPLICATE)


def _colour_change(before: View, now: View, places: Places) -> Pixels:
    """The largest difference of a channel, H x W."""
    channels = cv2.split(cv2.absdiff(now.colours, warp(before.colours, places)))
    return reduce(cv2.max, channels)


def _optical_flow(before: NDArray[np.uint8], now: NDArray[np.uint8]) -> tuple[Places, NDArray[np.bool_]]:
    """Places by Kroeger et al. 2016, "Fast Optical Flow using Dense Inverse Search", and where they are consistent.

    They are where the flows w and v of both directions agree: |w + v|^2 < 0.01 (|w|^2 + |v|^2) + 0.5. The formula is
    from Sundaram, Brox and Keutzer 2010, "Dense Point Trajectories by GPU-accelerated Large Displacement Optical
    Flow". The flow has a bias of a tenth of a pixel, which would add up over frames; `_refine` removes it.
    """
    here = grid(*now.shape)
    if min(now.shape) < MIN_FLOW_SIDE:
        return here.copy(), np.ones(now.shape, dtype=np.bool_)
    search = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    search.setFinestScale(1)  # half of these frames, which are small
    forward, backward = search.calc(now, before, None), search.calc(before, now, None)
    places = here + forward
    back = warp(backward, places)
    consistent = _squared_length(forward + back) < 0.01 * (_squared_length(forward) + _squared_length(back)) + 0.5
    return _refine(places, before, now), consistent


def _squared_length(vectors: Pixels) -> Pixels:
    """Squared lengths, H x W."""
    return np.square(vectors[:, :, 0]) + np.square(vectors[:, :, 1])


def _refine(places: Places, before: NDArray[np.uint8], now: NDArray[np.uint8]) -> Places:
    """One step of Lucas and Kanade 1981 from these places: a least squares fit of the motion in each window."""
    images = now.astype(np.float32), warp(before.astype(np.float32), places)
    smooth, moved = (cv2.GaussianBlur(image, (5, 5), 1) for image in images)
    mean, change = (smooth + moved) / 2, smooth - moved
    across = cv2.Sobel(mean, cv2.CV_32F, 1, 0, scale=1 / 8)
    down = cv2.Sobel(mean, cv2.CV_32F, 0, 1, scale=1 / 8)
    products = across * across, down * down, across * down, across * change, down * change
    xx, yy, xy, xt, yt = (cv2.blur(product, (_WINDOW, _WINDOW)) for product in products)
    xx, yy = xx + _MIN_CONTRAST, yy + _MIN_CONTRAST
    determinant = xx * yy - xy * xy
    step = cv2.merge([(yy * xt - xy * yt) / determinant, (xx * yt - xy * xt) / determinant])
    return places + step.clip(-_MAX_REFINEMENT, _MAX_REFINEMENT)


def _camera_motion(places: Places, consistent: NDArray[np.bool_]) -> Affine | None:
    """The affine motion that most pixels share, or None if there are too few."""
    here = grid(*consistent.shape)
    some = (slice(_CAMERA_STEP // 2, None, _CAMERA_STEP),) * 2
    chosen = consistent[some]
    if chosen.sum() < _MIN_CAMERA_PIXELS:
        return None
    cv2.setRNGSeed(0)
    motion, _ = cv2.estimateAffine2D(
        here[some][chosen], places[some][chosen], method=cv2.RANSAC, ransacReprojThreshold=_CAMERA_ERROR, maxIters=200
    )
    return motion


@lru_cache(maxsize=2)
def grid(height: int, width: int) -> Places:
    """The places of the pixels themselves."""
    x, y = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    places = np.dstack([x, y])
    places.flags.writeable = False
    return places
