"""Time that the preview in the start image saves the optimiser.

    python -m benchmarks.preview [--size SIZE] [STYLE ...]

Paints each built-in style, and each picture STYLE, twice: with `init` "photo" and with the default
"preview". Prints the seconds and the last loss of both runs, and the seconds after which the second
run stays below the last loss of the first.
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
    """Print a row for each style, and the median and worst speed-up."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("files", nargs="*", metavar="STYLE", help="a picture")
    parser.add_argument("--size", type=int, default=512, help="pixels")
    options = parser.parse_args()
    tune_allocator()
    backbone = load_backbone()
    speedups: list[float] = []
    print("| pair | from the photo | from the preview | as low after |\n|---|---|---|---|")
    styles = _styles(options.files, options.size)
    for photo, (style, settings) in zip(cycle(load_photos()), styles, strict=False):
        without, preview = (
            _run(photo.path, style, replace(settings, init=init), backbone) for init in ("photo", "preview")
        )
        seconds = reached(reversed(preview), loss=without[-1][1])
        speedups.append(without[-1][0] / seconds)
        ends = " | ".join(f"{run[-1][0]:.1f} s, {run[-1][1]:.4f}" for run in (without, preview))
        time = "never" if seconds == math.inf else f"{seconds:.1f} s"
        print(f"| {photo.name}, {style.stem} | {ends} | {time} |", flush=True)
    median, worst = statistics.median(speedups), min(speedups)
    print(f"speed-up, 0 for never: median {median:.2f}, worst {worst:.2f}")


def _styles(files: list[str], size: int) -> Iterator[tuple[Path, Settings]]:
    for style in load_styles():
        yield style.path, Settings(size=size, **style.settings)
    for file in files:
        yield Path(file), Settings(size=size)


def _run(photo: Path, style: Path, settings: Settings, backbone: Backbone) -> list[tuple[float, float]]:
    """Seconds and loss of each frame, without cached targets of the style."""
    backbone.cache = ByteCache()
    frames = stylize(photo, [style], settings, backbone)
    return [(frame.seconds, frame.losses["total"]) for frame in frames]


if __name__ == "__main__":
    main()
