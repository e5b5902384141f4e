"""Whether a draft spares the painter time: `python -m tests.bench.draft [STYLE ...]`.

Each plate, and each picture named, is painted at 512 pixels at its own settings: as always, and
from the draft, which has what is coarse, at the two finest scales. Told are the seconds and the
last loss of both, and after how many seconds the second is as low as the first and stays there.
"""

import math
import statistics
import sys
from collections.abc import Iterator
from dataclasses import replace
from itertools import cycle
from pathlib import Path

from nst import Settings, stylize
from nst.gallery import photos, plates
from nst.network.cache import ByteCache
from nst.network.memory import tune_allocator
from nst.network.vgg import Backbone, load_backbone
from tests.bench.race import reached

SIZE = 512


def main(*files: str) -> None:
    """Print a line for each style, and how many times sooner the draft leads there."""
    tune_allocator()
    backbone = load_backbone()
    sooner: list[float] = []
    print("| pair | default | from the draft | as low after |\n|---|---|---|---|")
    for photo, (style, settings) in zip(cycle(photos()), _styles(files), strict=False):
        from_draft = replace(settings, init="draft", scales=2)
        usual, other = (_run(photo.path, style, s, backbone) for s in (settings, from_draft))
        there = reached(reversed(other), mark=usual[-1][1])
        sooner.append(usual[-1][0] / there)
        ends = " | ".join(f"{run[-1][0]:.1f} s, {run[-1][1]:.4f}" for run in (usual, other))
        told = "never" if there == math.inf else f"{there:.1f} s"
        print(f"| {photo.name}, {style.stem} | {ends} | {told} |", flush=True)
    told = f"median {statistics.median(sooner):.2f}, best {max(sooner):.2f}"
    print(f"times sooner, 0 for never: {told}")


def _styles(files: tuple[str, ...]) -> Iterator[tuple[Path, Settings]]:
    for plate in plates():
        yield plate.path, Settings(size=SIZE, **plate.settings)
    for file in files:
        yield Path(file), Settings(size=SIZE)


def _run(
    photo: Path, style: Path, settings: Settings, backbone: Backbone
) -> list[tuple[float, float]]:
    """Seconds and loss of each frame, of a style that was not seen before."""
    backbone.cache = ByteCache()
    frames = stylize(photo, [style], settings, backbone)
    return [(frame.seconds, frame.losses["total"]) for frame in frames]


if __name__ == "__main__":
    main(*sys.argv[1:])
