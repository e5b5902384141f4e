"""The camera's path between two views of one photo."""

from functools import cache

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from nst.gallery import sample
from nst.video.camera import Affine, aligned, joined

WIDTH, HEIGHT = 200, 150
PATH = np.array([[0.97, 0.01, 6.0], [-0.01, 0.97, -4.0]])  # from a pixel of the later view to the earlier one
STILL = np.ones((HEIGHT, WIDTH), dtype=np.bool_)


@cache
def _photo() -> NDArray[np.uint8]:
    photo = Image.open(sample("mountains")).convert("L").resize((600, 450))
    return cv2.GaussianBlur(np.asarray(photo), (0, 0), 1)


def _view(path: Affine, gain: float = 1.0, seed: int = 0) -> NDArray[np.uint8]:
    matrix = joined(np.array([[1.0, 0, 200], [0, 1, 150]]), path)
    pixels = cv2.warpAffine(_photo(), matrix, (WIDTH, HEIGHT), flags=cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP)
    noise = np.random.default_rng(seed).normal(0, 1, pixels.shape)
    return (gain * pixels + noise).clip(0, 255).astype(np.uint8)


def _error(path: Affine) -> float:
    """The largest distance between two paths at a corner, in pixels."""
    corners = np.array([[0, 0, 1], [WIDTH, 0, 1], [0, HEIGHT, 1], [WIDTH, HEIGHT, 1]])
    return float(np.linalg.norm(corners @ (path - PATH).T, axis=1).max())


@pytest.mark.parametrize("gain", [1.0, 0.92], ids=["same light", "darker"])
def test_a_path_that_has_drifted_is_corrected(gain: float) -> None:
    drifted = PATH + [[0.004, 0.002, 0.5], [0, -0.003, -0.4]]
    assert _error(drifted) > 1
    assert _error(aligned(drifted, _view(np.eye(2, 3)), _view(PATH, gain, 1), STILL)) < 0.25


def test_a_path_far_away_is_corrected_in_more_than_one_round() -> None:
    drifted = PATH + [[0, 0, 1.4], [0, 0, -1.4]]
    assert _error(aligned(drifted, _view(np.eye(2, 3)), _view(PATH, seed=1), STILL)) < 0.1


def test_what_moves_is_not_compared() -> None:
    """Most of the view is an object that has moved by a pixel."""
    now, moved, still = _view(PATH, seed=1), _view(PATH + [[0, 0, 1], [0, 0, 0]], seed=1), STILL.copy()
    now[20:140, 20:150] = moved[20:140, 20:150]
    still[18:142, 18:152] = False
    drifted = PATH + [[0, 0, 0.5], [0, 0, -0.5]]
    assert _error(aligned(drifted, _view(np.eye(2, 3)), now, still)) < 0.25
    assert _error(aligned(drifted, _view(np.eye(2, 3)), now, STILL)) > 0.5


def test_stripes_do_not_move_a_path_along_them() -> None:
    """As the light fades, frame by frame."""
    stripes, path = np.tile(128 + 60 * np.sin(np.arange(WIDTH) / 5), (HEIGHT, 1)), np.eye(2, 3)
    for number in range(20):
        noise = np.random.default_rng(number).normal(0, 1, stripes.shape)
        now = ((1 - 0.02 * number) * stripes + noise).clip(0, 255).astype(np.uint8)
        path = aligned(path, stripes.astype(np.uint8), now, STILL)
    assert np.abs(path - np.eye(2, 3)).max() < 0.5


def test_an_object_that_is_not_known_to_move_does_not_count() -> None:
    now = _view(PATH, seed=1)
    now[40:90, 60:120] = 255 - now[40:90, 60:120]
    drifted = PATH + [[0, 0, 0.5], [0, 0, -0.5]]
    assert _error(aligned(drifted, _view(np.eye(2, 3)), now, STILL)) < 0.1


def test_noise_alone_does_not_change_a_path() -> None:
    random = np.random.default_rng(0)
    one, other = (random.normal(128, 4, (HEIGHT, WIDTH)).astype(np.uint8) for _ in range(2))
    assert np.array_equal(aligned(PATH, one, other, STILL), PATH)


@pytest.mark.parametrize("still", [False, True])
def test_a_path_stays_if_there_is_nothing_to_compare(still: bool) -> None:
    even = np.full((HEIGHT, WIDTH), 128, np.uint8)
    kept = aligned(PATH, even, even, STILL & still)
    assert np.isfinite(kept).all()
    assert _error(kept) < 1e-6


def test_a_correction_that_is_too_large_is_an_error() -> None:
    wrong = PATH + [[0, 0, 3], [0, 0, 3]]
    assert np.array_equal(aligned(wrong, _view(np.eye(2, 3)), _view(PATH, seed=1), STILL), wrong)


def test_paths_are_joined_in_order() -> None:
    zoom, shift = np.array([[2.0, 0, 0], [0, 2, 0]]), np.array([[1.0, 0, 3], [0, 1, 0]])
    assert np.array_equal(joined(zoom, shift), [[2, 0, 6], [0, 2, 0]])  # 2 (x + 3)
