"""The flags: one for every knob, and those for what is no setting."""

import argparse
from collections.abc import Sequence
from dataclasses import fields
from typing import Any, NoReturn

from nst.images.saving import FORMATS
from nst.recipes import PRESETS, RECIPES
from nst.settings import Settings, as_text

USAGE = """python -m nst PHOTO STYLE [STYLE ...] -o OUT.png [options]
       python -m nst PHOTO [PHOTO ...] STYLE -o FOLDER/ [options]
       python -m nst PHOTO [PHOTO ...] --style STYLE [--style STYLE ...] -o FOLDER/ [options]
       python -m nst FILM STYLE [STYLE ...] -o OUT.mp4 --one-pass
       python -m nst --sheet PHOTO -o OUT.png
       python -m nst --list"""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """One line, without the usage: it is long, and `--help` has it."""
        self.exit(2, f"nst: {' '.join(message.split())}\n")


def make_parser() -> argparse.ArgumentParser:
    """What reads the command line; `error` ends the program with 2 and one line."""
    parser = _Parser(
        prog="python -m nst", usage=USAGE, description="Paint photos in the manner of a picture."
    )
    _add_files(parser)
    parser.add_argument(
        "--recipe",
        choices=RECIPES,
        help="named settings to start from; other knobs still count (default atelier)",
    )
    parser.add_argument(
        "--preset", choices=PRESETS, help="how far the style may go: a few knobs at once"
    )
    parser.add_argument(
        "--one-pass",
        action="store_const",
        const="instant",
        default=argparse.SUPPRESS,
        dest="effort",
        help="paint at once, in one pass of a network: --effort instant",
    )
    parser.add_argument(
        "--keep-alpha",
        action="store_true",
        help="a cut-out stays one: what is transparent in the photo is not painted",
    )
    parser.add_argument(
        "--log-every", type=_count, metavar="STEPS", help="print the losses every so many steps"
    )
    parser.add_argument(
        "--save-every",
        type=_count,
        default=0,
        metavar="STEPS",
        help="keep the picture as it stands every so many steps, as OUT-0010.png",
    )
    for knob in fields(Settings):
        told = knob.metadata
        default = as_text(knob.default)
        limits = f"{told['low']} to {told['high']}, " if told["low"] is not None else ""
        also = "or photo: the photo's own; " if knob.name == "size" else ""
        parser.add_argument(
            "--" + knob.name.replace("_", "-"),
            default=argparse.SUPPRESS,
            metavar="|".join(told["choices"]) or knob.name.upper(),
            help=f"{told['help']} ({also}{limits}default {default})",
        )
    return parser


def _add_files(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "pictures",
        nargs="*",
        metavar="PHOTO STYLE",
        help="the picture to paint, and its manner: a file or a plate of the gallery",
    )
    parser.add_argument(
        "-o",
        "--out",
        help=f"the file to write ({', '.join(FORMATS)}), or a folder for one or more paintings",
    )
    parser.add_argument(
        "--sheet", action="store_true", help="paint the photo in every plate, as one picture"
    )
    parser.add_argument("--list", action="store_true", help="tell the gallery's plates, and end")
    parser.add_argument(
        "--style",
        action="append",
        default=[],
        help="a style; all other pictures are photos then; several of them blend",
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
    parser.add_argument("--log", metavar="FILE", help="keep the losses, as CSV")


def parse(
    parser: argparse.ArgumentParser, arguments: Sequence[str] | None
) -> tuple[argparse.Namespace, dict[str, Any]]:
    """What was asked for beside the settings, and the settings that were given, by name."""
    read = vars(parser.parse_intermixed_args(arguments))
    knobs = {knob.name for knob in fields(Settings)}
    given = {name: read.pop(name) for name in list(read) if name in knobs}
    return argparse.Namespace(**read), given


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"takes a whole number from 1, not {text!r}")
    return int(text)
