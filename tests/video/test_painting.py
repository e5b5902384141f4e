"""Films that become paintings; what paints them here is a negative."""

from dataclasses import replace
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from PIL import Image, ImageChops

from nst import ImageError
from nst.video import MAX_ANIMATED, Unfinished, is_clip, open_clip, paint_clip, read_painted

from .files import full_disk, times, write_video

COUNT, RATE = 12, 6


def _pictures() -> list[Image.Image]:
    """A bright square that goes over grey."""
    made = []
    for number in range(COUNT):
        picture = Image.new("RGB", (97, 64), (90, 90, 90))
        picture.paste((240, 200, 40), (6 * number, 20, 6 * number + 20, 40))
        made.append(picture)
    return made


def _film(path: Path, sound: str = "") -> Path:
    """A film, with sound if a codec for it is named."""
    with av.open(str(path), "w") as film:
        stream = film.add_stream("mpeg4", rate=RATE)
        stream.width, stream.height, stream.pix_fmt = 96, 64, "yuv420p"
        heard = film.add_stream(sound, rate=8000) if sound else None
        for picture in _pictures():
            film.mux(stream.encode(av.VideoFrame.from_image(picture.crop((0, 0, 96, 64)))))
        film.mux(stream.encode(None))
        if heard:
            for number in range(16):
                tone = (9000 * np.sin(np.arange(1000) / 5)).astype(np.int16)[None]
                part = av.AudioFrame.from_ndarray(tone, format="s16", layout="mono")
                part.sample_rate, part.pts = 8000, 1000 * number
                film.mux(heard.encode(part))
            film.mux(heard.encode(None))
    return path


def _animation(path: Path) -> Path:
    first, *others = _pictures()
    first.save(path, save_all=True, append_images=others, duration=1000 // RATE)
    return path


def _decoded(path: Path) -> list[Image.Image]:
    with av.open(str(path)) as film:
        return [frame.to_image() for frame in film.decode(video=0)]


@pytest.mark.parametrize("sound", ["", "aac", "pcm_s16le"])
def test_a_film_keeps_its_pictures_time_and_sound(tmp_path: Path, sound: str) -> None:
    source = _film(tmp_path / "a.mkv", sound)
    assert is_clip(source)
    clip, out = open_clip(source), tmp_path / "out.mp4"
    assert abs(clip.pictures - COUNT) <= 1
    assert sorted({0, *paint_clip(clip, out, ImageChops.invert)}) == list(range(COUNT + 1))
    with av.open(str(out)) as film:
        assert film.streams.video[0].codec_context.name == "h264"
        assert abs(float(film.duration or 0) / av.time_base - COUNT / RATE) < 0.3
        assert [s.codec_context.name for s in film.streams.audio] == ["aac"] * bool(sound)
        if sound:
            heard = [f.to_ndarray() for f in film.decode(audio=0)]
            assert 1.8 < sum(x.shape[-1] for x in heard) / 8000 < 2.4
            assert max(np.abs(x).max() for x in heard) > 0.1
    [before, after] = [_decoded(path)[-1] for path in (source, out)]
    away = np.asarray(ImageChops.invert(before), dtype=float) - np.asarray(after, dtype=float)
    assert np.abs(away).mean() < 12
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]


@pytest.mark.parametrize("start", [".gif", ".webp"])
@pytest.mark.parametrize("end", [".gif", ".webp", ".mp4"])
def test_animations_become_animations_or_films(tmp_path: Path, start: str, end: str) -> None:
    source, out = _animation(tmp_path / f"a{start}"), tmp_path / f"out{end}"
    assert is_clip(source)
    assert list(paint_clip(open_clip(source), out, ImageChops.invert))[-1] == COUNT
    clip = open_clip(out)
    assert abs(float(clip.rate) - RATE) < 0.5
    if end == ".mp4":
        assert len(_decoded(out)) == COUNT
    else:
        assert clip.pictures == COUNT


def test_a_film_is_turned_as_the_camera_was(tmp_path: Path) -> None:
    source = _film(tmp_path / "a.mp4")
    data = bytearray(source.read_bytes())
    matrix = data.index(b"tkhd") + 44  # of the track's header: where its pixels are shown
    quarter = (0, 1 << 16, 0, -1 << 16, 0, 0, 0, 0, 1 << 30)
    data[matrix : matrix + 36] = b"".join(n.to_bytes(4, "big", signed=True) for n in quarter)
    source.write_bytes(data)
    list(paint_clip(open_clip(source), tmp_path / "out.mp4", ImageChops.invert))
    last = _decoded(tmp_path / "out.mp4")[-1]
    assert last.size == (64, 96)
    square = _pictures()[-1].crop((0, 0, 96, 64)).transpose(Image.Transpose.ROTATE_270)
    assert np.asarray(square)[76, 34].tolist() == [240, 200, 40]
    assert np.abs(np.asarray(last, dtype=int)[76, 34] - [15, 55, 215]).max() < 60


def test_what_is_painted_until_the_end_is_a_film(tmp_path: Path) -> None:
    out = tmp_path / "out.mp4"
    painted = paint_clip(open_clip(_film(tmp_path / "a.mp4")), out, ImageChops.invert)
    assert [next(painted) for _ in range(4)][-1] == 4
    painted.close()
    assert len(_decoded(out)) == 4


def test_a_file_that_is_no_film_is_reported(tmp_path: Path) -> None:
    text, empty, still = tmp_path / "a.mp4", tmp_path / "b.mp4", tmp_path / "c.gif"
    text.write_text("not a film")
    empty.write_bytes(b"")
    Image.new("RGB", (64, 64)).save(still)
    for path in (text, empty):
        with pytest.raises(ImageError, match="the film can't be read"):
            open_clip(path)
    assert not is_clip(still)
    with av.open(str(tmp_path / "sound.mp4"), "w") as film:
        film.add_stream("aac", rate=8000)
        film.start_encoding()
    with pytest.raises(ImageError, match="no pictures"):
        open_clip(tmp_path / "sound.mp4")


def test_a_long_film_is_no_animation(tmp_path: Path) -> None:
    clip = replace(open_clip(_film(tmp_path / "a.mp4")), pictures=MAX_ANIMATED + 1, seconds=60.0)
    with pytest.raises(ImageError, match=r"holds 600; end .* in .mp4"):
        list(paint_clip(clip, tmp_path / "out.gif", ImageChops.invert))
    assert not (tmp_path / "out.gif").exists()


def test_an_animation_ends_at_its_limit_whatever_the_header_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nst.video.painting.MAX_ANIMATED", 60)
    frames = [np.full((16, 16, 3), number % 251, np.uint8) for number in range(65)]
    clip = open_clip(write_video(tmp_path / "a.mkv", frames, rate=40))
    warnings: list[str] = []
    few = replace(clip, pictures=3, seconds=1.0)
    *_, done = paint_clip(few, tmp_path / "out.webp", lambda frame: frame, warnings.append)
    assert (done, warnings) == (60, ["an animation holds 60 pictures, and the rest of the film is left out"])


@pytest.mark.parametrize("name", ["keep.mp4", "keep.mkv", "keep.mov", "keep.gif", "keep.webp"])
def test_a_full_disk_leaves_the_existing_file(tmp_path: Path, name: str) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (30, 64, 96, 3), np.uint8)
    source, out = write_video(tmp_path / "a.avi", list(noise), codec="mjpeg", format="yuvj420p"), tmp_path / name
    out.write_bytes(b"as before")
    with full_disk(20_000), pytest.raises(ImageError, match="can't be written: the disk is full"):
        list(paint_clip(open_clip(source), out, lambda frame: frame))
    assert out.read_bytes() == b"as before"
    assert {path.name for path in tmp_path.iterdir()} == {"a.avi", name}


def test_a_stop_on_a_full_disk_leaves_the_existing_file(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (30, 64, 96, 3), np.uint8)
    source, out = (
        write_video(tmp_path / "a.avi", list(noise), codec="mjpeg", format="yuvj420p"),
        tmp_path / "keep.webp",
    )
    out.write_bytes(b"as before")
    counts = paint_clip(open_clip(source), out, lambda frame: frame)
    while next(counts) < 20:
        pass
    with full_disk(20_000), pytest.raises(ImageError, match="the disk is full"):
        counts.close()
    assert out.read_bytes() == b"as before"


@pytest.mark.parametrize("error", [MemoryError, RuntimeError, ValueError, cv2.error])
@pytest.mark.parametrize("name", ["out.mp4", "out.gif"])
def test_an_error_of_the_painter_keeps_the_frames_before_it(tmp_path: Path, error: type[Exception], name: str) -> None:
    painted = 0

    def paint(frame: Image.Image) -> Image.Image:
        nonlocal painted
        painted += 1
        if painted == 8:
            raise error("no room")
        return frame

    out = tmp_path / name
    with pytest.raises(error, match="no room"):
        list(paint_clip(open_clip(_film(tmp_path / "a.mp4")), out, paint))
    assert open_clip(out).pictures == 7
    painted, before = 7, out.read_bytes()
    with pytest.raises(error, match="no room"):
        list(paint_clip(open_clip(tmp_path / "a.mp4"), out, paint))
    assert out.read_bytes() == before


def test_a_missing_folder_is_reported(tmp_path: Path) -> None:
    clip = open_clip(_film(tmp_path / "a.mp4"))
    with pytest.raises(ImageError, match="can't be written"):
        list(paint_clip(clip, tmp_path / "gone" / "out.mp4", ImageChops.invert))


def test_an_error_of_the_painter_leaves_nothing(tmp_path: Path) -> None:
    """It is an error of the program, and not advice for a person."""

    def paint(frame: Image.Image) -> Image.Image:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        list(paint_clip(open_clip(_film(tmp_path / "a.mp4")), tmp_path / "out.mp4", paint))
    assert [path.name for path in tmp_path.iterdir()] == ["a.mp4"]


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv"])
@pytest.mark.parametrize("sound", ["", "aac", "pcm_s16le"])
def test_an_unfinished_film_is_continued(tmp_path: Path, suffix: str, sound: str) -> None:
    source = _film(tmp_path / ("a.mov" if sound == "pcm_s16le" else "a.mp4"), sound)
    out = tmp_path / f"out{suffix}"
    counts = paint_clip(open_clip(source), out, ImageChops.invert, comment="mine")
    while next(counts) < 5:
        pass
    counts.close()
    frames, last = read_painted(out, "mine")
    before = _decoded(out)
    assert frames == len(before) == 5
    continued = []
    unfinished = Unfinished(out, frames, last, lambda frame, painted: continued.append((frame, painted)))
    painted = []

    def paint(frame: Image.Image) -> Image.Image:
        painted.append(frame)
        return ImageChops.invert(frame)

    assert list(paint_clip(open_clip(source), out, paint, comment="mine", unfinished=unfinished))[-1] == COUNT
    assert len(painted) == COUNT - 5
    [(frame, image)] = continued
    assert np.abs(255 - np.asarray(frame, dtype=float) - np.asarray(image)).mean() < 12
    after = _decoded(out)
    assert len(after) == COUNT
    assert after[:5] == before
    list(paint_clip(open_clip(source), tmp_path / f"whole{suffix}", ImageChops.invert))
    assert times(out) == times(tmp_path / f"whole{suffix}")
    assert read_painted(out, "mine")[0] == COUNT


def test_an_interruption_while_frames_are_copied_changes_nothing(tmp_path: Path) -> None:
    source, out = _film(tmp_path / "a.mp4"), tmp_path / "out.mp4"
    counts = paint_clip(open_clip(source), out, ImageChops.invert, comment="mine")
    while next(counts) < 5:
        pass
    counts.close()
    data = out.read_bytes()
    unfinished = Unfinished(out, *read_painted(out, "mine"), lambda frame, painted: None)
    counts = paint_clip(open_clip(source), out, ImageChops.invert, unfinished=unfinished)
    while next(counts) < 3:
        pass
    counts.close()
    assert out.read_bytes() == data


def test_a_film_of_others_is_not_continued(tmp_path: Path) -> None:
    out = tmp_path / "out.mp4"
    list(paint_clip(open_clip(_film(tmp_path / "a.mp4")), out, ImageChops.invert, comment="mine"))
    for comment in ("", "other"):
        with pytest.raises(ImageError, match="leave --resume out"):
            read_painted(out, comment)
    (tmp_path / "text.mp4").write_text("no film")
    with pytest.raises(ImageError, match="can't be read"):
        read_painted(tmp_path / "text.mp4", "mine")
