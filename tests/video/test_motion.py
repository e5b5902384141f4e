"""The motion between two frames that are parts of one photo."""

from functools import cache
from itertools import pairwise

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from nst.gallery import sample
from nst.video.flow import MIN_FLOW_SIDE, Pixels, Places, warp
from nst.video.motion import Motion, View, find_motion, follow_camera

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


def _motion(before: Image.Image, now: Image.Image) -> tuple[Places, Pixels]:
    motion = find_motion(View.of(before, before.size), View.of(now, now.size))
    return motion.places, motion.confidence


STILL = [[1.0, 0, 200], [0, 1, 150]]


@pytest.mark.parametrize(
    "now",
    [[[1, 0, 203.5], [0, 1, 148.8]], [[0.99, 0.02, 201], [-0.02, 0.99, 152]], [[1.02, 0, 199], [0, 1.02, 149]]],
    ids=["pan", "rotation", "zoom"],
)
def test_the_places_are_those_of_the_camera(now: list[list[float]]) -> None:
    places, confidence = _motion(_frame(STILL, 0), _frame(now, 1))
    x, y = np.meshgrid(np.arange(WIDTH), np.arange(HEIGHT))
    true = np.dstack([x, y, np.ones_like(x)]) @ np.array(now).T - [200, 150]
    inner = (slice(12, -12), slice(12, -12))
    assert np.abs(places - true)[inner].mean() < 0.1
    assert confidence[inner].mean() > 0.9


def test_a_place_outside_the_frame_before_has_no_confidence() -> None:
    _, confidence = _motion(_frame(STILL, 0), _frame([[1, 0, 210], [0, 1, 150]], 1))
    assert confidence[:, -8:].max() < 0.1
    assert confidence[:, 20:-20].mean() > 0.9


def test_another_scene_has_no_confidence() -> None:
    night = Image.fromarray(255 - np.asarray(_frame([[1, 0, 300], [0, 1, 250]], 1)))
    _, confidence = _motion(_frame(STILL, 0), night)
    assert confidence.mean() < 0.1


def test_an_object_and_what_it_uncovers() -> None:
    frames = []
    for number in range(2):
        frame = _frame(STILL, number)
        frame.paste((230, 60, 30), (40 + 10 * number, 40, 80 + 10 * number, 80))
        frames.append(frame)
    places, confidence = _motion(*frames)
    assert confidence[44:76, 42:48].mean() < 0.1  # uncovered
    assert np.abs(places[30:90, 110:150] - _motion(frames[0], frames[0])[0][30:90, 110:150]).mean() < 0.1
    assert confidence[:, 110:].mean() > 0.9


def test_what_an_object_has_dragged_along_has_no_confidence_when_it_stops() -> None:
    views = [View.of(_frame(STILL, number), SIZE) for number in range(2)]
    still = find_motion(*views)
    dragged = np.zeros((HEIGHT, WIDTH, 2), np.float32)
    dragged[40:80, 40:80] = 5
    last = Motion(still.places, still.confidence, dragged, still.camera, still.passed)
    confidence = find_motion(*views, last).confidence
    assert confidence[44:76, 44:76].max() < 0.1
    assert np.allclose(confidence[:, 90:], still.confidence[:, 90:])


def test_nothing_has_stopped_where_the_camera_is_not_known(monkeypatch: pytest.MonkeyPatch) -> None:
    views = [View.of(_frame(STILL, number), SIZE) for number in range(2)]
    still = find_motion(*views)
    moved = np.full((HEIGHT, WIDTH, 2), 5, np.float32)
    monkeypatch.setattr("nst.video.motion.camera_motion", lambda *_: None)
    confidence = find_motion(*views, Motion(still.places, still.confidence, moved, None, still.passed)).confidence
    assert confidence[20:-20, 20:-20].mean() > 0.9


def test_a_slow_object_keeps_its_confidence() -> None:
    """Its motion is near the camera's, which replaces it in some frames."""
    texture = Image.open(sample("pagoda")).convert("RGB").resize((600, 450)).crop((100, 100, 340, 340))
    motion, views = None, []
    for number in range(10):
        frame = _frame(STILL, number).resize((4 * WIDTH, 4 * HEIGHT))
        frame.paste(texture, (200 + round(3.6 * number), 120))  # 0.9 pixels a frame, at a quarter of the size
        views.append(View.of(frame.resize(SIZE, Image.Resampling.BOX), SIZE))
        if number:
            motion = find_motion(*views[-2:], motion)
            assert motion.confidence[40:80, 70:100].mean() > 0.75


def test_a_pan_is_no_cut_where_the_camera_was_not_known_before(monkeypatch: pytest.MonkeyPatch) -> None:
    views = [View.of(_frame([[1, 0, 200 + 4 * number], [0, 1, 150]], number), SIZE) for number in range(3)]
    with monkeypatch.context() as patched:
        patched.setattr("nst.video.motion.camera_motion", lambda *_: None)
        first = find_motion(*views[:2])
    assert first.camera is None
    second = find_motion(*views[1:], first)
    assert second.camera is not None
    assert second.confidence[:, 12:-12].mean() > 0.9


def test_the_path_of_the_camera_leads_to_an_earlier_frame() -> None:
    views = [View.of(_frame([[1, 0, 200 + 3 * number], [0, 1, 150]], number), SIZE) for number in range(4)]
    path = np.eye(3)
    for before, now in pairwise(views):
        camera = find_motion(before, now).camera
        assert camera is not None
        path = path @ np.vstack([camera, [0, 0, 1]])
    places, confidence = follow_camera(views[0], views[-1], path[:2])
    x, y = np.meshgrid(np.arange(WIDTH), np.arange(HEIGHT))
    assert np.abs(places - np.dstack([x + 9, y])).max() < 0.3
    assert confidence[:, : WIDTH - 24].mean() > 0.9
    assert confidence[:, -6:].max() < 0.1


def test_a_change_of_colour_counts_at_equal_luminance() -> None:
    """Half of an even picture turns from red to a green as bright."""
    red, green = (200, 60, 60), (60, 128, 60)
    before, now = Image.new("RGB", SIZE, red), Image.new("RGB", SIZE, red)
    now.paste(green, (0, 0, WIDTH // 2, HEIGHT))
    assert abs(before.convert("L").getpixel((5, 5)) - now.convert("L").getpixel((5, 5))) <= 2  # type: ignore[operator]
    _, confidence = _motion(before, now)
    assert confidence[:, : WIDTH // 2 - 10].max() < 0.1
    assert confidence[:, WIDTH // 2 + 10 :].min() > 0.9


@pytest.mark.parametrize(
    "size", [(1, 1), (1, 90), (8, 8), (MIN_FLOW_SIDE, MIN_FLOW_SIDE), (33, 500), (2000, 32), (31, 900)]
)
def test_frames_of_any_size(size: tuple[int, int]) -> None:
    frames = [Image.fromarray(np.full((*size[::-1], 3), level, np.uint8)) for level in (90, 92)]
    places, confidence = _motion(*frames)
    assert places.shape == (*size[::-1], 2)
    assert confidence.min() > 0.9


def test_warp_moves_pixels() -> None:
    pixels = np.arange(48, dtype=np.float32).reshape(6, 8)
    x, y = np.meshgrid(np.arange(8, dtype=np.float32), np.arange(6, dtype=np.float32))
    assert np.array_equal(warp(pixels, np.dstack([x - 2, y + 1]))[:5, 2:], pixels[1:, :6])
