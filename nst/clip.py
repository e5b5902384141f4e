"""A film, painted picture by picture: H.264 with its sound, GIF or animated WebP."""

import os
import secrets
from collections.abc import Callable, Generator, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from fractions import Fraction
from itertools import count, pairwise
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.error import FFmpegError
from numpy.typing import NDArray
from PIL import Image, ImageFilter, ImageSequence

from nst.images import ImageError, check_plain, open_checked

FILMS = (".mp4", ".mov", ".mkv")
"""Ends of names of films with sound."""

ANIMATIONS = (".gif", ".webp")
MAX_ANIMATED = 600
"""Pictures of an animation, which is made when all of them are there."""

Paint = Callable[[Image.Image], Image.Image]
"""A picture, RGB -> the same, painted; all come out in the same size."""

STEADY, STILL = 0.75, 8.0
"""What did not change in the film keeps so much of how it was painted before; that fades over so
many of 255 levels of change."""

CONTAINERS = "mov,mp4,matroska,webm,avi,mpeg,mpegts,ogg,flv,asf"
"""Formats that are read, as FFmpeg names them; others, such as playlists, name further files."""

_SOUND_AS_IT_IS = {"aac", "mp3", "ac3", "eac3", "alac"}


@dataclass(frozen=True)
class Clip:
    """A film on disk: its pictures in a second, how many there are, as far as it tells, and their
    width and height."""

    path: Path
    rate: Fraction
    pictures: int
    size: tuple[int, int] = (0, 0)

    @property
    def seconds(self) -> float:
        """How long it is, as far as it tells."""
        return float(self.pictures / self.rate)


def is_clip(path: str | os.PathLike[str]) -> bool:
    """Whether a file is a film, by the end of its name, or by what it holds where that is open."""
    end = Path(path).suffix.lower()
    if end not in ANIMATIONS:
        return end in (*FILMS, ".webm", ".avi", ".m4v", ".mpg", ".mpeg", ".ogv", ".3gp")
    with suppress(ImageError), open_checked(os.fspath(path)) as picture:
        return getattr(picture, "n_frames", 1) > 1
    return False


def open_clip(path: str | os.PathLike[str]) -> Clip:
    """What a film says of itself; ImageError if it is none."""
    path = Path(path)
    if path.suffix.lower() in ANIMATIONS:
        with open_checked(path, "the film") as picture:
            picture.load()  # before, a WebP doesn't tell its duration
            milliseconds = picture.info.get("duration") or 100
            rate = Fraction(1000, max(20, round(milliseconds)))
            return Clip(path, rate, getattr(picture, "n_frames", 1), picture.size)
    check_plain(path, "the film")
    with _reading(Clip(path, Fraction(1), 0)) as film:
        stream = film.streams.video[0]
        rate = stream.average_rate or Fraction(25)
        length = film.duration / av.time_base if film.duration else 0
        pictures = stream.frames or round(length * rate)
        return Clip(path, rate, pictures, (stream.width, stream.height))


def paint_clip(clip: Clip, out: str | os.PathLike[str], paint: Paint) -> Generator[int, None, None]:
    """Paint a film's pictures into the file `out`, and yield how many are done.

    What stands still in the film stands still in its painting. If the generator is closed, what
    has been painted until then is a whole film. Raises ImageError.
    """
    out, done = Path(os.path.realpath(out)), 0  # a link stays a link
    if out.suffix.lower() in ANIMATIONS and clip.pictures > MAX_ANIMATED:
        raise ImageError(
            f"the film has {clip.pictures} pictures, and an animation holds {MAX_ANIMATED}; "
            f"end {str(out)!r} in .mp4"
        )
    beside = out.with_name(f".{secrets.token_hex(6)}{out.suffix}")
    try:
        write = _write_animation if out.suffix.lower() in ANIMATIONS else _write_film
        with closing(write(clip, beside, steadied(paint))) as counts:
            for done in counts:
                yield done
    except OSError as error:  # FFmpeg's own among them
        raise ImageError(f"{str(out)!r} can't be written: {error.strerror}") from None
    finally:
        if done and beside.exists():
            beside.replace(out)
        beside.unlink(missing_ok=True)


def steadied(paint: Paint) -> Paint:
    """The same painter for the pictures of a film in turn, with what does not move held still.

    Each picture is painted by itself, and small changes, noise above all, would make strokes jump.
    """
    before: tuple[NDArray[np.float32], NDArray[np.float32]] | None = None

    def next_one(picture: Image.Image) -> Image.Image:
        nonlocal before
        painted = np.asarray(paint(picture), dtype=np.float32)
        small = picture.resize((painted.shape[1], painted.shape[0]))
        seen = np.asarray(small.convert("L").filter(ImageFilter.BoxBlur(2)), dtype=np.float32)
        if before:
            seen_before, painted_before = before
            held = STEADY * np.exp(-np.abs(seen - seen_before) / STILL)[:, :, None]
            painted = painted + held * (painted_before - painted)
        before = seen, painted
        return Image.fromarray(painted.round().astype(np.uint8))

    return next_one


def _write_animation(clip: Clip, out: Path, paint: Paint) -> Generator[int, None, None]:
    painted: list[Image.Image] = []
    times: list[int] = []
    try:
        with _reading(clip) as film:
            for part in _parts(clip, film):
                if isinstance(part, _Picture):
                    painted.append(paint(part.image))
                    times.append(round(1000 * part.time * part.base))
                    yield len(painted)
    finally:
        if painted:
            shown = [after - time for time, after in pairwise(times)]
            shown.append(round(1000 / clip.rate))
            how: dict[str, Any] = {"duration": shown, "loop": 0, "quality": 80}
            painted[0].save(out, save_all=True, append_images=painted[1:], **how)
    _check_any(len(painted))


def _write_film(clip: Clip, out: Path, paint: Paint) -> Generator[int, None, None]:
    done = 0
    early: list[Any] = []
    with _reading(clip) as film, av.open(str(out), "w") as made:
        options = {"crf": "20", "preset": "veryfast"}
        video: Any = made.add_stream("libx264", rate=clip.rate, options=options)
        put_sound = _sound(film, made)
        try:
            for part in _parts(clip, film):
                if isinstance(part, _Picture):
                    made.mux(video.encode(_frame(part, paint, video, first=not done)))
                    done += 1
                    yield done
                elif done:  # the file begins once the pictures' size is known
                    for packet in (*early, part):
                        put_sound(packet)
                    early.clear()
                else:
                    early.append(part)
        finally:
            if done:
                made.mux(video.encode(None))
                put_sound(None)
    _check_any(done)


def _frame(part: "_Picture", paint: Paint, video: Any, first: bool) -> av.VideoFrame:
    """A painted picture as the encoder takes it, which the first one tells its size."""
    pixels = np.asarray(paint(part.image))
    height, width = (side // 2 * 2 for side in pixels.shape[:2])  # H.264's colours are 2 x 2
    if first:
        video.width, video.height, video.pix_fmt = width, height, "yuv420p"
        video.codec_context.time_base = part.base
    frame = av.VideoFrame.from_ndarray(pixels[:height, :width], format="rgb24")
    frame.pts, frame.time_base = part.time, part.base
    return frame


def _sound(film: Any, made: Any) -> Callable[[Any], None]:
    """What puts packets of the film's first sound into another film, and None at the end.

    What an MP4 can't hold as it is becomes AAC.
    """
    if film is None or not film.streams.audio:
        return lambda packet: None
    heard = film.streams.audio[0]
    if heard.codec_context.name in _SOUND_AS_IT_IS:
        copied = made.add_stream_from_template(heard)

        def copy(packet: Any) -> None:
            if packet is not None and packet.dts is not None:
                packet.stream = copied
                made.mux(packet)

        return copy
    coded = made.add_stream("aac", rate=heard.codec_context.sample_rate)

    def code(packet: Any) -> None:
        for frame in [None] if packet is None else packet.decode():
            made.mux(coded.encode(frame))

    return code


@dataclass(frozen=True)
class _Picture:
    """RGB, and when it is shown, in units of `base` seconds."""

    image: Image.Image
    time: int
    base: Fraction


def _parts(clip: Clip, film: Any) -> Iterator[Any]:
    """The pictures of a film and the packets of its sound, in their order."""
    if film is None:
        with open_checked(clip.path, "the film") as animation:
            milliseconds = 0
            for frame in ImageSequence.Iterator(animation):
                yield _Picture(frame.convert("RGB"), milliseconds, Fraction(1, 1000))
                milliseconds += frame.info.get("duration") or 100
        return
    with _readable():
        numbers = count()
        for packet in film.demux(film.streams.video[0], *film.streams.audio[:1]):
            if packet.stream.type == "audio":
                yield packet
                continue
            for frame in packet.decode():
                image = frame.to_image()
                if frame.rotation:
                    image = image.rotate(frame.rotation, expand=True)
                time = round(next(numbers) / clip.rate / frame.time_base)
                yield _Picture(image, time if frame.pts is None else frame.pts, frame.time_base)


@contextmanager
def _reading(clip: Clip) -> Iterator[Any]:
    """The film, open, or None of an animation; what is wrong with the file is an ImageError."""
    if clip.path.suffix.lower() in ANIMATIONS:
        yield None
        return
    with _readable():
        options = {"format_whitelist": CONTAINERS, "protocol_whitelist": "file"}
        film = av.open(str(clip.path), options=options)
    with film:
        if not film.streams.video:
            raise ImageError("the film has sound and no pictures; choose another")
        yield film


@contextmanager
def _readable() -> Iterator[None]:
    """What is wrong with a film is told as an ImageError."""
    try:
        yield
    except FFmpegError as error:
        told = f"the film can't be read ({error.strerror}); save it as MP4 and try again"
        raise ImageError(told) from None


def _check_any(pictures: int) -> None:
    if not pictures:
        raise ImageError("the film holds no pictures; export it once more and try again")
