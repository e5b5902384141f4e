"""GIF and animated WebP: delays, frames, and writing."""

from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from itertools import pairwise, zip_longest
from pathlib import Path
from typing import Any

import av
from PIL import Image, ImageSequence

from nst.images import ImageError, check_size, open_checked, open_image
from nst.video.container import readable
from nst.video.frames import Converter, TimedFrame

ANIMATIONS = (".gif", ".webp")
MAX_ANIMATED = 600  # of an animation that is written, which is encoded from memory

MAX_ANIMATED_RATE = 50  # frames per second that are written: browsers show a faster GIF much slower

_SHORTEST = 1000 // MAX_ANIMATED_RATE  # milliseconds between two frames
_IGNORED, _DEFAULT = 10, 100  # a delay that browsers do not believe, and what they take for it
_UNIT = {".gif": 10, ".webp": 1}  # milliseconds
_LONGEST = {".gif": 655_350, ".webp": 0xFFFFFF}  # milliseconds of one frame that the formats hold


def header(path: Path) -> tuple[list[int], int, tuple[int, int]]:
    """Delays of the frames in milliseconds, how often it is shown (0: without end), and width and height.

    No frame is decoded. ImageError if the file can't be read.
    """
    with open_checked(path, "the film") as picture:
        size, loop = picture.size, picture.info.get("loop")
        kind, animated = picture.format, getattr(picture, "is_animated", False)
    if not animated:
        return [_DEFAULT], 0, size
    if kind == "WEBP":
        stored, plays = _webp_delays(path.read_bytes()), loop or 0
    else:  # a GIF names the repetitions after the first time
        stored, plays = _gif_delays(path), 1 if loop is None else loop and loop + 1
    delays = [delay if delay > _IGNORED else _DEFAULT for delay in stored]
    return delays or [_DEFAULT], plays, size


def _gif_delays(path: Path) -> list[int]:
    options = {"codec_whitelist": "-", "protocol_whitelist": "file", "min_delay": "0", "default_delay": "0"}
    with readable(), av.open(f"file:{path}", format="gif", options=options) as film:
        return [round(1000 * (p.duration or 0) * p.time_base) for p in film.demux(video=0) if p.size]


def _webp_delays(data: bytes) -> list[int]:
    """From the chunks of frames ("ANMF"): position and size in 12 bytes, then the delay in 3."""
    delays, place = [], 12
    while len(chunk := data[place : place + 8]) == 8:
        if chunk[:4] == b"ANMF":
            delays.append(int.from_bytes(data[place + 20 : place + 23], "little"))
        length = int.from_bytes(chunk[4:], "little")
        place += 8 + length + length % 2
    return delays


def read_frames(
    path: Path, delays: Sequence[int], max_pixels: int, warn: Callable[[str], None]
) -> Iterator[TimedFrame]:
    """The frames with their times; a damaged rest is left out with a warning."""
    converter, time = Converter(), 0
    try:
        with open_checked(path, "the film") as animation:
            for frame, delay in zip_longest(ImageSequence.Iterator(animation), delays):
                if frame is None:
                    break
                check_size(frame.size, "the film", max_pixels)  # before it is decoded: a GIF's frames may grow
                image = open_image(frame.convert("RGBA"), "the film")
                yield TimedFrame(converter.fit(image), time, delay or _DEFAULT, Fraction(1, 1000))
                time += delay or _DEFAULT
    except ImageError:
        if not time:
            raise
        warn("the rest of the film is damaged, and left out")


class AnimationWriter:
    """Collects frames, and writes them to a file at the end."""

    def __init__(self, file: Path, plays: int) -> None:
        self._file, self._plays = file, plays
        suffix = file.suffix.lower()
        self._unit, self._longest = _UNIT[suffix], _LONGEST[suffix]
        self._images: list[Image.Image] = []
        self._times: list[int] = []  # of the frames, then of the end, in milliseconds

    def wants(self, frame: TimedFrame) -> bool:
        """Whether the frame comes late enough after the one before."""
        return not self._images or self._rounded(frame.time * frame.base) - self._times[-2] >= _SHORTEST

    def add(self, frame: TimedFrame) -> None:
        """A painted frame."""
        begin, end = (self._rounded(time * frame.base) for time in (frame.time, frame.time + frame.duration))
        self._images.append(frame.image)
        self._times[-1:] = [begin, max(end, begin + _SHORTEST)]

    def _rounded(self, seconds: Fraction) -> int:
        return self._unit * round(1000 * seconds / self._unit)

    def add_audio(self, packet: Any) -> None:
        """An animation is silent."""

    def close(self) -> None:
        """Write the file."""
        durations = [min(after - time, self._longest) for time, after in pairwise(self._times)]
        options: dict[str, Any] = {"duration": durations}
        gif = self._unit == 10
        loop = self._plays - 1 if gif and self._plays else self._plays
        if not gif or self._plays != 1:
            options["loop"] = loop
        first, *others = self._images
        first.save(self._file, save_all=True, append_images=others, quality=80, **options)
