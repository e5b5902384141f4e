"""Writes H.264 with AAC, as every browser plays it."""

import sys
from collections import deque
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.bitstream import BitStreamFilterContext
from av.error import FFmpegError
from av.video.reformatter import ColorPrimaries, ColorRange, Colorspace, ColorTrc

from nst.images import ImageError
from nst.video.container import audio_track
from nst.video.frames import TimedFrame

_COPIED = {"aac": 0, "mp3": 16_000, "ac3": 0, "eac3": 0, "alac": 0}
"""Codecs of audio that MP4 holds, with the lowest sample rates in Hz."""

_AAC_RATES = (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000)  # Hz
_LAYOUTS = {1: "mono", 6: "5.1"}  # number of channels -> layout; others become stereo

_GAP = 0.05  # seconds between two frames of audio that are an error of their timestamps
_MAX_EARLY = 1000  # packets of audio before the first frame that are kept


class FilmWriter:
    """A video file that is being written; FFmpegErrors and OSErrors are of writing."""

    def __init__(
        self, file: Path, rate: Fraction, film: Any = None, comment: str = "", copied: Path | None = None
    ) -> None:
        """`film` is the open container with the audio, `copied` a file whose frames `copy` takes, if there are any."""
        self._made = av.open(f"file:{file}", "w")
        if comment:
            self._made.metadata["comment"] = comment
        self._copied: Any = av.open(f"file:{copied}") if copied else None
        self._packets: Iterator[Any] = iter(())
        # MP4 stores when frames are decoded: without B-frames that is when they are shown, to the end of the last one.
        options = {"crf": "20", "preset": "veryfast", "bf": "0"}
        rate = rate.limit_denominator(100_000)
        self._video: Any = self._made.add_stream("libx264", rate=rate, options=options)
        self._write_audio = _audio_writer(audio_track(film) if film else None, self._made)
        self._early: deque[Any] = deque(maxlen=_MAX_EARLY)
        self._opened = self._begun = False
        self._durations: dict[int, int] = {}  # of the frames in the encoder, by their times

    def wants(self, frame: TimedFrame) -> bool:
        """Whether the frame will be written."""
        return True

    def add(self, frame: TimedFrame) -> None:
        """A painted frame; the first one sets the size of all."""
        pixels = np.asarray(frame.image)
        height, width = (side // 2 * 2 for side in pixels.shape[:2])  # H.264 subsamples colours 2 x 2
        if not self._opened:
            self._open(width, height, frame.base)
        encoded = av.VideoFrame.from_ndarray(np.ascontiguousarray(pixels[:height, :width]), format="rgb24").reformat(
            format="yuv420p", dst_colorspace=Colorspace.ITU709, dst_color_range=ColorRange.MPEG
        )
        encoded.pts, encoded.time_base = frame.time, frame.base
        self._durations[frame.time] = frame.duration
        self._mux(self._video.encode(encoded))
        self._begin_audio()

    def copy(self, frame: TimedFrame, size: tuple[int, int]) -> None:
        """The next frame of the copied file, of this width and height, at the time of `frame`."""
        if not self._opened:
            self._open(*size, frame.base)
            self._video.codec_context.open()
            stream = self._copied.streams.video[0]
            if not _same_headers(self._video.codec_context.extradata, stream.codec_context.extradata):
                raise ImageError("the film was begun by another version of nst; leave --resume out to paint anew")
            # The writer expects packets as the encoder makes them.
            convert = BitStreamFilterContext("h264_mp4toannexb", stream).filter
            self._packets = (part for packet in self._copied.demux(stream) if packet.size for part in convert(packet))
        packet = next(self._packets)
        packet.stream, packet.time_base = self._video, frame.base
        packet.pts = packet.dts = frame.time
        packet.duration = frame.duration
        self._made.mux(packet)
        self._begin_audio()

    def _begin_audio(self) -> None:
        """After the first frame."""
        self._begun = True
        while self._early:
            self._write_audio(self._early.popleft())

    def _open(self, width: int, height: int, base: Fraction) -> None:
        self._opened, video = True, self._video
        video.width, video.height, video.pix_fmt = width, height, "yuv420p"
        video.codec_context.time_base = base
        video.codec_context.colorspace = Colorspace.ITU709
        video.codec_context.color_primaries = ColorPrimaries.BT709
        video.codec_context.color_trc = ColorTrc.BT709
        video.codec_context.color_range = ColorRange.MPEG

    def _mux(self, packets: list[Any]) -> None:
        for packet in packets:
            packet.duration = self._durations.pop(packet.pts)
            self._made.mux(packet)

    def add_audio(self, packet: Any) -> None:
        """A packet of the audio. The file begins with the first frame: packets before it wait."""
        if self._begun:
            self._write_audio(packet)
        else:
            self._early.append(packet)

    def close(self) -> None:
        """Complete the file."""
        self._mux(self._video.encode(None))
        self._write_audio(None)
        self._made.close()
        if self._copied:
            self._copied.close()


def _same_headers(encoder: bytes | None, file: bytes | None) -> bool:
    """Whether a file holds the parameter sets (NAL types 7 and 8, H.264 annex B) of an encoder."""
    units = (encoder or b"").split(b"\0\0\0\1")
    sets = [unit for unit in units if unit and unit[0] & 31 in (7, 8)]
    return bool(sets) and all(unit in (file or b"") for unit in sets)


def _audio_writer(track: Any, made: Any) -> Callable[[Any], None]:
    """A function that writes packets of this track; call it with None at the end.

    A codec that MP4 does not support is converted to AAC. Damaged packets are left out.
    """
    if track is None:
        return lambda packet: None
    context = track.codec_context
    lowest = _COPIED.get(context.codec.canonical_name, sys.maxsize)
    if context.sample_rate and context.sample_rate >= lowest:
        copied = made.add_stream_from_template(track)

        def copy(packet: Any) -> None:
            if packet is not None:
                packet.stream = copied
                made.mux(packet)

        return copy
    rate = next((rate for rate in _AAC_RATES if rate >= context.sample_rate), _AAC_RATES[-1])
    layout = _LAYOUTS.get(context.layout.nb_channels, "stereo")
    coded = made.add_stream("aac", rate=rate, layout=layout)
    resampled = _resampler(layout, rate)

    def code(packet: Any) -> None:
        frames: list[Any] = [None]
        if packet is not None:
            try:
                frames = packet.decode()
            except FFmpegError:
                return
        for frame in frames:
            for part in resampled(frame):
                made.mux(coded.encode(part))
        if packet is None:
            made.mux(coded.encode(None))

    return code


def _resampler(layout: str, rate: int) -> Callable[[Any], Iterator[Any]]:
    """A function that converts frames of audio, and closes small gaps between them; None flushes it."""
    resampler, due = av.AudioResampler("fltp", layout, rate), 0

    def resampled(frame: Any) -> Iterator[Any]:
        nonlocal resampler, due
        try:
            parts = resampler.resample(frame)
        except ValueError:  # the format has changed
            resampler = av.AudioResampler("fltp", layout, rate)
            parts = resampler.resample(frame)
        for part in parts:
            # A frame that needs no conversion still has the time base of its container.
            start = due if part.pts is None else round(part.pts * (part.time_base or 0) * rate)
            part.pts, part.time_base = start if start - due >= _GAP * rate else due, Fraction(1, rate)
            due = part.pts + part.samples
            yield part

    return resampled
