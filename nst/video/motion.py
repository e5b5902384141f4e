"""Motion between two frames of a video, and how certain it is."""

from dataclasses import dataclass
from functools import reduce

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from nst.video.boundaries import sharpened
from nst.video.camera import Affine, camera_motion
from nst.video.flow import Pixels, Places, grid, optical_flow, squared_length, warp

COLOUR_CHANGE = 24.0  # levels of 255, at which the confidence has fallen to 1/e
CUT = 0.2  # mean confidence below which the video has been cut
MIN_HALVED_SIDE = 256  # pixels; the motion of larger frames is computed at half their size

_BLUR = 3  # side of a window in pixels, for noise
_EDGE = 7  # pixels over which the confidence rises inside what has come into view; a sharp edge would stay visible
_MOVED, _STILL = 1.5, 0.5  # pixels of a `View` from one frame to the next that count as a motion, and as none
_BESIDE = 9  # side, in pixels, of the window in which an object is beside a pixel
_PASSED_DECAY = 0.92  # from frame to frame: after twelve 1/e is left
_JITTER = 0.1  # pixels by which the motion of an area that stands still is wrong
_SAME = 0.25  # pixels between the optical flow and the camera's motion, below which they agree
_NEAR = 2.5  # the same where the camera's motion fits the colours as well as the optical flow
_FIT_WINDOW, _FIT = 9, 0.1  # pixels, and levels of 255 by which the camera's motion may fit worse


@dataclass(frozen=True)
class View:
    """A frame, prepared for `find_motion`."""

    size: tuple[int, int]  # width and height
    grey: NDArray[np.uint8]  # H/2 x W/2, or H x W of a small frame
    colours: NDArray[np.uint8]  # the same with three channels, without noise

    @classmethod
    def of(cls, frame: Image.Image, size: tuple[int, int]) -> "View":
        """An RGB image at this width and height."""
        factor = 2 if min(size) >= MIN_HALVED_SIDE else 1
        shape = size[0] // factor, size[1] // factor
        if frame.size != shape:
            frame = frame.resize(shape, Image.Resampling.BILINEAR, reducing_gap=2.0)
        pixels = np.asarray(frame)
        colours = cv2.blur(pixels, (_BLUR, _BLUR))
        return cls(size, cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY), colours)


@dataclass(frozen=True)
class Motion:
    """From a frame to the frame before: H x W are the frame's sides, H' x W' those of its `View`."""

    places: Places
    confidence: Pixels  # in the places, H x W in 0..1
    own: Pixels  # the motion relative to the camera's, H' x W' x 2 in pixels; 0 if that is not known
    camera: Affine | None  # of H' x W'
    passed: Pixels  # H' x W': 1 where an object moves beside a pixel; then it falls toward 0 over frames


def find_motion(before: View, now: View, last: Motion | None = None) -> Motion:
    """Where each pixel of a frame was in the frame before; `last` is the motion of that frame.

    The optical flow says where. The camera's motion replaces it where both agree, because it is more precise.
    """
    places, consistent = optical_flow(before.grey, now.grey)
    change = _colour_change(before, now, places)
    camera = camera_motion(places, consistent)
    background = grid(*now.grey.shape)
    if camera is not None:
        background = cv2.transform(background, camera).astype(np.float32)
        camera_change = _colour_change(before, now, background)
        agrees = _agrees(squared_length(places - background), change, camera_change)
        np.copyto(places, background, where=agrees[:, :, None])
        np.copyto(change, camera_change, where=agrees)
        consistent |= agrees
    own, change, consistent = sharpened(
        places - background,
        now.colours,
        change,
        consistent,
        lambda motion: _colour_change(before, now, background + motion),
    )
    places = background + own
    if camera is None:
        own = np.zeros_like(places)
    confidence = cv2.blur(np.exp(-np.square(change / COLOUR_CHANGE)) * consistent, (_BLUR, _BLUR))
    confidence *= _visible(places)
    passed = _beside(own)
    if last is not None:
        if camera is not None:
            confidence *= 1 - _stopped(warp(last.own, places), own)
        passed = np.maximum(passed, _PASSED_DECAY * warp(last.passed, places))
    return Motion(*_enlarged(places, confidence, now.size), own, camera, passed)


def _agrees(distance: Pixels, change: Pixels, camera_change: Pixels) -> NDArray[np.bool_]:
    """Whether the camera's motion, at this squared distance from the optical flow, is as good; all H x W."""
    fits = cv2.blur(camera_change, (_BLUR, _BLUR)) < COLOUR_CHANGE / 3
    as_well = np.less(*(cv2.blur(x, (_FIT_WINDOW, _FIT_WINDOW)) for x in (camera_change, change + _FIT)))
    return ((distance < _SAME**2) & fits) | ((distance < _NEAR**2) & as_well)


def follow_camera(earlier: View, now: View, path: Affine) -> tuple[Places, Pixels]:
    """Where each pixel was in an earlier frame if only the camera has moved, and the confidence in that.

    `path` is the camera's path to that frame.
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
    still = np.exp(-squared_length(own) / _STILL**2)
    return cv2.blur(_moves(before) * still, (_BLUR, _BLUR))


def _beside(own: Pixels) -> Pixels:
    """Whether an object moves beside a pixel that stands still, H x W in 0..1; motion is relative to the camera's."""
    moves = _moves(own)
    near = cv2.blur(cv2.dilate(moves, np.ones((_BESIDE, _BESIDE))), (_BLUR, _BLUR))
    return np.maximum(near - moves, 0)


def _moves(own: Pixels) -> Pixels:
    """Whether a pixel moves, H x W in 0..1; `own` is relative to the camera's motion."""
    return 1 - np.exp(-squared_length(own) / _MOVED**2)


def _enlarged(places: Places, confidence: Pixels, size: tuple[int, int]) -> tuple[Places, Pixels]:
    """Places and confidence for a frame of this width and height."""
    height, width = confidence.shape
    if size == (width, height):
        return places, confidence
    ratio = np.divide(size, (width, height), dtype=np.float32)
    motion = cv2.resize((places - grid(height, width)) * ratio, size)
    return grid(*size[::-1]) + motion, cv2.resize(confidence, size)


def _colour_change(before: View, now: View, places: Places) -> Pixels:
    """The largest difference of a channel, H x W."""
    channels = cv2.split(cv2.absdiff(now.colours, warp(before.colours, places)))
    return reduce(cv2.max, channels).astype(np.float32)
