"""Video files for tests, and what other programs see in them."""

import io
import resource
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from nst.video import open_clip, paint_clip

Pixels = NDArray[np.uint8]


def ramp(number: int, size: tuple[int, int] = (96, 64)) -> Pixels:
    """A picture whose red grows to the right, whose green grows downwards, and whose blue is its number."""
    width, height = size
    pixels = np.zeros((height, width, 3), np.uint8)
    pixels[..., 0] = np.linspace(40, 210, width)
    pixels[..., 1] = np.linspace(40, 210, height)[:, None]
    pixels[..., 2] = 20 * number % 200
    return pixels


def write_video(
    path: Path,
    frames: Iterable[Any] = (),
    times: Sequence[Fraction] = (),
    codec: str = "mpeg4",
    format: str = "yuv420p",
    rate: int = 10,
    audio: tuple[str, int] | None = None,
    audio_start: Fraction | None = None,
    **context: Any,
) -> Path:
    """A video of arrays or frames, `rate` a second or at these times in seconds, with a tone of one second.

    `audio` is a codec and its sample rate, `audio_start` its time if it is not that of the first frame; `context` are
    attributes of the codec context.
    """
    frames = list(frames) or [ramp(number) for number in range(10)]
    times = times or [Fraction(number, rate) for number in range(len(frames))]
    with av.open(f"file:{path}", "w") as film:
        stream: Any = film.add_stream(codec, rate=rate, options={"qp": "0"} if codec == "libx264" else {})
        first = frames[0]
        height, width = first.shape[:2] if isinstance(first, np.ndarray) else (first.height, first.width)
        stream.width, stream.height, stream.pix_fmt = width, height, format
        base = {"mpeg4": Fraction(1, 1000), "mpeg2video": Fraction(1, rate), "mjpeg": Fraction(1, rate)}.get(
            codec, Fraction(1, 90_000)
        )
        stream.codec_context.time_base = base
        for name, value in context.items():
            setattr(stream.codec_context, name, value)
        tone: Any = film.add_stream(audio[0], rate=audio[1], layout="mono") if audio else None
        for number, (frame, time) in enumerate(zip(frames, times, strict=True)):
            if isinstance(frame, np.ndarray):
                kind = "rgba" if frame.shape[2] == 4 else "rgb24"
                frame = av.VideoFrame.from_ndarray(frame, format=kind)
            frame.pts, frame.time_base = round(time / base), base
            film.mux(stream.encode(frame))
            if audio and number == 0:
                _write_tone(film, tone, audio[1], times[0] if audio_start is None else audio_start)
        film.mux(stream.encode(None))
        if audio:
            film.mux(tone.encode(None))
    return path


def jpeg(pixels: Pixels) -> bytes:
    """The pixels as a JPEG."""
    data = io.BytesIO()
    Image.fromarray(pixels).save(data, "JPEG")
    return data.getvalue()


def write_jpegs(path: Path, frames: Sequence[bytes]) -> Path:
    """A video of JPEGs, ten a second, each of its own size; the header says 96 x 64."""
    with av.open(str(path), "w") as film:
        stream: Any = film.add_stream("mjpeg", rate=10)
        stream.width, stream.height, stream.pix_fmt = 96, 64, "yuvj420p"
        stream.time_base = Fraction(1, 10)
        for number, frame in enumerate(frames):
            packet = av.Packet(frame)
            packet.stream, packet.time_base, packet.is_keyframe = stream, Fraction(1, 10), True
            packet.pts = packet.dts = number
            packet.duration = 1
            film.mux(packet)
    return path


def damage(path: Path) -> Path:
    """Destroy the fourth and the fifth picture of a video of PNGs."""
    data = bytearray(path.read_bytes())
    pictures = [place for place in range(len(data)) if data[place : place + 8] == b"\x89PNG\r\n\x1a\n"]
    for place in pictures[3:5]:
        data[place : place + 24] = b"\x55" * 24
    path.write_bytes(data)
    return path


def grow(jpeg: bytes, width: int, height: int) -> bytes:
    """A JPEG whose header says that it is larger."""
    place = jpeg.index(b"\xff\xc0") + 5
    return jpeg[:place] + height.to_bytes(2) + width.to_bytes(2) + jpeg[place + 4 :]


def _write_tone(film: Any, stream: Any, rate: int, start: Fraction) -> None:
    for begin in range(0, rate, rate // 8):
        wave = (9000 * np.sin(np.arange(begin, begin + rate // 8) * 2 * np.pi * 440 / rate)).astype(np.int16)
        frame = av.AudioFrame.from_ndarray(wave[None], format="s16", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = rate, begin + round(start * rate), Fraction(1, rate)
        film.mux(stream.encode(frame))


def painted(source: Path, out: Path, **limits: Any) -> list[str]:
    """Paint a video without changing its frames; the warnings."""
    warnings: list[str] = []
    for _ in paint_clip(open_clip(source, **limits), out, lambda frame: frame, warnings.append):
        pass
    return warnings


def decoded(path: Path) -> list[Pixels]:
    """The frames of a video as RGB, by the matrix that the file names."""
    with av.open(f"file:{path}") as film:
        return [frame.to_ndarray(format="rgb24") for frame in film.decode(video=0)]


def times(path: Path) -> tuple[list[float], float]:
    """When the frames of a video begin, and when the last one ends, in seconds."""
    with av.open(f"file:{path}") as film:
        packets = [packet for packet in film.demux(video=0) if packet.size]
        shown = sorted((float(p.pts * p.time_base), float((p.duration or 0) * p.time_base)) for p in packets)
    return [begin for begin, _ in shown], sum(shown[-1])


def write_animation(path: Path, delays: Sequence[int], **options: Any) -> Path:
    """A GIF or a WebP with these delays in milliseconds; all frames differ."""
    first, *others = [Image.fromarray(ramp(number)) for number in range(len(delays))]
    first.save(path, save_all=True, append_images=others, duration=list(delays), **options)
    return path


def delays(path: Path) -> list[int]:
    """The delays of an animation in milliseconds, as Pillow decodes them."""
    found = []
    with Image.open(path) as animation:
        for number in range(animation.n_frames):
            animation.seek(number)
            animation.load()
            found.append(round(animation.info["duration"]))
    return found


@contextmanager
def full_disk(size: int) -> Iterator[None]:
    """A context in which no file may grow beyond so many bytes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
