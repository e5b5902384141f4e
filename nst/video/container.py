"""Reads videos with FFmpeg: frames and audio packets in their order."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any

import av
from av.error import FFmpegError

from nst.images import ImageError
from nst.video.frames import Converter, TimedFrame

CONTAINERS = "mov,mp4,matroska,webm,avi,mpeg,mpegts,ogg,flv,asf"
"""Formats that are read, as FFmpeg names them; others, such as playlists, refer to other files."""

_BROADCAST = {"mpeg", "mpegts"}  # formats whose timestamps may jump
_JUMP = 10  # seconds between two frames that are a jump there


@contextmanager
def open_container(path: Path, max_pixels: int) -> Iterator[Any]:
    """The open file, whose frames of more than `max_pixels` will not be decoded; ImageError if it can't be read."""
    # Without its decoders FFmpeg learns all about the frames from headers, and decodes none of unknown size.
    options = {"format_whitelist": CONTAINERS, "protocol_whitelist": "file", "codec_whitelist": _audio_decoders()}
    with readable():
        film: Any = av.open(f"file:{path}", options=options)
    with film:
        stream = film.streams.best("video")
        if stream is None or stream.codec_context is None:
            raise ImageError("the film has no pictures that can be read; save it as MP4 and try again")
        stream.codec_context.options = {"max_pixels": str(max_pixels)}
        yield film


def audio_track(film: Any) -> Any:
    """The audio that is kept, or None."""
    track = film.streams.best("audio")
    return track if track and track.codec_context else None


@cache
def _audio_decoders() -> str:
    """The names of FFmpeg's decoders for audio, as an option takes them."""
    names = []
    for name in av.codecs_available:
        with suppress(ValueError):  # only an encoder has this name
            names += [name] * (av.Codec(name, "r").type == "audio")
    return ",".join(names)


@contextmanager
def readable() -> Iterator[None]:
    """Turns FFmpeg's errors into ImageErrors."""
    try:
        yield
    except FFmpegError as error:
        message = f"the film can't be read ({error.strerror}); save it as MP4 and try again"
        raise ImageError(message) from None


def read_parts(film: Any, rate: Fraction, max_seconds: float, warn: Callable[[str], None]) -> Iterator[Any]:
    """Frames (TimedFrame) and packets of the audio; None for a packet that brings neither.

    Times count from the earliest of both. Damaged packets are left out, and `warn` receives their number at the end.
    """
    video = film.streams.best("video")
    streams = [stream for stream in (video, audio_track(film)) if stream]
    clocks = {stream.index: _Clock(film, stream) for stream in streams}
    clock, converter, damaged = clocks[video.index], Converter(), 0
    for packet in _packets(film, streams, warn):
        if packet.stream.type == "audio":
            yield _timed(packet, clocks[packet.stream.index]) if packet.size and packet.dts is not None else None
            continue
        try:
            # An empty packet repeats the frame before; only the last one, which has no time, is decoded.
            frames = packet.decode() if packet.size or packet.dts is None else []
            for frame in frames:
                duration = frame.duration or max(1, round(1 / rate / clock.base))
                time = clock.time(frame.pts, duration)
                if time * clock.base > max_seconds:
                    warn(f"the film is longer than its header says, and ends after {max_seconds:g} seconds")
                    return
                aspect = video.sample_aspect_ratio or video.codec_context.sample_aspect_ratio
                yield TimedFrame(converter.image(frame, aspect), time, duration, clock.base)
        except FFmpegError:
            frames, damaged = [], damaged + 1
        if not frames:
            yield None
    if damaged:
        warn(f"{damaged} damaged parts of the film are left out")


def _packets(film: Any, streams: list[Any], warn: Callable[[str], None]) -> Iterator[Any]:
    """All packets of these streams; an error ends them early."""
    packets = film.demux(*streams)
    while True:
        try:
            packet = next(packets, None)
        except FFmpegError as error:
            warn(f"the film can't be read to its end ({error.strerror})")
            return
        if packet is None:
            return
        yield packet


def _timed(packet: Any, clock: "_Clock") -> Any:
    packet.dts = packet.pts = clock.time(packet.dts, packet.duration or 1)
    return packet


class _Clock:
    """The times of one stream, from the start of the video, increasing and without jumps."""

    def __init__(self, film: Any, stream: Any) -> None:
        self.base: Fraction = stream.time_base
        self._start = round(Fraction(film.start_time or 0, av.time_base) / self.base)
        self._longest = _JUMP if film.format.name in _BROADCAST else float("inf")
        self._last: int | None = None
        self._next = 0  # when the next frame is due

    def time(self, stamp: int | None, duration: int) -> int:
        """The time of a frame or packet with this timestamp and duration, in units of `base` seconds."""
        time = self._next if stamp is None else stamp - self._start
        if self._last is not None:
            gap = (time - self._next) * self.base
            if gap > self._longest or gap < -_JUMP:
                self._start += time - self._next
                time = self._next
            time = max(time, self._last + 1)
        self._last, self._next = time, time + duration
        return time
