"""Painted frames that belong together. What paints them here flickers."""

from collections.abc import Callable, Iterator

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from nst.gallery import sample
from nst.video.coherence import KEEP, CoherentPainter

SIZE = WIDTH, HEIGHT = 160, 120


def _frames(count: int, shift: int, photo: str = "mountains") -> Iterator[Image.Image]:
    """A pan over a photo."""
    picture = Image.open(sample(photo)).convert("RGB").resize((480, 360))
    for number in range(count):
        yield picture.crop((100 + shift * number, 100, 100 + shift * number + WIDTH, 100 + HEIGHT))


def _strokes() -> Callable[[Image.Image], Image.Image]:
    """A painter whose strokes are new in each frame."""
    random = np.random.default_rng(0)

    def paint(frame: Image.Image) -> Image.Image:
        strokes = cv2.GaussianBlur(random.normal(0, 100, (*frame.size[::-1], 3)), (0, 0), 1.5)
        return Image.fromarray((np.asarray(frame) * 0.5 + 64 + strokes).clip(0, 255).astype(np.uint8))

    return paint


def _pixels(image: Image.Image) -> NDArray[np.float32]:
    return np.asarray(image, dtype=np.float32)


def _difference(a: NDArray[np.float32], b: NDArray[np.float32]) -> float:
    return float(np.sqrt(np.square(a - b).mean()))


@pytest.mark.parametrize("shift", [0, 4])
def test_strokes_move_with_what_they_depict(shift: int) -> None:
    alone, together = ([], [])
    plain, paint = _strokes(), CoherentPainter(_strokes())
    for frame in _frames(8, shift):
        alone.append(_pixels(plain(frame)))
        together.append(_pixels(paint(frame)))

    def flicker(frames: list[NDArray[np.float32]]) -> float:
        before, now = frames[-2:]
        return _difference(before[10:-10, 30 + shift : -10], now[10:-10, 30 : -10 - shift])

    assert flicker(together) < 0.35 * flicker(alone)


def test_strokes_do_not_drift_from_what_they_depict() -> None:
    """A slow zoom and pan with a camera's noise: small errors of the motion from frame to frame would add up."""
    photo = np.asarray(Image.open(sample("tower")).convert("RGB").resize((800, 1000)))[200:800]
    random, size = np.random.default_rng(0), (320, 256)
    paint = CoherentPainter(_strokes())

    def zoomed(pixels: NDArray[np.generic], number: int) -> NDArray[np.float32]:
        scale, centre = 0.99**number, np.array(pixels.shape[1::-1]) / 2
        shift = centre - scale * np.array(size) / 2 + number * np.array([2, 1])
        matrix = np.column_stack([scale * np.eye(2), shift])
        flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
        return cv2.warpAffine(pixels.astype(np.float32), matrix, size, flags=flags)

    painted = []
    for number in range(30):
        view = zoomed(photo, number) + random.normal(0, 2, (*size[::-1], 3))
        painted.append(_pixels(paint(Image.fromarray(view.clip(0, 255).astype(np.uint8)))))
    inner = slice(30, -30), slice(30, -30)
    drifted, moved = (_difference(zoomed(painted[0], by)[inner], painted[-1][inner]) for by in (29, 0))
    assert drifted < 0.15 * moved


def test_detail_does_not_fade() -> None:
    plain, paint = _strokes(), CoherentPainter(_strokes())
    for frame in _frames(40, 2):
        alone, together = _pixels(plain(frame)), _pixels(paint(frame))

    def detail(pixels: NDArray[np.float32]) -> float:
        return _difference(pixels, cv2.GaussianBlur(pixels, (0, 0), 1))

    assert 0.8 < detail(together[10:-10, 10:-90]) / detail(alone[10:-10, 10:-90]) < 1.2


def test_new_areas_follow_the_painter_at_first() -> None:
    plain, paint = _strokes(), CoherentPainter(_strokes())
    for frame in _frames(8, 5):
        alone, together = _pixels(plain(frame)), _pixels(paint(frame))
    old, new = (slice(10, -10), slice(20, 60)), (slice(10, -10), slice(-6, None))
    assert _difference(alone[new], together[new]) < 0.7 * _difference(alone[old], together[old])


def test_a_cut_restarts() -> None:
    """The first frame after a cut is as painted, and so held as a whole."""
    plain, paint = _strokes(), CoherentPainter(_strokes())
    shots = [*_frames(3, 0), *(Image.fromarray(255 - np.asarray(f)) for f in _frames(2, 0, "lion"))]
    for number, frame in enumerate(shots):
        alone, together = plain(frame), paint(frame)
        if number == 3:
            first = together
            assert np.array_equal(alone, together)
    assert _difference(_pixels(first), _pixels(together)) < 3 * (1 - KEEP) * _difference(
        _pixels(first), _pixels(alone)
    )


def _passing(count: int) -> Iterator[tuple[Image.Image, int]]:
    """A disc that passes over a still photo with a flat sky, and the x of its centre."""
    photo = Image.open(sample("mountains")).convert("RGB").resize((200, 150)).crop((20, 0, 180, 120))
    for number in range(count):
        frame, x = photo.copy(), 20 + 5 * number
        ImageDraw.Draw(frame).ellipse((x - 18, 40, x + 18, 76), fill=(200, 170, 150), outline=(30, 20, 20), width=3)
        yield frame, x


def test_an_object_leaves_no_trail() -> None:
    """The painter paints a halo around the object, as the network does."""
    centre = 0

    def paint(frame: Image.Image) -> Image.Image:
        painted = frame.copy()
        ImageDraw.Draw(painted).ellipse((centre - 26, 32, centre + 26, 84), outline="white", width=7)
        return painted

    together = CoherentPainter(paint)
    for frame, x in _passing(25):
        centre = x
        painted = _pixels(together(frame))
    trail = slice(28, 88), slice(50, centre - 40)
    assert _difference(painted[trail], _pixels(frame)[trail]) < 5


def test_the_outline_of_an_object_is_not_left_behind() -> None:
    """It is drawn outside, where nothing moves, and is too thin to change the forms."""
    centre = 0

    def paint(frame: Image.Image) -> Image.Image:
        painted = frame.copy()
        ImageDraw.Draw(painted).ellipse((centre - 21, 37, centre + 21, 79), outline="black")
        return painted

    together, left = CoherentPainter(paint), []
    for frame, x in _passing(25):
        centre = x
        left.append(_difference(*(_pixels(each)[30:86, :46] for each in (together(frame), frame))))
    assert left[-1] < 0.6 * left[0]


def test_strokes_that_an_object_has_covered_come_back() -> None:
    plain, together = _strokes(), CoherentPainter(_strokes())
    alone, painted = ([paint(frame) for frame, _ in _passing(25)] for paint in (plain, together))
    way = slice(44, 72), slice(60, 110)  # the object is not there in the first and the last frame
    first, last, independent = (_pixels(frame)[way] for frame in (painted[0], painted[-1], alone[-1]))
    assert _difference(first, last) < 0.4 * _difference(first, independent)


def test_an_area_that_changes_is_painted_anew() -> None:
    levels = iter([60, 100, 60, 100])
    paint = CoherentPainter(lambda frame: Image.new("RGB", frame.size, (next(levels),) * 3))
    shown = []
    for number in range(4):
        frame = Image.new("RGB", (64, 64), (128, 128, 128))
        frame.paste((200 * (number % 2),) * 3, (0, 0, 32, 64))
        shown.append(_pixels(paint(frame)).mean(2))
    flicker = [np.abs(after - before) for before, after in zip(shown, shown[1:], strict=False)]
    assert all(change[:, :24].mean() > 35 for change in flicker)
    assert all(change[:, 40:].mean() < 3 for change in flicker)


def test_a_painter_may_change_the_size() -> None:
    paint = CoherentPainter(lambda frame: frame.resize((48, 36)))
    assert {paint(frame).size for frame in _frames(3, 2)} == {(48, 36)}


@pytest.mark.parametrize("colour", [25, 44, 59])
@pytest.mark.filterwarnings("error")
def test_a_flat_area_beside_detail_stays_as_it_is(colour: int) -> None:
    random = np.random.default_rng(0)

    def paint(frame: Image.Image) -> Image.Image:
        pixels = np.full((200, 300, 3), colour, np.uint8)
        pixels[70:130, 90:210] = random.integers(0, 255, (60, 120, 3))
        return Image.fromarray(pixels)

    painter, frame = CoherentPainter(paint), Image.new("RGB", (300, 200), (colour,) * 3)
    for _ in range(3):
        painted = np.asarray(painter(frame))
    assert (painted[:, :60] == colour).all()


def test_nothing_creeps_in_over_the_edge() -> None:
    """A camera that slows down and turns back, as a hand does."""
    painter = CoherentPainter(lambda frame: frame)
    picture = np.asarray(Image.open(sample("mountains")).convert("RGB").resize((480, 360)))
    for number in range(60):
        shift = 100 + 40 * np.sin(number / 10)
        matrix = np.float64([[1, 0, shift], [0, 1, shift]])
        view = cv2.warpAffine(picture, matrix, SIZE, flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP)
        painted = painter(Image.fromarray(view))
        if number > 10:
            assert _difference(_pixels(painted), view.astype(np.float32)) < 8
