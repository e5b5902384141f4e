"""Reads videos with FFmpeg: frames and audio packets in their order."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from fractions import Fraction
from functools import cache
from itertools import chain, islice
from pathlib import Path
from typing import Any

import av
from av.error import FFmpegError

from nst.images import ImageError
from nst.video.frames import Converter, TimedFrame
from nst.video.timeline import Timeline, end_time, start_time

CONTAINERS = "mov,mp4,matroska,webm,avi,mpeg,mpegts,ogg,flv,asf"
"""Formats that are read, as FFmpeg names them; others, such as playlists, refer to other files."""

_FIRST = 8  # packets from which the start of a video is determined
_MISSING = Fraction(1, 4)  # seconds that a header may promise too much


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


def header_duration(film: Any) -> Fraction:
    """The seconds of an open file by its header, or 0. It reads the first packets."""
    with readable():
        start = start_time(film, list(islice(film.demux(film.streams.best("video")), _FIRST)))
    return max(Fraction(), end_time(film, _streams(film)) - start)


def _streams(film: Any) -> list[Any]:
    """The video, and the audio that is kept."""
    return [stream for stream in (film.streams.best("video"), audio_track(film)) if stream]


def read_parts(film: Any, rate: Fraction, max_seconds: float, warn: Callable[[str], None]) -> Iterator[Any]:
    """Frames (TimedFrame) and packets of the audio; None for a packet that brings neither.

    Times count from the earliest of both. Damaged packets are left out. At the end `warn` receives their number, and
    a message if the video breaks off.
    """
    video = film.streams.best("video")
    packets = _packets(film, _streams(film), warn)
    first = list(islice(packets, _FIRST))
    start = start_time(film, first)
    packets = chain(first, packets)
    del first  # they may be large
    timeline, converter, damaged = Timeline(film, start, rate), Converter(), 0
    for packet in packets:
        timeline.move(packet)
        if packet.stream.type == "audio":
            yield _timed(packet, timeline) if packet.size and packet.dts is not None else None
            continue
        try:
            # An empty packet repeats the frame before; only the last one, which has no time, is decoded.
            frames = packet.decode() if packet.size or packet.dts is None else []
            for frame in frames:
                duration = frame.duration or max(1, round(1 / rate / video.time_base))
                time = timeline.increasing(video, frame.pts, duration)
                if time * video.time_base > max_seconds:
                    warn(f"the film is longer than its header says, and ends after {max_seconds:g} seconds")
                    return
                aspect = video.sample_aspect_ratio or video.codec_context.sample_aspect_ratio
                yield TimedFrame(converter.image(frame, aspect), time, duration, video.time_base)
        except FFmpegError:
            frames, damaged = [], damaged + 1
        if not frames:
            yield None
    if damaged:
        warn(f"{damaged} damaged parts of the film are left out")
    end = Fraction() if timeline.may_jump else end_time(film, _streams(film)) - start
    if timeline.end < end - _MISSING - 2 / rate:
        warn(
            f"the film breaks off after {float(timeline.end):.1f} of {float(end):.1f} seconds; "
            "copy or download it once more to paint the rest"
        )


def _packets(film: Any, streams: list[Any], warn: Callable[[str], None]) -> Iterator[Any]:
    """All packets of these streams; an error ends them early."""
    try:
        yield from film.demux(*streams)
    except FFmpegError as error:
        warn(f"the film can't be read to its end ({error.strerror})")


def _timed(packet: Any, timeline: Timeline) -> Any:
    packet.dts = packet.pts = timeline.increasing(packet.stream, packet.dts, packet.duration or 1)
    return packet
