"""Paints a video frame by frame: H.264 with its audio, GIF or animated WebP."""

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

FILMS = (".mp4", ".mov", ".mkv")  # suffixes of videos with audio

ANIMATIONS = (".gif", ".webp")
MAX_ANIMATED = 600  # frames of an animation, which is encoded from memory

Paint = Callable[[Image.Image], Image.Image]  # an RGB frame -> the painted frame; all painted frames have one size

STEADY, STILL = 0.75, 8.0
"""Weight of the previous painted frame where the video does not change, and the change (in levels of 255) at which the
weight has fallen to 1/e."""

CONTAINERS = "mov,mp4,matroska,webm,avi,mpeg,mpegts,ogg,flv,asf"
"""Formats that are read, as FFmpeg names them; others, such as playlists, refer to other files."""

_COPIED_CODECS = {"aac", "mp3", "ac3", "eac3", "alac"}


@dataclass(frozen=True)
class Clip:
    """A video file: frames per second, number of frames as its header says, width and height."""

    path: Path
    rate: Fraction
    pictures: int
    size: tuple[int, int] = (0, 0)

    @property
    def seconds(self) -> float:
        """Its length, as the header says."""
        return float(self.pictures / self.rate)


def is_clip(path: str | os.PathLike[str]) -> bool:
    """Whether a file is a video, by its suffix; GIF and WebP count if they have several frames."""
    end = Path(path).suffix.lower()
    if end not in ANIMATIONS:
        return end in (*FILMS, ".webm", ".avi", ".m4v", ".mpg", ".mpeg", ".ogv", ".3gp")
    with suppress(ImageError), open_checked(os.fspath(path)) as picture:
        return getattr(picture, "n_frames", 1) > 1
    return False


def open_clip(path: str | os.PathLike[str]) -> Clip:
    """The video in a file; ImageError if it can't be read."""
    path = Path(path)
    if path.suffix.lower() in ANIMATIONS:
        with open_checked(path, "the film") as picture:
            picture.load()  # a WebP's duration is unknown before
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
    """Paint a video into the file `out`, and yield how many frames are done.

    Static areas stay static. If the generator is closed, the frames so far are a complete file. Raises ImageError.
    """
    out, done = Path(os.path.realpath(out)), 0  # a link stays a link
    if out.suffix.lower() in ANIMATIONS and clip.pictures > MAX_ANIMATED:
        raise ImageError(
            f"the film has {clip.pictures} pictures, and an animation holds {MAX_ANIMATED}; end {str(out)!r} in .mp4"
        )
    temporary = out.with_name(f".{secrets.token_hex(6)}{out.suffix}")
    try:
        write = _write_animation if out.suffix.lower() in ANIMATIONS else _write_film
        with closing(write(clip, temporary, stabilised(paint))) as counts:
            for done in counts:
                yield done
    except OSError as error:  # FFmpeg's own among them
        raise ImageError(f"{str(out)!r} can't be written: {error.strerror}") from None
    finally:
        if done and temporary.exists():
            temporary.replace(out)
        temporary.unlink(missing_ok=True)


def stabilised(paint: Paint) -> Paint:
    """`paint` for consecutive frames: areas without motion keep their strokes.

    Frames are painted independently, so that noise alone would make the strokes flicker.
    """
    before: tuple[NDArray[np.float32], NDArray[np.float32]] | None = None

    def paint_next(picture: Image.Image) -> Image.Image:
        nonlocal before
        painted = np.asarray(paint(picture), dtype=np.float32)
        small = picture.resize((painted.shape[1], painted.shape[0]))
        grey = np.asarray(small.convert("L").filter(ImageFilter.BoxBlur(2)), dtype=np.float32)
        if before:
            grey_before, painted_before = before
            held = STEADY * np.exp(-np.abs(grey - grey_before) / STILL)[:, :, None]
            painted = painted + held * (painted_before - painted)
        before = grey, painted
        return Image.fromarray(painted.round().astype(np.uint8))

    return paint_next


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
            durations = [after - time for time, after in pairwise(times)]
            durations.append(round(1000 / clip.rate))
            how: dict[str, Any] = {"duration": durations, "loop": 0, "quality": 80}
            painted[0].save(out, save_all=True, append_images=painted[1:], **how)
    _check_any(len(painted))


def _write_film(clip: Clip, out: Path, paint: Paint) -> Generator[int, None, None]:
    done = 0
    early: list[Any] = []
    with _reading(clip) as film, av.open(str(out), "w") as made:
        options = {"crf": "20", "preset": "veryfast"}
        video: Any = made.add_stream("libx264", rate=clip.rate, options=options)
        write_audio = _audio_writer(film, made)
        try:
            for part in _parts(clip, film):
                if isinstance(part, _Picture):
                    made.mux(video.encode(_frame(part, paint, video, first=not done)))
                    done += 1
                    yield done
                elif done:  # the file begins when the frame size is known
                    for packet in (*early, part):
                        write_audio(packet)
                    early.clear()
                else:
                    early.append(part)
        finally:
            if done:
                made.mux(video.encode(None))
                write_audio(None)
    _check_any(done)


def _frame(part: "_Picture", paint: Paint, video: Any, first: bool) -> av.VideoFrame:
    """A painted frame for the encoder; the first one sets its size."""
    pixels = np.asarray(paint(part.image))
    height, width = (side // 2 * 2 for side in pixels.shape[:2])  # H.264 subsamples colours 2 x 2
    if first:
        video.width, video.height, video.pix_fmt = width, height, "yuv420p"
        video.codec_context.time_base = part.base
    frame = av.VideoFrame.from_ndarray(pixels[:height, :width], format="rgb24")
    frame.pts, frame.time_base = part.time, part.base
    return frame


def _audio_writer(film: Any, made: Any) -> Callable[[Any], None]:
    """A function that writes packets of the first audio track; call it with None at the end.

    A codec that MP4 does not support is converted to AAC.
    """
    if film is None or not film.streams.audio:
        return lambda packet: None
    track = film.streams.audio[0]
    if track.codec_context.name in _COPIED_CODECS:
        copied = made.add_stream_from_template(track)

        def copy(packet: Any) -> None:
            if packet is not None and packet.dts is not None:
                packet.stream = copied
                made.mux(packet)

        return copy
    coded = made.add_stream("aac", rate=track.codec_context.sample_rate)

    def code(packet: Any) -> None:
        for frame in [None] if packet is None else packet.decode():
            made.mux(coded.encode(frame))

    return code


@dataclass(frozen=True)
class _Picture:
    """An RGB frame and its timestamp, in units of `base` seconds."""

    image: Image.Image
    time: int
    base: Fraction


def _parts(clip: Clip, film: Any) -> Iterator[Any]:
    """The frames of a video and the packets of its audio, in their order."""
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
    """The open video, or None for an animation; ImageError if the file can't be read."""
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
    """Turns FFmpeg's errors into ImageErrors."""
    try:
        yield
    except FFmpegError as error:
        message = f"the film can't be read ({error.strerror}); save it as MP4 and try again"
        raise ImageError(message) from None


def _check_any(pictures: int) -> None:
    if not pictures:
        raise ImageError("the film holds no pictures; export it once more and try again")
