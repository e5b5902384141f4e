"""Temporal coherence and speed of painted videos.

    python -m benchmarks.video [VIDEO ...]

The metric is that of Ruder et al. 2016 and Wang et al. 2020: a painted frame is warped by the motion in the video and
compared with a later one where both show the same. The root mean square difference, in levels of 255, is the median
over frames: "short" between neighbours, "long" between the first frame and the others. The motion is known in the
videos that are generated here; that of a file is OpenCV's most careful optical flow. "Style" is the `distance` of
Gram matrices of the last frames from those of the style.
"""

import statistics
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from benchmarks.one_pass import distance, gram_matrices
from nst import OnePass
from nst.gallery import find_style, load_styles, sample
from nst.images import fit, open_image
from nst.network.memory import tune_allocator
from nst.network.vgg import load_backbone
from nst.video import open_clip
from nst.video.coherence import CoherentPainter
from nst.video.container import open_container, read_parts
from nst.video.frames import TimedFrame

Frame = NDArray[np.uint8]
Motion = Callable[[int, int], tuple[NDArray[np.float32], NDArray[np.bool_]]]
"""Numbers of a later and an earlier frame -> where each pixel of the later was in the earlier one, H x W x 2, and
whether it was visible there."""

WIDTH, HEIGHT, FRAMES, NOISE = 512, 384, 40, 2.0
PAN, OBJECT = np.array([4.6, 2.3]), np.array([6.0, 1.5])  # pixels per frame
FIRST = 3  # frames that are not compared: a video settles


@dataclass(frozen=True)
class Video:
    """Frames, and the motion between them."""

    frames: list[Frame]
    motion: Motion


def main(*files: str) -> None:
    """Print the table."""
    tune_allocator()
    backbone = load_backbone()
    videos = [
        ("pan", camera("mountains", lambda t: (np.eye(2), 200 + PAN * t)), "swirling_night"),
        ("rotation", camera("lion", lambda t: about_centre(turn(0.6 * t))), "stained_glass"),
        ("zoom", camera("tower", lambda t: about_centre(1.5 * 0.992**t * np.eye(2))), "woodblock_wave"),
        ("object", moving_object("mountains", "astronaut"), "swirling_night"),
        ("cut", cut("cheetah1", "lion"), "harbour_sunrise"),
        *((file, read(file), "gold_spirals") for file in files),
    ]
    print("| video | painted | short | long | style | ms per frame |\n|---|---|---|---|---|---|")
    for name, video, style in videos:
        painter = OnePass(style, size=WIDTH)
        grams = gram_matrices(fit(open_image(find_style(style, load_styles()).path), WIDTH), backbone)
        print(f"| {name} | (the input) | {short(video, video.frames):.1f} | {long(video, video.frames):.1f} | | |")
        for label, paint in (("independently", painter), ("coherently", CoherentPainter(painter))):
            images, milliseconds = paint_all(paint, video.frames)
            pixels = [np.asarray(image) for image in images]
            from_style = statistics.mean(distance(gram_matrices(image, backbone), grams) for image in images[-3:])
            print(
                f"| {name} | {label} | {short(video, pixels):.1f} | {long(video, pixels):.1f} | {from_style:.3f} | "
                f"{milliseconds:.0f} |",
                flush=True,
            )


def paint_all(paint: Callable[[Image.Image], Image.Image], frames: list[Frame]) -> tuple[list[Image.Image], float]:
    """The painted frames, and the median time in milliseconds."""
    images, seconds = [], []
    for frame in frames:
        start = time.perf_counter()
        images.append(paint(Image.fromarray(frame)))
        seconds.append(time.perf_counter() - start)
    return images, 1000 * statistics.median(seconds)


def short(video: Video, painted: list[Frame]) -> float:
    """Difference of neighbouring frames."""
    return _median(error(video, painted, t, t - 1) for t in range(FIRST, len(painted)))


def long(video: Video, painted: list[Frame]) -> float:
    """Difference of the frames from the first one."""
    return _median(error(video, painted, t, 0) for t in range(FIRST, len(painted)))


def _median(errors: Iterator[float]) -> float:
    return statistics.median(x for x in errors if not np.isnan(x))


def error(video: Video, painted: list[Frame], later: int, earlier: int) -> float:
    """Root mean square difference where both show the same; NaN if that is nowhere."""
    places, visible = video.motion(later, earlier)
    if visible.mean() < 0.05:
        return float("nan")
    warped = cv2.remap(painted[earlier].astype(np.float32), places, None, cv2.INTER_CUBIC)
    return float(np.sqrt(np.square(warped - painted[later])[visible].mean()))


def camera(photo: str, matrix_at: Callable[[int], tuple[NDArray[np.float64], NDArray[np.float64]]]) -> Video:
    """A camera that moves over a photo: frame t shows at x the photo's place A x + b."""
    picture = large(photo)
    matrices = [matrix_at(t) for t in range(FRAMES)]
    frames = [noisy(view(picture, *matrix), t) for t, matrix in enumerate(matrices)]

    def motion(later: int, earlier: int) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        (a, b), (c, d) = matrices[later], matrices[earlier]
        places = ((grid() @ a.T + b - d) @ np.linalg.inv(c).T).astype(np.float32)
        return places, inside(places)

    return Video(frames, motion)


def moving_object(background: str, photo: str) -> Video:
    """An oval part of a photo that moves over another."""
    behind, moving = view(large(background), np.eye(2), np.full(2, 300.0)), large(photo, 420)
    starts = [np.array([60.0, 90.0]) + OBJECT * t for t in range(FRAMES)]
    ovals = [np.square((grid() - start - [100, 120]) / [90, 110]).sum(2) < 1 for start in starts]
    frames = []
    for t, (start, oval) in enumerate(zip(starts, ovals, strict=True)):
        shift = np.float64([[1, 0, start[0] - 100], [0, 1, start[1] - 60]])
        moved = cv2.warpAffine(moving, shift, (WIDTH, HEIGHT), borderMode=cv2.BORDER_REFLECT)
        frames.append(noisy(np.where(oval[:, :, None], moved, behind), t))

    def motion(later: int, earlier: int) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        places = np.where(ovals[later][:, :, None], grid() + OBJECT * (earlier - later), grid()).astype(np.float32)
        same = cv2.remap(ovals[earlier].astype(np.float32), places, None, cv2.INTER_LINEAR) == ovals[later]
        return places, inside(places) & same

    return Video(frames, motion)


def cut(before: str, after: str) -> Video:
    """Two pans, one after the other."""
    parts = [camera(photo, lambda t: (np.eye(2), 200 + PAN * t)) for photo in (before, after)]
    half = FRAMES // 2
    frames = parts[0].frames[:half] + parts[1].frames[half:]

    def motion(later: int, earlier: int) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        places, visible = parts[0].motion(later, earlier)
        return places, visible & ((later < half) == (earlier < half))

    return Video(frames, motion)


def read(file: str) -> Video:
    """The first frames of a video file, at most WIDTH pixels wide."""
    clip = open_clip(file)
    with open_container(clip.path, clip.max_pixels) as film:
        parts = read_parts(film, Fraction(clip.rate), clip.max_seconds, print)
        images = islice((part.image for part in parts if isinstance(part, TimedFrame)), FRAMES)
        frames = [np.asarray(fit(image, WIDTH)) for image in images]
    greys = [cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY) for frame in frames]

    def motion(later: int, earlier: int) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        search = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
        flow, opposite = (
            search.calc(greys[later], greys[earlier], None),
            search.calc(greys[earlier], greys[later], None),
        )
        places = (grid(*flow.shape[:2]) + flow).astype(np.float32)
        back = cv2.remap(opposite, places, None, cv2.INTER_LINEAR)
        sizes = np.square(flow).sum(2) + np.square(back).sum(2)
        return places, inside(places) & (np.square(flow + back).sum(2) < 0.01 * sizes + 0.5)

    return Video(frames, motion)


def view(picture: Frame, a: NDArray[np.float64], b: NDArray[np.float64]) -> Frame:
    """WIDTH x HEIGHT pixels of a picture, each the mean of four samples."""
    matrix = np.column_stack([a / 2, b - a @ np.full(2, 0.25)])
    size = (2 * WIDTH, 2 * HEIGHT)
    flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
    double = cv2.warpAffine(picture, matrix, size, flags=flags, borderMode=cv2.BORDER_REFLECT)
    return np.asarray(cv2.resize(double, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA))


def noisy(frame: Frame, seed: int) -> Frame:
    """The frame with the noise of a camera."""
    noise = np.random.default_rng(seed).normal(0, NOISE, frame.shape)
    return (frame + noise).clip(0, 255).round().astype(np.uint8)


def turn(degrees: float) -> NDArray[np.float64]:
    """A rotation."""
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return np.array([[c, -s], [s, c]])


def about_centre(matrix: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """A and b that map the centre of a frame to the same place for all matrices."""
    return matrix, np.full(2, 700.0) - matrix @ np.array([WIDTH / 2, HEIGHT / 2])


def large(photo: str, short_side: int = 1400) -> Frame:
    """A sample photo, with this shortest side."""
    image = open_image(sample(photo))
    scale = short_side / min(image.size)
    return np.asarray(
        image.resize((round(image.width * scale), round(image.height * scale)), Image.Resampling.LANCZOS)
    )


def grid(height: int = HEIGHT, width: int = WIDTH) -> NDArray[np.float64]:
    """The x and y of each pixel, H x W x 2."""
    return np.dstack(np.meshgrid(np.arange(width, dtype=np.float64), np.arange(height, dtype=np.float64)))


def inside(places: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Whether places are in the frame, and not at its edge."""
    limit = np.array([places.shape[1], places.shape[0]]) - 3
    return ((places >= 2) & (places <= limit)).all(2)


if __name__ == "__main__":
    main(*sys.argv[1:])
