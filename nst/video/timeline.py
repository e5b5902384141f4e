"""The times of a video's packets and frames: from the start of the video, increasing, and without jumps."""

import re
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import av
from av.format import Flags

_JUMP = 10  # seconds between two packets that are a jump of the clock, where clocks may jump
_STEP_BACK = 0.1  # seconds back that are one there
_LONG_STEP_BACK = 1  # seconds back that are one elsewhere: two files, one behind the other


def start_time(film: Any, packets: Sequence[Any]) -> Fraction:
    """When the open file starts, in seconds of its own timestamps; `packets` are its first ones.

    Without decoders FFmpeg does not count video packets that have no decoding time.
    """
    start = Fraction(film.start_time or 0, av.time_base)
    times = [packet.pts * packet.time_base for packet in packets if packet.pts is not None and not packet.is_discard]
    return min([start, *(time for time in times if time > start - _JUMP)])


def end_time(film: Any, streams: Sequence[Any]) -> Fraction:
    """When these streams of the open file end, in seconds of its own timestamps, if its header says so; else 0."""
    matroska = "matroska" in film.format.name  # FFmpeg gives each of its streams the duration of the file
    ends = [_tagged_end(stream) if matroska else _stream_end(stream) for stream in streams]
    if None in ends:
        return Fraction(film.duration or 0, av.time_base)
    return max(end for end in ends if end is not None)


def _tagged_end(stream: Any) -> Fraction | None:
    tags = {name.lower(): text for name, text in stream.metadata.items()}
    tag = re.fullmatch(r"(\d\d):(\d\d):(\d\d(?:\.\d{1,9})?)", tags.get("duration", ""))
    if tag is None:
        return None
    hours, minutes, seconds = map(Fraction, tag.groups())
    return hours * 3600 + minutes * 60 + seconds


def _stream_end(stream: Any) -> Fraction | None:
    return ((stream.start_time or 0) + stream.duration) * stream.time_base if stream.duration else None


class Timeline:
    """The clock that all streams of an open file share."""

    def __init__(self, film: Any, start: Fraction, rate: Fraction) -> None:
        """`start` is the file's `start_time`, `rate` the frames in a second if no packet says so."""
        self.may_jump = Flags.ts_discont in Flags(film.format.flags)
        self._default = 1 / rate
        self._offset = -start  # seconds, since the last jump of any stream
        self._offsets: dict[int, Fraction] = {}  # of the streams
        self._due: dict[int, Fraction] = {}  # when their next packets are due
        self._next: dict[int, int] = {}  # when their next frames are due, in units of their time base
        self._last: dict[int, int] = {}  # times of their last frames
        self.end = Fraction()  # of everything so far, in seconds

    def move(self, packet: Any) -> None:
        """Set a packet's timestamps to the times since the start."""
        stamps = [stamp for stamp in (packet.dts, packet.pts) if stamp is not None]
        if not stamps:
            return
        base, index = packet.time_base, packet.stream.index
        decoded, shown = stamps[0] * base, stamps[-1] * base
        duration = packet.duration * base if packet.duration else self._default
        # Where clocks may jump, packets have reliable decoding times. Elsewhere, key frames alone come in order.
        time = decoded if self.may_jump else shown
        offset = self._offsets.setdefault(index, self._offset)
        due = self._due.get(index, time + offset)
        if (self.may_jump or packet.is_keyframe) and self._jumps(time + offset - due):
            # Streams jump together. The first one goes on where all have ended, and the others follow it.
            if self._jumps(time + self._offset - due):
                self._offset = self.end - shown
            offset = self._offsets[index] = self._offset
        self._due[index] = max(due, time + offset + duration)
        self.end = max(self.end, shown + offset + duration)
        ticks = round(offset / base)
        packet.dts, packet.pts = (None if stamp is None else stamp + ticks for stamp in (packet.dts, packet.pts))

    def _jumps(self, gap: Fraction) -> bool:
        return not -_STEP_BACK <= gap <= _JUMP if self.may_jump else gap < -_LONG_STEP_BACK

    def increasing(self, stream: Any, time: int | None, duration: int) -> int:
        """The time of the stream's next frame or audio packet, after the last one, in units of its time base."""
        index = stream.index
        time = self._next.get(index, 0) if time is None else time
        time = max(time, self._last.get(index, time - 1) + 1)
        self._last[index], self._next[index] = time, time + duration
        return time
