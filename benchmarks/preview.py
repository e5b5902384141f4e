"""Whether a draft spares the painter time: `python -m benchmarks.preview [STYLE ...]`.

Each plate, and each picture named, is painted at 512 pixels, or `--size`, at its own settings: from
the photo alone, and, as always, with the draft. Told are the seconds and the last loss of both, and
after how many seconds the second is as low as the first and stays there.
"""

import argparse
import math
import statistics
from collections.abc import Iterator
from dataclasses import replace
from itertools import cycle
from pathlib import Path

from benchmarks.race import reached
from nst import Settings, stylize
from nst.gallery import load_photos, load_styles
from nst.network.cache import ByteCache
from nst.network.memory import tune_allocator
from nst.network.vgg import Backbone, load_backbone


def main() -> None:
    """Print a line for each style, and how many times sooner the draft leads there."""
    parser = argparse.ArgumentParser(description=__doc__.partition(":")[0])
    parser.add_argument("files", nargs="*", metavar="STYLE", help="a picture")
    parser.add_argument("--size", type=int, default=512, help="pixels")
    options = parser.parse_args()
    tune_allocator()
    backbone = load_backbone()
    sooner: list[float] = []
    print("| pair | from the photo | from the draft | as low after |\n|---|---|---|---|")
    styles = _styles(options.files, options.size)
    for photo, (style, settings) in zip(cycle(load_photos()), styles, strict=False):
        without, drafted = (
            _run(photo.path, style, replace(settings, init=init), backbone) for init in ("photo", "preview")
        )
        there = reached(reversed(drafted), mark=without[-1][1])
        sooner.append(without[-1][0] / there)
        ends = " | ".join(f"{run[-1][0]:.1f} s, {run[-1][1]:.4f}" for run in (without, drafted))
        told = "never" if there == math.inf else f"{there:.1f} s"
        print(f"| {photo.name}, {style.stem} | {ends} | {told} |", flush=True)
    told = f"median {statistics.median(sooner):.2f}, worst {min(sooner):.2f}"
    print(f"times sooner, 0 for never: {told}")


def _styles(files: list[str], size: int) -> Iterator[tuple[Path, Settings]]:
    for plate in load_styles():
        yield plate.path, Settings(size=size, **plate.settings)
    for file in files:
        yield Path(file), Settings(size=size)


def _run(photo: Path, style: Path, settings: Settings, backbone: Backbone) -> list[tuple[float, float]]:
    """Seconds and loss of each frame, of a style that was not seen before."""
    backbone.cache = ByteCache()
    frames = stylize(photo, [style], settings, backbone)
    return [(frame.seconds, frame.losses["total"]) for frame in frames]


if __name__ == "__main__":
    main()
