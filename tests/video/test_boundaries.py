"""Objects that move over a background: each pixel has the motion of what it shows."""

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from nst.gallery import sample
from nst.video.boundaries import sharpened
from nst.video.flow import Pixels
from nst.video.motion import Motion, View, find_motion

SIZE = WIDTH, HEIGHT = 240, 180
RADIUS, STEP = 40, np.array([5, 2])  # pixels, and pixels per frame


def _texture(photo: str, flat: bool) -> NDArray[np.uint8]:
    picture = np.asarray(Image.open(sample(photo)).convert("RGB").resize((480, 360)))
    return cv2.GaussianBlur(picture, (0, 0), 8) if flat else picture


def _distance(number: int) -> NDArray[np.float64]:
    """From the edge of the object, in pixels; negative inside."""
    x, y = 90 + STEP * number
    down, across = np.mgrid[:HEIGHT, :WIDTH]
    return np.hypot(across - x, down - y) - RADIUS


def _frame(number: int, flat_object: bool, flat_background: bool) -> Image.Image:
    x, y = STEP * number
    behind = _texture("mountains", flat_background)[60 : 60 + HEIGHT, 100 : 100 + WIDTH]
    moving = np.roll(_texture("lion", flat_object), (y, x), (0, 1))[100 : 100 + HEIGHT, 100 : 100 + WIDTH]
    pixels = np.where(_distance(number)[:, :, None] < 0, moving, behind)
    noise = np.random.default_rng(number).normal(0, 2, pixels.shape)
    return Image.fromarray((pixels + noise).clip(0, 255).astype(np.uint8))


def _motion(flat_object: bool = False, flat_background: bool = False) -> Motion:
    views = [View.of(_frame(number, flat_object, flat_background), SIZE) for number in range(2)]
    return find_motion(*views)


def _moved(motion: Motion) -> NDArray[np.float32]:
    down, across = np.mgrid[:HEIGHT, :WIDTH]
    return np.asarray(np.dstack([across, down]) - motion.places)


@pytest.mark.parametrize("flat_background", [False, True])
def test_an_object_does_not_drag_the_background_along(flat_background: bool) -> None:
    moved, distance = _moved(_motion(flat_background=flat_background)), _distance(1)
    ahead = np.mgrid[:HEIGHT, :WIDTH][1] > 90 + STEP[0]  # what is behind has just come into view
    beside = (distance > 3) & (distance < 16) & ahead
    assert (np.abs(moved[beside]).max(1) < 1).mean() > 0.98


@pytest.mark.parametrize("flat_object", [False, True])
def test_an_object_moves_as_a_whole(flat_object: bool) -> None:
    moved = _moved(_motion(flat_object=flat_object))[_distance(1) < -6]
    assert (np.abs(moved - STEP).max(1) < 1).mean() > 0.95


def test_what_an_object_has_passed_is_known_for_some_frames() -> None:
    views = [View.of(_frame(number, False, False), SIZE) for number in range(6)]
    motion = None
    for before, now in zip(views, views[1:], strict=False):
        motion = find_motion(before, now, motion)
    assert motion is not None
    trail = (_distance(1) > 0) & (_distance(1) < 3) & (_distance(5) > 8)
    assert motion.passed[trail].mean() > 0.5
    assert motion.passed[_distance(5) < -8].max() < 0.1
    assert motion.passed[(_distance(5) > 20) & (_distance(0) > 20)].max() < 0.1


EDGE, MARGIN = 40, 6  # pixels: of an object on the left, which drags the margin along
MOTION = 5.0


def _dragged() -> tuple[Pixels, Pixels]:
    """Motion and colours of an even object over an even background."""
    motion, colours = np.zeros((64, 80, 2), np.float32), np.full((64, 80, 3), 60, np.float32)
    motion[:, : EDGE + MARGIN, 0] = MOTION
    colours[:, :EDGE] = 200
    return motion, colours


def _even(motion: Pixels) -> Pixels:
    return np.zeros(motion.shape[:2], np.float32)


ALL = np.ones((64, 80), dtype=np.bool_)


def test_pixels_move_as_those_of_their_colour() -> None:
    motion, colours = _dragged()
    before = motion.copy()
    sharp, _, _ = sharpened(motion, colours, _even(motion), ALL, _even)
    assert np.abs(sharp[:, EDGE + 2 :]).max() < 0.1
    assert np.abs(sharp[:, : EDGE - 2, 0] - MOTION).max() < 0.1
    assert np.array_equal(motion, before)


def test_without_colours_the_motion_stays() -> None:
    motion, colours = _dragged()
    sharp, _, _ = sharpened(motion, np.zeros_like(colours), _even(motion), ALL, _even)
    assert np.abs(sharp[:, : EDGE + MARGIN - 3, 0] - MOTION).max() < 0.1


def test_the_change_of_colour_decides_where_all_have_one_colour() -> None:
    motion, colours = _dragged()

    def change_along(candidate: Pixels) -> Pixels:
        moves, background = candidate[:, :, 0] > MOTION / 2, np.arange(80) >= EDGE
        return np.where(moves == background, np.float32(20), np.float32(0))

    change, consistent = change_along(motion), ALL.copy()
    consistent[:, EDGE : EDGE + MARGIN] = False
    sharp, its_change, is_consistent = sharpened(motion, np.zeros_like(colours), change, consistent, change_along)
    assert np.abs(sharp[:, EDGE + 2 :]).max() < 0.1
    assert np.abs(sharp[:, : EDGE - 2, 0] - MOTION).max() < 0.1
    assert its_change[:, EDGE + 2 :].max() == 0
    assert is_consistent[:, EDGE + 2 :].all()


def test_the_background_may_move_too() -> None:
    motion, colours = _dragged()
    motion[:, EDGE + MARGIN :, 1] = 3
    sharp, _, _ = sharpened(motion, colours, _even(motion), ALL, _even)
    assert np.abs(sharp[:, EDGE + 2 :] - [0, 3]).max() < 0.1


def test_motion_below_a_pixel_stays() -> None:
    motion, colours = _dragged()
    assert sharpened(motion / 10, colours, _even(motion), ALL, _even)[0].max() == np.float32(0.5)
