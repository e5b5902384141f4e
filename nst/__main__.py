"""The command line: python -m nst PHOTO STYLE [STYLE ...] -o OUT.png"""

import argparse
import csv
import os
import sys
from collections.abc import Iterable, Mapping
from dataclasses import fields, replace
from pathlib import Path
from typing import NoReturn

from PIL import Image
from tqdm import tqdm

from nst import RECIPES, Frame, ImageError, Settings, load_backbone, stylize
from nst.gallery import plates
from nst.images import image_format, open_image, save_image
from nst.recipes import SOURCES, stand_in
from nst.settings import as_text


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """One line, without the usage: it is long, and `--help` has it."""
        self.exit(2, f"nst: {message}\n")


def main(arguments: list[str] | None = None) -> int:
    """Paint; the exit code is 0 for done, 2 for bad input, 130 for interrupted (picture kept)."""
    parser = _make_parser()
    options = vars(parser.parse_args(arguments))
    photo, styles, out = options.pop("photo"), options.pop("style"), options.pop("out")
    recipe, log, every = (options.pop(name) for name in ("recipe", "log", "log_every"))
    known = {plate.name: plate.path for plate in plates()}
    try:
        settings = replace(RECIPES[recipe], **options)
        pictures = [known[s] if s in known and not Path(s).exists() else s for s in styles]
        image_format(out)
        for file in filter(None, (out, log)):
            _check_writable(file)
        image = open_image(photo, "the photo")
        backbone = load_backbone()
        if told := stand_in(recipe, backbone.name):
            print(f"nst: {told}", file=sys.stderr)
        frames = stylize(image, pictures, settings, backbone)
        if every is None and log:
            every = SOURCES[recipe].log_every
        return _paint(image, frames, out, log, every)
    except ValueError as error:
        parser.error(str(error))


def _paint(
    image: Image.Image, frames: Iterable[Frame], out: str, log: str | None, every: int | None
) -> int:
    """Follow the frames, then save the last picture, and the losses where they are asked for."""
    code, losses = 0, []
    try:
        with tqdm(total=100, unit="%", bar_format="{desc}{bar}{n:3.0f}% {remaining} left") as bar:
            for frame in frames:
                image = frame.image
                first = frame.step - len(frame.log) + 1
                for step, values in enumerate(frame.log, first):
                    if every and (step % every == 0 or step in (1, frame.steps)):
                        losses.append({"step": step} | values)
                        bar.write(_line(losses[-1]), file=sys.stderr)
                bar.set_description_str(f"step {frame.step}/{frame.steps} ", refresh=False)
                bar.update(100 * frame.progress - bar.n)
    except KeyboardInterrupt:
        code = 130
    save_image(image, out)
    if log:
        with Path(log).open("w", newline="") as file:
            table = csv.DictWriter(file, losses[0] if losses else ["step"])
            table.writeheader()
            table.writerows(losses)
    return code


def _line(losses: Mapping[str, float]) -> str:
    return "  ".join(f"{name} {value:.6g}" for name, value in losses.items())


def _check_writable(out: str) -> None:
    """Know before the work, not after it, that its result can be kept."""
    folder = Path(out).parent
    if not folder.is_dir():
        raise ImageError(f"there is no folder {str(folder)!r} to write {Path(out).name!r} into")
    if Path(out).is_dir() or not os.access(out if Path(out).exists() else folder, os.W_OK):
        raise ImageError(f"{out!r} can't be written; choose another name")


def _make_parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="python -m nst", description="Paint a photo in the manner of a picture.")
    parser.add_argument("photo", help="the picture to paint, a file")
    parser.add_argument("style", nargs="*", help="the manner: a file or a plate of the gallery")
    parser.add_argument("-o", "--out", required=True, help="the file to write, .png or .jpg")
    parser.add_argument(
        "--recipe",
        default="atelier",
        choices=RECIPES,
        help="named settings to start from; other knobs still count (default atelier)",
    )
    parser.add_argument(
        "--log-every", type=int, metavar="STEPS", help="print the losses every so many steps"
    )
    parser.add_argument("--log", metavar="FILE", help="keep the losses, as CSV")
    for knob in fields(Settings):
        told = knob.metadata
        default = as_text(knob.default)
        limits = f"{told['low']} to {told['high']}, " if told["low"] is not None else ""
        parser.add_argument(
            "--" + knob.name.replace("_", "-"),
            default=argparse.SUPPRESS,
            metavar="|".join(told["choices"]) or knob.name.upper(),
            help=f"{told['help']} ({limits}default {default})",
        )
    return parser


if __name__ == "__main__":
    sys.exit(main())
