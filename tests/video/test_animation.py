"""Delays and loops of GIF and animated WebP."""

from fractions import Fraction
from pathlib import Path

import pytest
from PIL import Image

from nst.video import is_clip, open_clip

from .files import decoded, delays, painted, ramp, times, write_animation, write_video


@pytest.mark.parametrize("out", ["out.gif", "out.webp"])
@pytest.mark.parametrize("rate", [60, 30])
def test_a_video_keeps_its_length_as_an_animation(tmp_path: Path, out: str, rate: int) -> None:
    frames = [ramp(number) for number in range(rate)]
    source = write_video(tmp_path / "a.mkv", frames, rate=rate)
    painted(source, tmp_path / out)
    made = delays(tmp_path / out)
    assert min(made) >= 20
    assert sum(made) == pytest.approx(1000, abs=20)


@pytest.mark.parametrize("last", [2000, 20])
@pytest.mark.parametrize("suffix", ["gif", "webp"])
@pytest.mark.parametrize("out", ["out.gif", "out.webp", "out.mp4", "out.mkv"])
def test_each_delay_is_kept(tmp_path: Path, suffix: str, out: str, last: int) -> None:
    wanted = [80, 40, 330, 80, last]
    source = write_animation(tmp_path / f"a.{suffix}", wanted)
    clip = open_clip(source)
    assert (clip.seconds, clip.pictures) == (pytest.approx(sum(wanted) / 1000), 5)
    painted(source, tmp_path / out)
    if out.endswith((".gif", ".webp")):
        assert delays(tmp_path / out) == wanted
    else:
        begins, end = times(tmp_path / out)
        assert begins == pytest.approx([0, 0.08, 0.12, 0.45, 0.53], abs=0.002)
        assert end == pytest.approx(sum(wanted) / 1000, abs=0.002)


@pytest.mark.parametrize("suffix", ["gif", "webp"])
def test_a_delay_that_no_gif_holds_is_cut(tmp_path: Path, suffix: str) -> None:
    source = write_video(tmp_path / "a.mp4", [ramp(0), ramp(9), ramp(5)], [Fraction(0), Fraction(1), Fraction(901)])
    painted(source, tmp_path / f"out.{suffix}")
    assert delays(tmp_path / f"out.{suffix}")[:2] == [1000, 655_350 if suffix == "gif" else 900_000]


def test_a_delay_that_browsers_do_not_believe_is_a_tenth(tmp_path: Path) -> None:
    source = write_animation(tmp_path / "a.gif", [0, 10, 20, 50])
    painted(source, tmp_path / "out.gif")
    assert delays(tmp_path / "out.gif") == [100, 100, 20, 50]


@pytest.mark.parametrize("suffix", ["gif", "webp"])
@pytest.mark.parametrize("out", ["gif", "webp"])
@pytest.mark.parametrize("plays", [0, 1, 3])
def test_the_number_of_loops_is_kept(tmp_path: Path, suffix: str, out: str, plays: int) -> None:
    def stored(kind: str) -> int | None:
        return {0: 0, 1: None, 3: 2}[plays] if kind == "gif" else plays

    options = {} if stored(suffix) is None else {"loop": stored(suffix)}
    source = write_animation(tmp_path / f"a.{suffix}", [100, 200], **options)
    painted(source, tmp_path / f"out.{out}")
    with Image.open(tmp_path / f"out.{out}") as made:
        assert made.info.get("loop") == stored(out)


def test_a_video_becomes_an_endless_loop(tmp_path: Path) -> None:
    painted(write_video(tmp_path / "a.mp4"), tmp_path / "out.gif")
    with Image.open(tmp_path / "out.gif") as made:
        assert made.info["loop"] == 0


def test_a_screen_recording_of_uneven_frames_keeps_its_length(tmp_path: Path) -> None:
    when = [Fraction(ms, 1000) for ms in (0, 33, 66, 900, 4000, 4100)]
    source = write_video(tmp_path / "a.mkv", [ramp(n) for n in range(6)], when, rate=10)
    painted(source, tmp_path / "out.gif")
    assert delays(tmp_path / "out.gif")[:5] == pytest.approx([30, 40, 830, 3100, 100], abs=10)


@pytest.mark.parametrize("suffix", ["gif", "webp"])
def test_a_damaged_rest_is_left_out(tmp_path: Path, suffix: str) -> None:
    source = write_animation(tmp_path / f"a.{suffix}", [100] * 8)
    source.write_bytes(source.read_bytes()[: source.stat().st_size * 3 // 4])
    if suffix == "webp":  # its decoder needs the whole file
        with pytest.raises(ValueError, match="damaged or incomplete"):
            painted(source, tmp_path / "out.mp4")
        return
    painted(source, tmp_path / "out.mp4")
    assert 3 <= len(decoded(tmp_path / "out.mp4")) < 8


def test_a_still_picture_is_no_clip(tmp_path: Path) -> None:
    for name in ("a.gif", "a.webp"):
        Image.fromarray(ramp(0)).save(tmp_path / name)
        assert not is_clip(tmp_path / name)
