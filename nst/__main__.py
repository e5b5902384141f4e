"""The command line: python -m nst PHOTO STYLE [STYLE ...] -o OUT.png"""

import argparse
import csv
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any, NoReturn

from PIL import Image
from tqdm import tqdm

from nst.config import Config
from nst.gallery import Plate, plates
from nst.images import ImageError, image_format, open_image, save_image
from nst.job import Job, Request, prepare
from nst.network.memory import tune_allocator
from nst.network.vgg import load_backbone
from nst.recipes import PRESETS, RECIPES, SOURCES, stand_in
from nst.settings import Settings, as_text
from nst.sharing import Painted, fingerprint, from_text, to_text

_FILES = ("photo", "style", "out", "like", "mask", "start", "log")
_NO_KNOBS = (*_FILES, "recipe", "preset", "log_every")


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """One line, without the usage: it is long, and `--help` has it."""
        self.exit(2, f"nst: {message}\n")


def main(arguments: list[str] | None = None) -> int:
    """Paint; the exit code is 0 for done, 2 for bad input, 130 for interrupted (picture kept)."""
    tune_allocator()
    parser = _make_parser()
    given = vars(parser.parse_args(arguments))
    asked = argparse.Namespace(**{name: given.pop(name) for name in _NO_KNOBS})
    try:
        config, offered = Config.from_env(), plates()
        memory = _memory(asked.like) if asked.like else None
        request = _request(asked, memory, given, offered)
        image_format(asked.out)
        for file in filter(None, (asked.out, asked.log)):
            _check_writable(file)
        job = prepare(request, offered, load_backbone(config=config))
        _tell_differences(asked, memory, job)
        every = asked.log_every
        if every is None and asked.log:
            every = SOURCES[job.shared.recipe].log_every
        return _paint(job, asked.out, asked.log, every)
    except ValueError as error:
        parser.error(str(error))


def _request(
    asked: argparse.Namespace,
    memory: Painted | None,
    given: Mapping[str, Any],
    offered: Sequence[Plate],
) -> Request:
    """What is asked for; of a painting to be like, the styles that are not named anew."""
    styles: list[str | Path] = [
        Path(style) if Path(style).is_file() or Path(style).suffix else style
        for style in asked.style
    ]
    if memory:
        if missing := [name for name in memory.also if not getattr(asked, name)]:
            raise ValueError(f"{asked.like!r} was painted with a {missing[0]}; add --{missing[0]}")
        known = {plate.name for plate in offered}
        unknown = [name for name in memory.shared.styles if name not in known]
        if unknown and not styles:
            raise ValueError(f"{asked.like!r} was painted after {unknown[0]!r}; name its file, too")
        styles = styles or list(memory.shared.styles)
    return Request(
        photo=asked.photo,
        styles=styles,
        recipe=asked.recipe,
        preset=asked.preset,
        given=given,
        like=memory.shared if memory else None,
        mask=asked.mask,
        start=asked.start,
    )


def _tell_differences(asked: argparse.Namespace, memory: Painted | None, job: Job) -> None:
    """Notes on what makes the picture another than one may expect."""
    backbone = job.backbone.name
    if other := stand_in(job.shared.recipe, backbone):
        _note(other)
    if memory is None:
        return
    if memory.step < memory.steps:
        _note(f"{asked.like} was stopped at step {memory.step}; this paints all {memory.steps}")
    if memory.styles != tuple(fingerprint(plate.path) for plate in job.styles):
        _note(f"a style is not the file that {asked.like} was painted after")
    if memory.backbone != backbone:
        _note(f"{asked.like} was painted by {memory.backbone}, here {backbone} paints")


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


def _paint(job: Job, out: str, log: str | None, every: int | None) -> int:
    """Follow the frames, then save the last picture, and the losses where they are asked for."""
    code, losses, last = 0, [], None
    try:
        with tqdm(total=100, unit="%", bar_format="{desc}{bar}{n:3.0f}% {remaining} left") as bar:
            for last in job.frames:
                first = last.step - len(last.log) + 1
                for step, values in enumerate(last.log, first):
                    if every and (step % every == 0 or step in (1, last.steps)):
                        losses.append({"step": step} | values)
                        bar.write(_line(losses[-1]), file=sys.stderr)
                bar.set_description_str(f"step {last.step}/{last.steps} ", refresh=False)
                bar.update(100 * last.progress - bar.n)
    except KeyboardInterrupt:
        code = 130
    if last is not None:
        save_image(last.image, out, to_text(job.provenance(last)))
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
