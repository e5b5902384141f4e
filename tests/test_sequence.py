"""Consecutive frames, painted by the optimiser."""

import numpy as np
import pytest
from PIL import Image

from nst import Settings
from nst.gallery import find_style, load_styles, sample
from nst.network.vgg import Backbone
from nst.optimise.schedule import schedule
from nst.sequence import STEPS, SequencePainter, first_step

SETTINGS = Settings(size=96, effort="quick")
STYLE = find_style("swirling_night", load_styles()).path


def _frame(shift: int, photo: str = "mountains") -> Image.Image:
    """A part of a photo, with the noise of a camera."""
    picture = Image.open(sample(photo)).convert("RGB").resize((300, 225))
    pixels = np.asarray(picture.crop((60 + shift, 60, 156 + shift, 132)), dtype=float)
    noise = np.random.default_rng(shift).normal(0, 2, pixels.shape)
    return Image.fromarray((pixels + noise).clip(0, 255).astype(np.uint8))


def _difference(before: Image.Image, now: Image.Image, shift: int) -> float:
    a, b = (np.asarray(image, dtype=float) for image in (before, now))
    return float(np.sqrt(np.square(a[:, shift:] - b[:, : b.shape[1] - shift])[8:-8, 8:-8].mean()))


def test_strokes_move_with_the_camera(backbone: Backbone) -> None:
    painter = SequencePainter([STYLE], SETTINGS, backbone)
    first, second = painter(_frame(0)), painter(_frame(3))
    alone = SequencePainter([STYLE], SETTINGS, backbone)(_frame(3))
    assert first.size == second.size == (96, 72)
    assert _difference(first, second, 3) < 0.5 * _difference(first, alone, 3)


def test_a_cut_restarts(backbone: Backbone) -> None:
    painter = SequencePainter([STYLE], SETTINGS, backbone)
    painter(_frame(0))
    other = Image.fromarray(255 - np.asarray(_frame(0, "lion")))
    assert painter(other) == SequencePainter([STYLE], SETTINGS, backbone)(other)


def test_a_sequence_continues_from_a_painted_frame(backbone: Backbone) -> None:
    """From a file, whose sides are even: the painting is resized."""
    painter = SequencePainter([STYLE], SETTINGS, backbone)
    first = painter(_frame(0))
    second = painter(_frame(3))
    later = SequencePainter([STYLE], SETTINGS, backbone)
    later.continue_from(_frame(0), first)
    assert later(_frame(3)) == second
    later.continue_from(_frame(0), first.crop((0, 0, 96, 70)))
    assert later(_frame(3)).size == (96, 72)


@pytest.mark.parametrize("effort", list(STEPS))
def test_a_frame_takes_the_last_steps_of_the_schedule(effort: str) -> None:
    settings = Settings(size=512, effort=effort)
    counts = [count for _, count in schedule(settings, 0.75)]
    assert sum(counts) - first_step(settings, (512, 384)) == STEPS[effort]


def test_few_steps_are_enough(backbone: Backbone) -> None:
    for steps in (1, 2):
        settings = Settings(size=64, effort="quick", steps=steps)
        painter = SequencePainter([STYLE], settings, backbone)
        assert [painter(_frame(shift)).size for shift in (0, 3)] == [(64, 48)] * 2


def test_more_frames_are_more_work(backbone: Backbone) -> None:
    painter = SequencePainter([STYLE], SETTINGS, backbone)
    one, two, three = (painter.work((96, 72), frames) for frames in (1, 2, 3))
    assert 0 < three - two == pytest.approx(two - one)
    assert two - one < one
