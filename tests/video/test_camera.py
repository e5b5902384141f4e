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


def test_what_moves_is_not_compared() -> None:
    now = _view(PATH, seed=1)
    now[30:100, 40:110] = np.roll(now, 3, axis=1)[30:100, 40:110]
    still = STILL.copy()
    still[28:102, 38:112] = False
    assert _error(aligned(PATH, _view(np.eye(2, 3)), now, still)) < 0.25


@pytest.mark.parametrize("still", [False, True])
def test_a_path_stays_if_there_is_nothing_to_compare(still: bool) -> None:
    even = np.full((HEIGHT, WIDTH), 128, np.uint8)
    kept = aligned(PATH, even, even, STILL & still)
    assert np.isfinite(kept).all()
    assert _error(kept) < 1e-6


def test_another_scene_does_not_change_a_path_much() -> None:
    noise = np.random.default_rng(0).integers(0, 255, (HEIGHT, WIDTH), np.uint8)
    assert _error(aligned(PATH, _view(np.eye(2, 3)), noise, STILL)) <= 2 * 2**0.5
