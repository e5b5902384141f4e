"""Consecutive painted frames of a video without flicker: strokes move with what they depict."""

from dataclasses import dataclass
from functools import reduce

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from nst.video.camera import Affine, aligned, joined
from nst.video.flow import Pixels, grid, squared_length, warp
from nst.video.motion import CUT, Motion, View, find_motion, follow_camera
from nst.video.painting import Paint

KEEP, KEEP_NEW = 0.98, 0.5
"""Weight of the previous painted frame, and the share of it that counts in an area that has just come into view. There
the network does not see enough to paint well: the area is at the edge of the frame, or beside an object."""

NEW_FRAMES = 10.0  # frames in which that share rises by 1 - 1/e of the rest
PENALTY, FORM_CHANGE = 0.05, 40.0
"""What the weight loses where painted forms change though the video does not, as beside an object that has left.
FORM_CHANGE is the difference of local colours, in levels of 255, at which it loses 1 - 1/e of PENALTY."""

NEW_PENALTY, REPAINT_FRAMES = 0.9, 40.0
"""What is added to PENALTY at an age of 0, and the frames after which 1/e of it is left. Areas that come into view
beside an object are painted with strokes around that object, which then leaves."""

FADE = 0.2
"""What the weights lose in each frame where an object has passed. Otherwise the outline that was painted around it
would be left behind."""

ANCHOR_PENALTY = 0.15  # as PENALTY, for areas that come from the anchor
STILL = 0.1  # pixels of a `View`: an area that moves less, relative to the camera, stands still
MAX_DRIFT = 3.0  # pixels between an area's place in the anchor and the camera's path; more is no drift
MIN_ANCHORED = 0.4  # share of a frame that still comes from the anchor; below, the painted frame is the next anchor

_OLD = 1000.0  # age of all areas after a cut: there is nothing to wait for
_FORM_WINDOW, _FORM_SCALE = 16, 4  # pixels of a window, and of its side that count as one
_DETAIL_SIGMA, _DETAIL_WINDOW = 1.0, 13  # pixels


@dataclass(frozen=True)
class _Anchor:
    """An earlier painted frame, from which areas are taken."""

    view: View
    pixels: NDArray[np.uint8]  # H x W x 3


@dataclass(frozen=True)
class _Painted:
    view: View
    pixels: NDArray[np.uint8]  # H x W x 3
    anchor: _Anchor
    tracks: Pixels
    """H x W x 4: for how many frames an area has been visible, what share comes from the anchor, its x and y there."""
    motion: Motion | None = None
    path: Affine | None = None  # the camera's motion since the anchor; None: not known


class CoherentPainter:
    """`paint` for consecutive frames.

    Frames are painted independently, so strokes would flicker. So each area comes from an earlier painted frame, the
    anchor, warped along the motion since then. An area that the anchor does not show, or shows with other forms, is
    blended with the painted frame before it. Only such areas are warped again in each frame, which blurs them.
    Background that an object covers and uncovers again comes from the anchor, too, at first.
    """

    def __init__(self, paint: Paint) -> None:
        self._paint = paint
        self._before: _Painted | None = None

    def continue_from(self, frame: Image.Image, painted: Image.Image) -> None:
        """Let the next frame follow this one, which has been painted before."""
        pixels = np.asarray(painted.resize(self._paint(frame).size))  # a file has even sides only
        self._before = _start(View.of(frame, pixels.shape[1::-1]), pixels)

    def __call__(self, frame: Image.Image) -> Image.Image:
        """The frame, painted."""
        image, before = self._paint(frame), self._before
        pixels, view = np.asarray(image), View.of(frame, image.size)
        if before:
            motion = find_motion(before.view, view, before.motion)
            if motion.confidence.mean() >= CUT:
                self._before = _follow(before, view, pixels, motion)
                return Image.fromarray(self._before.pixels)
        self._before = _start(view, pixels)
        return image


def _start(
    view: View, pixels: NDArray[np.uint8], age: Pixels | float = _OLD, motion: Motion | None = None
) -> _Painted:
    """A frame that is its own anchor."""
    height, width = pixels.shape[:2]
    tracks = np.empty((height, width, 4), np.float32)
    tracks[:, :, 0], tracks[:, :, 1], tracks[:, :, 2:] = age, 1, grid(height, width)
    return _Painted(view, pixels, _Anchor(view, pixels), tracks, motion, np.eye(2, 3))


def _follow(before: _Painted, view: View, pixels: NDArray[np.uint8], motion: Motion) -> _Painted:
    """The next frame with the strokes of those before; `pixels` are its own."""
    painted, forms, confidence = pixels.astype(np.float32), _forms(pixels), motion.confidence
    age, weight, x, y = cv2.split(warp(before.tracks, motion.places))
    age, weight = confidence * (age + 1), confidence * weight
    moved = warp(before.pixels, motion.places, cv2.INTER_CUBIC)
    young = 1 - (1 - KEEP_NEW) * np.exp(age / -NEW_FRAMES)
    penalty = PENALTY + NEW_PENALTY * np.exp(age / -REPAINT_FRAMES)
    keep = np.minimum(KEEP * young, KEEP - penalty * _change(forms, _forms(moved), age.shape))
    held = 1 - FADE * cv2.resize(motion.passed, age.shape[::-1])
    keep, weight = held * keep, held * weight
    blended = _restore_detail(_blend(painted, moved.astype(np.float32), keep * confidence), painted)
    path, source = _path(before, view, motion), cv2.merge([x, y])
    if path is not None:
        places, visible = follow_camera(before.anchor.view, view, path)
        visible *= 1 - confidence
        uncovered = visible > weight
        weight = np.where(uncovered, visible, weight)
        still = cv2.resize(squared_length(motion.own), age.shape[::-1]) < STILL**2
        drifted = still & (squared_length(places - source) < MAX_DRIFT**2)
        np.copyto(source, places, where=(uncovered | drifted)[:, :, None])
    anchored = warp(before.anchor.pixels, source, cv2.INTER_CUBIC)
    weight *= 1 - ANCHOR_PENALTY * _change(forms, _forms(anchored), age.shape)
    pixels = _blend(blended, anchored.astype(np.float32), weight).round().clip(0, 255).astype(np.uint8)
    if weight.mean() < MIN_ANCHORED:
        return _start(view, pixels, age, motion)
    tracks = cv2.merge([age, weight, *cv2.split(source)])
    return _Painted(view, pixels, before.anchor, tracks, motion, path)


def _path(before: _Painted, view: View, motion: Motion) -> Affine | None:
    """The path of the camera to the anchor; None: not known."""
    if before.path is None or motion.camera is None:
        return None
    still = squared_length(motion.own) < STILL**2
    return aligned(joined(before.path, motion.camera), before.anchor.view.grey, view.grey, still)


def _blend(one: Pixels, other: Pixels, weight: Pixels) -> Pixels:
    """The weight, H x W, is that of the other."""
    return cv2.blendLinear(one, other, 1 - weight, weight)


def _forms(painted: NDArray[np.uint8]) -> Pixels:
    """The local colours, at a fraction of the size."""
    size = [max(1, side // _FORM_SCALE) for side in painted.shape[1::-1]]
    small = cv2.resize(painted, size, interpolation=cv2.INTER_AREA).astype(np.float32)
    return cv2.blur(small, (_FORM_WINDOW // _FORM_SCALE,) * 2)


def _change(forms: Pixels, others: Pixels, shape: tuple[int, ...]) -> Pixels:
    """How much the forms of two paintings of this shape differ, H x W in 0..1."""
    largest = reduce(cv2.max, cv2.split(cv2.absdiff(forms, others)))
    return cv2.resize(1 - np.exp(-np.square(largest / FORM_CHANGE)), shape[::-1])


def _restore_detail(blended: Pixels, painted: Pixels) -> Pixels:
    """The blended frame with as much fine detail as the painted one, from which the missing part is added.

    Blending and warping blur. Amplifying the detail that is left would grow dots over many frames.
    """
    details = [x - cv2.GaussianBlur(x, (0, 0), _DETAIL_SIGMA) for x in (blended, painted)]
    window = (_DETAIL_WINDOW, _DETAIL_WINDOW)
    own, full = (cv2.blur(cv2.transform(cv2.multiply(x, x), np.ones((1, 3))), window) for x in details)
    missing = 1 - np.sqrt((own / (full + 1e-3)).clip(0, 1))  # rounding makes some sums negative
    return blended + missing[:, :, None] * details[1]
