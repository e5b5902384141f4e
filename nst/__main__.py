"""The command line: python -m nst PHOTO STYLE [STYLE ...] -o OUT.png"""

import argparse
import os
import sys
from dataclasses import fields, replace
from pathlib import Path
from typing import Any, NoReturn

from tqdm import tqdm

from nst import RECIPES, ImageError, Settings, stylize
from nst.gallery import plates
from nst.images import image_format, open_image, save_image


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """One line, without the usage: it is long, and `--help` has it."""
        self.exit(2, f"nst: {message}\n")


def main(arguments: list[str] | None = None) -> int:
    """Paint; the exit code is 0 for done, 2 for bad input, 130 for interrupted (picture kept)."""
    parser = _make_parser()
    options = vars(parser.parse_args(arguments))
    photo, styles, out = options.pop("photo"), options.pop("style"), options.pop("out")
    known = {plate.name: plate.path for plate in plates()}
    try:
        Settings(**options)  # says what is wrong before a recipe is looked up by name
        settings = replace(RECIPES[options.get("recipe", "atelier")], **options)
        pictures = [known[s] if s in known and not Path(s).exists() else s for s in styles]
        _check_writable(out)
        return _paint(photo, pictures, settings, out)
    except ValueError as error:
        parser.error(str(error))


def _paint(photo: str, styles: list[Any], settings: Settings, out: str) -> int:
    image = open_image(photo, "the photo")
    code = 0
    try:
        frames = stylize(image, styles, settings)
        with tqdm(total=100, unit="%", bar_format="{desc}{bar}{n:3.0f}% {remaining} left") as bar:
            for frame in frames:
                image = frame.image
                bar.set_description_str(f"step {frame.step}/{frame.steps} ", refresh=False)
                bar.update(100 * frame.progress - bar.n)
    except KeyboardInterrupt:
        code = 130
    save_image(image, out)
    return code


def _check_writable(out: str) -> None:
    """Know before the work, not after it, that its result can be kept."""
    folder = Path(out).parent
    if not folder.is_dir():
        raise ImageError(f"there is no folder {str(folder)!r} to write {Path(out).name!r} into")
    if Path(out).is_dir() or not os.access(out if Path(out).exists() else folder, os.W_OK):
        raise ImageError(f"{out!r} can't be written; choose another name")
    image_format(out)


def _make_parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="python -m nst", description="Paint a photo in the manner of a picture.")
    parser.add_argument("photo", help="the picture to paint, a file")
    parser.add_argument("style", nargs="+", help="the manner: a file or a plate of the gallery")
    parser.add_argument("-o", "--out", required=True, help="the file to write, .png or .jpg")
    for knob in fields(Settings):
        told = knob.metadata
        default: Any = knob.default
        if knob.name.endswith("_layers"):
            default = ",".join(f"{layer}={weight:g}" for layer, weight in default)
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
