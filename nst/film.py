"""The time-lapse of a run, as a short film (H.264) or an animated WebP."""

import io
from collections.abc import Iterator, Sequence
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray
from PIL import Image

RATE = 24
SECONDS = 6.0  # length of the film; HOLD of it shows the finished painting
HOLD = 0.8
MAX_PIXELS = 720  # pixels on the longest side

Jpeg = bytes  # a frame of the run, as a small JPEG in memory


def to_jpeg(image: Image.Image) -> Jpeg:
    """The image as a frame for the time-lapse."""
    small = image.copy()
    small.thumbnail((MAX_PIXELS, MAX_PIXELS), reducing_gap=2.0)
    data = io.BytesIO()
    small.save(data, "JPEG", quality=88)
    return data.getvalue()


def write_film(frames: Sequence[Jpeg], path: str | Path) -> None:
    """An MP4 of SECONDS that every browser plays, from frames in their order."""
    with av.open(str(path), "w", options={"movflags": "faststart"}) as film:
        stream = film.add_stream("libx264", rate=RATE, options={"crf": "24", "preset": "veryfast"})
        stream.height, stream.width = _even(frames[0]).shape[:2]
        stream.pix_fmt = "yuv420p"
        for picture in _morph(frames, round(SECONDS * RATE), round(HOLD * RATE)):
            film.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        film.mux(stream.encode(None))


def write_animation(frames: Sequence[Jpeg], path: str | Path) -> None:
    """An animated WebP for chats: half the size, eight frames a second, in a loop."""
    rate = 8
    pictures = []
    for picture in _morph(frames, round(SECONDS * rate), round(HOLD * rate)):
        image = Image.fromarray(picture)
        pictures.append(image.resize((image.width // 2, image.height // 2)))
    pictures[0].save(
        path, save_all=True, append_images=pictures[1:], duration=1000 // rate, loop=0, quality=70, method=0
    )


def _morph(frames: Sequence[Jpeg], count: int, hold: int) -> Iterator[NDArray[np.uint8]]:
    """`count` frames that change at an even pace, the last `hold` of them the final one.

    The pace follows the change between frames, not the clock: a run's first seconds change
    everything, its last ones little. The square root of the change slows down the end.
    """
    small = [np.asarray(_open(data).resize((64, 64)), dtype=np.float32) for data in frames]
    change = [np.sqrt(np.abs(b - a).mean()) for a, b in zip(small, small[1:], strict=False)]
    clock = np.concatenate([[0.0], np.cumsum(change)])
    places = np.interp(np.linspace(0, clock[-1], count - hold), clock, np.arange(len(frames), dtype=float))
    opened: dict[int, NDArray[np.float32]] = {}
    for place in [*places, *[len(frames) - 1.0] * hold]:
        before = min(int(place), len(frames) - 1)
        after = min(before + 1, len(frames) - 1)
        opened = {i: opened[i] if i in opened else _even(frames[i]) for i in (before, after)}
        share = np.float32(place - before)
        mixed = opened[before] + (opened[after] - opened[before]) * share
        yield mixed.round().astype(np.uint8)


def _open(data: Jpeg) -> Image.Image:
    return Image.open(io.BytesIO(data)).convert("RGB")


def _even(data: Jpeg) -> NDArray[np.float32]:
    """Pixels, H x W x 3, with even sides: H.264 subsamples colours 2 x 2."""
    pixels = np.asarray(_open(data), dtype=np.float32)
    return pixels[: pixels.shape[0] // 2 * 2, : pixels.shape[1] // 2 * 2]
