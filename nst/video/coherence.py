"""Consecutive painted frames of a video without flicker: strokes move with what they depict."""

from dataclasses import dataclass
from functools import reduce

import cv2
import numpy as np
from PIL import Image

from nst.video.flow import CUT, Pixels, View, find_motion, warp
from nst.video.painting import Paint

KEEP, KEEP_NEW = 0.98, 0.5
"""Weight of the previous painted frame, and the share of it that counts in an area that has just come into view. There
the network does not see enough to paint well: the area is at the edge of the frame, or beside an object."""

NEW_FRAMES = 10.0  # frames in which that share rises by 1 - 1/e of the rest
PENALTY, FORM_CHANGE = 0.05, 40.0
"""What the weight loses where painted forms change though the video does not, as beside an object that has left.
FORM_CHANGE is the difference of local colours, in levels of 255, at which it loses 1 - 1/e of PENALTY."""

_OLD = 1000.0  # age of all areas after a cut: there is nothing to wait for
_FORM_WINDOW = 15  # pixels
_DETAIL_SIGMA, _DETAIL_WINDOW = 1.0, 13  # pixels


@dataclass(frozen=True)
class _Painted:
    view: View
    pixels: Pixels  # H x W x 3
    age: Pixels  # H x W: for how many frames the area has been visible


class CoherentPainter:
    """`paint` for consecutive frames.

    Frames are painted independently, so strokes would flicker. So each frame is blended with the one before it,
    warped along the motion between the two.
    """

    def __init__(self, paint: Paint) -> None:
        self._paint = paint
        self._before: _Painted | None = None

    def continue_from(self, frame: Image.Image, painted: Image.Image) -> None:
        """Let the next frame follow this one, which has been painted before."""
        pixels = np.asarray(painted.resize(self._paint(frame).size), dtype=np.float32)  # a file has even sides only
        view = View.of(frame, pixels.shape[1::-1])
        self._before = _Painted(view, pixels, np.full(pixels.shape[:2], _OLD, np.float32))

    def __call__(self, frame: Image.Image) -> Image.Image:
        """The frame, painted."""
        image, before = self._paint(frame), self._before
        painted, view = np.asarray(image, dtype=np.float32), View.of(frame, image.size)
        age = np.full(painted.shape[:2], _OLD, np.float32)
        if before:
            places, confidence = find_motion(before.view, view)
            if confidence.mean() >= CUT:
                age = confidence * (warp(before.age, places) + 1)
                moved = warp(before.pixels, places, cv2.INTER_LANCZOS4)
                young = 1 - (1 - KEEP_NEW) * np.exp(-age / NEW_FRAMES)
                keep = np.minimum(KEEP * young, KEEP - PENALTY * _form_change(moved, painted))
                keep *= confidence
                blended = painted + keep[:, :, None] * (moved - painted)
                painted = _restore_detail(blended, painted).clip(0, 255)
        self._before = _Painted(view, painted, age)
        return Image.fromarray(painted.round().astype(np.uint8))


def _form_change(moved: Pixels, painted: Pixels) -> Pixels:
    """How much the local colours of two paintings differ, H x W in 0..1."""
    difference = cv2.blur(moved - painted, (_FORM_WINDOW, _FORM_WINDOW))
    largest = reduce(cv2.max, cv2.split(np.abs(difference)))
    return 1 - np.exp(-np.square(largest / FORM_CHANGE))


def _restore_detail(blended: Pixels, painted: Pixels) -> Pixels:
    """The blended frame with as much fine detail as the painted one, from which the missing part is added.

    Blending and warping blur. Amplifying the detail that is left would grow dots over many frames.
    """
    details = [x - cv2.GaussianBlur(x, (0, 0), _DETAIL_SIGMA) for x in (blended, painted)]
    energies = [cv2.transform(np.square(x), np.ones((1, 3))) for x in details]
    own, full = (cv2.blur(x, (_DETAIL_WINDOW, _DETAIL_WINDOW)) for x in energies)
    missing = 1 - np.sqrt((own / (full + 1e-3)).clip(0, 1))
    return blended + missing[:, :, None] * details[1]
