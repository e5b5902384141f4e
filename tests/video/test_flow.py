"""The motion between two frames that are parts of one photo."""

from functools import cache

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from nst.gallery import sample
from nst.video.flow import MIN_FLOW_SIDE, View, find_motion, warp

SIZE = WIDTH, HEIGHT = 160, 120


@cache
def _photo() -> NDArray[np.uint8]:
    return np.asarray(Image.open(sample("mountains")).convert("RGB").resize((600, 450)))


def _frame(matrix: list[list[float]], seed: int) -> Image.Image:
    """A noisy view of the photo: it shows at x the photo's place `matrix` x."""
    flags = cv2.INTER_AREA | cv2.WARP_INVERSE_MAP
    pixels = cv2.warpAffine(_photo(), np.array(matrix, dtype=float), SIZE, flags=flags)
    noise = np.random.default_rng(seed).normal(0, 2, pixels.shape)
    return Image.fromarray((pixels + noise).clip(0, 255).astype(np.uint8))


def _views(*frames: Image.Image) -> list[View]:
    return [View.of(frame, frame.size) for frame in frames]


STILL = [[1.0, 0, 200], [0, 1, 150]]


@pytest.mark.parametrize(
    "now",
    [[[1, 0, 203.5], [0, 1, 148.8]], [[0.99, 0.02, 201], [-0.02, 0.99, 152]], [[1.02, 0, 199], [0, 1.02, 149]]],
    ids=["pan", "rotation", "zoom"],
)
def test_the_places_are_those_of_the_camera(now: list[list[float]]) -> None:
    places, confidence = find_motion(*_views(_frame(STILL, 0), _frame(now, 1)))
    x, y = np.meshgrid(np.arange(WIDTH), np.arange(HEIGHT))
    true = np.dstack([x, y, np.ones_like(x)]) @ np.array(now).T - [200, 150]
    inner = (slice(12, -12), slice(12, -12))
    assert np.abs(places - true)[inner].mean() < 0.1
    assert confidence[inner].mean() > 0.9


def test_a_place_outside_the_frame_before_has_no_confidence() -> None:
    _, confidence = find_motion(*_views(_frame(STILL, 0), _frame([[1, 0, 210], [0, 1, 150]], 1)))
    assert confidence[:, -8:].max() < 0.1
    assert confidence[:, 20:-20].mean() > 0.9


def test_another_scene_has_no_confidence() -> None:
    night = Image.fromarray(255 - np.asarray(_frame([[1, 0, 300], [0, 1, 250]], 1)))
    _, confidence = find_motion(*_views(_frame(STILL, 0), night))
    assert confidence.mean() < 0.1


def test_an_object_and_what_it_uncovers() -> None:
    frames = []
    for number in range(2):
        frame = _frame(STILL, number)
        frame.paste((230, 60, 30), (40 + 10 * number, 40, 80 + 10 * number, 80))
        frames.append(frame)
    places, confidence = find_motion(*_views(*frames))
    assert confidence[44:76, 42:48].mean() < 0.1  # uncovered
    assert np.abs(places[30:90, 110:150] - find_motion(*_views(frames[0], frames[0]))[0][30:90, 110:150]).mean() < 0.1
    assert confidence[:, 110:].mean() > 0.9


def test_a_change_of_colour_counts_at_equal_luminance() -> None:
    """Half of an even picture turns from red to a green as bright."""
    red, green = (200, 60, 60), (60, 128, 60)
    before, now = Image.new("RGB", SIZE, red), Image.new("RGB", SIZE, red)
    now.paste(green, (0, 0, WIDTH // 2, HEIGHT))
    assert abs(before.convert("L").getpixel((5, 5)) - now.convert("L").getpixel((5, 5))) <= 2  # type: ignore[operator]
    _, confidence = find_motion(*_views(before, now))
    assert confidence[:, : WIDTH // 2 - 10].max() < 0.1
    assert confidence[:, WIDTH // 2 + 10 :].min() > 0.9


@pytest.mark.parametrize(
    "size", [(1, 1), (1, 90), (8, 8), (MIN_FLOW_SIDE, MIN_FLOW_SIDE), (33, 500), (2000, 32), (31, 900)]
)
def test_frames_of_any_size(size: tuple[int, int]) -> None:
    frames = [Image.fromarray(np.full((*size[::-1], 3), level, np.uint8)) for level in (90, 92)]
    places, confidence = find_motion(*_views(*frames))
    assert places.shape == (*size[::-1], 2)
    assert confidence.min() > 0.9


def test_warp_moves_pixels() -> None:
    pixels = np.arange(48, dtype=np.float32).reshape(6, 8)
    x, y = np.meshgrid(np.arange(8, dtype=np.float32), np.arange(6, dtype=np.float32))
    assert np.array_equal(warp(pixels, np.dstack([x - 2, y + 1]))[:5, 2:], pixels[1:, :6])
