"""Reading of videos: times, damage, sizes, limits."""

import re
import struct
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest

from nst.images import ImageError
from nst.video import open_clip

from .files import damage, decoded, grow, jpeg, painted, ramp, times, write_animation, write_jpegs, write_video


@pytest.mark.parametrize("start", [Fraction(2, 5), Fraction(95_443)])
@pytest.mark.parametrize("suffix", ["mp4", "mkv", "ts", "mpg"])
def test_a_video_begins_at_zero_wherever_its_timestamps_begin(tmp_path: Path, suffix: str, start: Fraction) -> None:
    codec, audio = ("mpeg2video", "mp2") if suffix == "mpg" else ("libx264", "aac")
    frame_times = [start + Fraction(number, 25) for number in range(25)]
    source = write_video(
        tmp_path / f"a.{suffix}", [ramp(n) for n in range(25)], frame_times, codec, rate=25, audio=(audio, 44_100)
    )
    assert open_clip(source).seconds == pytest.approx(1, abs=0.2)
    assert not painted(source, tmp_path / "out.mp4")
    begins, end = times(tmp_path / "out.mp4")
    assert begins[0] < 0.1
    assert end - begins[0] == pytest.approx(1, abs=0.1)
    with av.open(str(tmp_path / "out.mp4")) as film:
        [audio_stream] = film.streams.audio
        assert audio_stream.duration and audio_stream.time_base
        assert float(audio_stream.duration * audio_stream.time_base) == pytest.approx(1, abs=0.2)  # AAC adds silence


def test_timestamps_that_jump_or_go_back_are_made_continuous(tmp_path: Path) -> None:
    jumping = [Fraction(number, 10) + (20_000 if number >= 5 else 0) for number in range(10)]
    painted(write_video(tmp_path / "a.ts", times=jumping, codec="libx264"), tmp_path / "out.mp4")
    begins, _ = times(tmp_path / "out.mp4")
    assert [b - a for a, b in pairwise(begins)] == pytest.approx([0.1] * 9, abs=0.02)


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "ts", "flv"])
def test_audio_that_begins_later_stays_there(tmp_path: Path, suffix: str) -> None:
    source = write_video(tmp_path / f"a.{suffix}", codec="libx264", audio=("aac", 44_100), audio_start=Fraction(2, 5))
    assert open_clip(source).seconds == pytest.approx(1.4, abs=0.3)
    assert not painted(source, tmp_path / "out.mp4")
    begins, _ = times(tmp_path / "out.mp4")
    assert (len(begins), begins[0]) == (10, 0)
    with av.open(str(tmp_path / "out.mp4")) as film:
        first = next(packet for packet in film.demux(audio=0))
        assert float(first.pts * first.time_base) == pytest.approx(0.4, abs=0.04)


@pytest.mark.parametrize(("suffix", "codec", "audio"), [("ts", "libx264", "aac"), ("vob", "mpeg2video", "mp2")])
def test_the_parts_of_a_joined_video_follow_each_other(tmp_path: Path, suffix: str, codec: str, audio: str) -> None:
    part = write_video(
        tmp_path / f"a.{suffix}", [ramp(n) for n in range(25)], (), codec, rate=25, audio=(audio, 44_100)
    )
    joined = tmp_path / f"b.{suffix}"
    joined.write_bytes(part.read_bytes() * 3)
    assert not painted(joined, tmp_path / "out.mp4")
    begins, end = times(tmp_path / "out.mp4")
    assert len(begins) == 75
    assert end == pytest.approx(3.3, abs=0.1)  # the tone lasts longer than the pictures
    assert min(b - a for a, b in pairwise(begins)) > 0.03
    with av.open(str(tmp_path / "out.mp4")) as film:
        [audio_stream] = film.streams.audio
        assert audio_stream.duration and audio_stream.time_base
        assert float(audio_stream.duration * audio_stream.time_base) == pytest.approx(end, abs=0.2)


def test_a_video_ends_at_the_limit_whatever_its_header_says(tmp_path: Path) -> None:
    source = write_video(tmp_path / "a.mkv", times=[Fraction(number * 300) for number in range(10)])
    assert painted(source, tmp_path / "out.mp4", max_seconds=700.0) == [
        "the film is longer than its header says, and ends after 700 seconds"
    ]
    assert len(decoded(tmp_path / "out.mp4")) == 3


@pytest.mark.parametrize("suffix", ["avi", "mkv", "mov"])
@pytest.mark.parametrize("first", [(96, 64), (64, 96)])
def test_frames_of_other_sizes_are_fitted_to_the_first(tmp_path: Path, first: tuple[int, int], suffix: str) -> None:
    sizes = [first, first, (128, 64), (320, 240)]
    source = write_jpegs(tmp_path / f"a.{suffix}", [jpeg(ramp(n, size)) for n, size in enumerate(sizes)])
    assert not painted(source, tmp_path / "out.mp4")
    frames = decoded(tmp_path / "out.mp4")
    assert [frame.shape for frame in frames] == [(first[1], first[0], 3)] * 4
    wide, middle = frames[2], first[1] // 2  # 2:1, in the middle between black bars
    assert wide[middle].mean() > 50
    assert wide[1].mean() < 20


@pytest.mark.parametrize("suffix", ["mp4", "mov"])
def test_damaged_packets_are_left_out(tmp_path: Path, suffix: str) -> None:
    source = write_video(tmp_path / f"a.{suffix}", [ramp(n) for n in range(12)], codec="png", format="rgb24")
    assert painted(damage(source), tmp_path / "out.mp4") == ["2 damaged parts of the film are left out"]
    begins, end = times(tmp_path / "out.mp4")
    assert (len(begins), begins[3]) == (10, pytest.approx(0.5))
    assert end == pytest.approx(1.2)


@pytest.mark.parametrize(
    ("suffix", "message"),
    [
        ("avi", "1 damaged parts"),
        ("mkv", r"breaks off after 0\.[2-9] of 1\.2 seconds"),
        ("mp4", r"breaks off after 0\.[2-9] of 1\.2 seconds"),
    ],
)
def test_a_video_that_breaks_off_is_painted_to_there(tmp_path: Path, suffix: str, message: str) -> None:
    source = write_video(tmp_path / f"a.{suffix}", [ramp(n) for n in range(12)], codec="mjpeg", format="yuvj420p")
    if suffix == "mp4":
        _move_header_to_start(source)
    source.write_bytes(source.read_bytes()[: source.stat().st_size // 2])
    assert re.search(message, painted(source, tmp_path / "out.mp4")[-1])
    assert 1 <= len(decoded(tmp_path / "out.mp4")) <= 9


@pytest.mark.parametrize(("suffix", "codec"), [("mov", "png"), ("avi", "mjpeg"), ("mpg", "mpeg2video")])
def test_a_frame_is_not_decoded_before_its_size_is_checked(tmp_path: Path, suffix: str, codec: str) -> None:
    format = {"png": "gray", "mjpeg": "yuvj420p"}.get(codec, "yuv420p")
    large = np.zeros((1200, 1200, 3), np.uint8)
    source = write_video(tmp_path / f"a.{suffix}", [large] * 3, codec=codec, format=format, rate=25)
    with pytest.raises(ImageError, match="1200x1200 pixels; make it smaller than 1 megapixels"):
        open_clip(source, max_pixels=1_000_000)


def test_a_video_with_longer_subtitles_has_the_length_of_its_pictures(tmp_path: Path) -> None:
    source = write_video(tmp_path / "a.mkv", audio=("aac", 44_100))
    data = bytearray(source.read_bytes())
    place = data.index(b"\x44\x89\x88") + 3  # the duration of the file, in milliseconds; those of its tracks stay
    data[place : place + 8] = struct.pack(">d", 20_000)
    source.write_bytes(data)
    assert open_clip(source).seconds == pytest.approx(1, abs=0.2)
    assert not painted(source, tmp_path / "out.mp4")


@pytest.mark.parametrize("suffix", ["avi", "mkv"])
def test_frames_that_grow_are_left_out(tmp_path: Path, suffix: str) -> None:
    frames = [jpeg(ramp(0)), jpeg(np.zeros((1000, 1000, 3), np.uint8)), grow(jpeg(ramp(1)), 13_000, 13_000)]
    frames.append(jpeg(ramp(2)))
    source = write_jpegs(tmp_path / f"a.{suffix}", frames)
    assert painted(source, tmp_path / "out.mp4", max_pixels=500_000) == ["2 damaged parts of the film are left out"]
    assert len(decoded(tmp_path / "out.mp4")) == 2


def test_a_gif_whose_frames_grow_ends_before_them(tmp_path: Path) -> None:
    source = write_animation(tmp_path / "a.gif", [100] * 4)
    data = bytearray(source.read_bytes())
    last = data.rindex(b"\x2c\x00\x00")  # the descriptor of the last frame: its place, then its size
    data[last + 5 : last + 9] = (16_000).to_bytes(2, "little") * 2
    source.write_bytes(data)
    assert painted(source, tmp_path / "out.mp4", max_pixels=500_000) == [
        "the rest of the film is damaged, and left out"
    ]
    assert len(decoded(tmp_path / "out.mp4")) == 3


@pytest.mark.parametrize("name", ["take2:sunset.mp4", "http:a.mkv", "-dash.mp4", "per%cent#.mp4", "ü ?.mov"])
def test_file_names_are_no_protocols(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.chdir(tmp_path)
    write_video(Path(name))
    painted(Path(name), Path(f"out {name}"))
    assert len(decoded(Path(f"out {name}"))) == 10


def _move_header_to_start(path: Path) -> None:
    """As files on the web have it: half of the file can be played."""
    copy = path.with_stem("copy")
    with av.open(str(path)) as film, av.open(str(copy), "w", options={"movflags": "faststart"}) as made:
        stream = made.add_stream_from_template(film.streams.video[0])
        for packet in film.demux(video=0):
            if packet.size:
                packet.stream = stream
                made.mux(packet)
    copy.replace(path)
