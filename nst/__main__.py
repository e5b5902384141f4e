"""The command line: python -m nst PHOTO STYLE [STYLE ...] -o OUT.png"""

import argparse
import csv
import os
import sys
from collections.abc import Iterable, Mapping
from dataclasses import fields, replace
from pathlib import Path
from typing import Any, NoReturn

from PIL import Image
from tqdm import tqdm

from nst import RECIPES, Frame, ImageError, Settings, load_backbone, stylize
from nst.gallery import plates
from nst.images import image_format, open_image, save_image
from nst.recipes import PRESETS, SOURCES, stand_in
from nst.settings import as_text
from nst.sharing import Painted, Shared, fingerprint, from_text, to_text

_FILES = ("photo", "style", "out", "like", "mask", "start", "log")
_NO_KNOBS = (*_FILES, "recipe", "preset", "log_every")


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """One line, without the usage: it is long, and `--help` has it."""
        self.exit(2, f"nst: {message}\n")


def main(arguments: list[str] | None = None) -> int:
    """Paint; the exit code is 0 for done, 2 for bad input, 130 for interrupted (picture kept)."""
    parser = _make_parser()
    options = vars(parser.parse_args(arguments))
    asked = argparse.Namespace(**{name: options.pop(name) for name in _NO_KNOBS})
    known = {plate.name: str(plate.path) for plate in plates()}
    try:
        told = _memory(asked.like) if asked.like else None
        shared = _shared(asked, told, known, options)
        files = [known[s] if s in known and not Path(s).exists() else s for s in shared.styles]
        image_format(asked.out)
        for file in filter(None, (asked.out, asked.log)):
            _check_writable(file)
        image = open_image(asked.photo, "the photo")
        backbone = load_backbone()
        if other := stand_in(shared.recipe, backbone.name):
            _note(other)
        frames = stylize(image, files, shared.settings, backbone, asked.mask, asked.start)
        styles = tuple(map(fingerprint, files))
        if told and told.styles != styles:
            _note(f"a style is not the file that {asked.like} was painted after")
        if told and told.backbone != backbone.name:
            _note(f"{asked.like} was painted by {told.backbone}, here {backbone.name} paints")
        also = tuple(name for name in ("mask", "start") if getattr(asked, name))
        names = tuple(s if s in known else Path(s).stem for s in shared.styles)
        painted = Painted(replace(shared, styles=names), styles, also, backbone.name, 0, 0, 0.0)
        every = asked.log_every
        if every is None and asked.log:
            every = SOURCES[shared.recipe].log_every
        return _paint(image, frames, asked.out, asked.log, every, painted)
    except ValueError as error:
        parser.error(str(error))


def _shared(
    asked: argparse.Namespace,
    told: Painted | None,
    known: Mapping[str, str],
    options: Mapping[str, Any],
) -> Shared:
    """Styles, recipe and settings: those of the painting to be like, changed by what is asked."""
    shared = Shared()
    if told:
        if missing := [name for name in told.also if not getattr(asked, name)]:
            raise ValueError(f"{asked.like!r} was painted with a {missing[0]}; add --{missing[0]}")
        unknown = [name for name in told.shared.styles if name not in known]
        if unknown and not asked.style:
            raise ValueError(f"{asked.like!r} was painted after {unknown[0]!r}; name its file, too")
        if told.step < told.steps:
            _note(f"{asked.like} was stopped at step {told.step}; this paints all {told.steps}")
        shared = told.shared
    recipe = asked.recipe or shared.recipe
    settings = RECIPES[recipe] if asked.recipe else shared.settings
    if asked.preset:
        settings = replace(settings, **PRESETS[asked.preset])
    styles = tuple(asked.style) or shared.styles
    return Shared(recipe, replace(settings, **options), styles)


def _memory(like: str) -> Painted:
    open_image(like, "the painting to be like")  # tells what is wrong with a file that is none
    with Image.open(like) as picture:
        remembered = from_text(picture)
    if remembered is None:
        raise ValueError(f"{like!r} does not remember how it was painted; only PNGs of nst do")
    painted, complaints = remembered
    for complaint in complaints:
        _note(complaint)
    return painted


def _note(text: str) -> None:
    print(f"nst: {text}", file=sys.stderr)


def _paint(
    image: Image.Image,
    frames: Iterable[Frame],
    out: str,
    log: str | None,
    every: int | None,
    painted: Painted,
) -> int:
    """Follow the frames, then save the last picture, and the losses where they are asked for."""
    code, losses = 0, []
    try:
        with tqdm(total=100, unit="%", bar_format="{desc}{bar}{n:3.0f}% {remaining} left") as bar:
            for frame in frames:
                image = frame.image
                painted = replace(
                    painted, step=frame.step, steps=frame.steps, seconds=round(frame.seconds, 2)
                )
                first = frame.step - len(frame.log) + 1
                for step, values in enumerate(frame.log, first):
                    if every and (step % every == 0 or step in (1, frame.steps)):
                        losses.append({"step": step} | values)
                        bar.write(_line(losses[-1]), file=sys.stderr)
                bar.set_description_str(f"step {frame.step}/{frame.steps} ", refresh=False)
                bar.update(100 * frame.progress - bar.n)
    except KeyboardInterrupt:
        code = 130
    save_image(image, out, to_text(painted))
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
        choices=RECIPES,
        help="named settings to start from; other knobs still count (default atelier)",
    )
    parser.add_argument(
        "--preset", choices=PRESETS, help="how far the style may go: a few knobs at once"
    )
    parser.add_argument(
        "--like", metavar="OUT.png", help="a painting of nst whose styles and settings to take"
    )
    parser.add_argument(
        "--mask", metavar="FILE", help="white where to paint; a second style goes around it"
    )
    parser.add_argument(
        "--start",
        metavar="FILE",
        help="a painting of this photo to go on from, as to a larger size",
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
