"""The command line's options: one for each setting, and those that are no setting."""

import argparse
import os
import sys
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any, NoReturn

from nst.images.saving import FORMATS
from nst.recipes import DEFAULT, PRESETS, RECIPES
from nst.settings import Settings, as_text

USAGE = """%(prog)s PHOTO STYLE [STYLE ...] -o OUT.png [options]
       %(prog)s PHOTO [PHOTO ...] STYLE -o FOLDER/ [options]
       %(prog)s PHOTO [PHOTO ...] --style STYLE [--style STYLE ...] -o FOLDER/ [options]
       %(prog)s VIDEO STYLE [STYLE ...] -o OUT.mp4 [--one-pass]
       %(prog)s --sheet PHOTO -o OUT.png
       %(prog)s --list
       %(prog)s --page
       %(prog)s --export-web FOLDER"""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """Print one line, without the long usage, and exit with code 2."""
        self.exit(2, f"nst: {' '.join(message.split())}\n")


def make_parser() -> argparse.ArgumentParser:
    """The parser. Its `error` ends the program with one line and exit code 2."""
    parser = _Parser(
        prog="nst" if Path(sys.argv[0]).stem == "nst" else "python -m nst",
        usage=USAGE,
        description="Paint photos in the style of a picture.",
    )
    _add_inputs(parser)
    _add_outputs(parser)
    parser.add_argument(
        "--recipe",
        choices=RECIPES,
        help=f"named settings to start from; other options change them (default {DEFAULT})",
    )
    parser.add_argument("--preset", choices=PRESETS, help="a few settings at once, from a faint style to a strong")
    parser.add_argument(
        "--one-pass",
        action="store_const",
        const="one-pass",
        default=argparse.SUPPRESS,
        dest="effort",
        help="use the one-pass network, which takes a second; the same as --effort one-pass",
    )
    for spec in fields(Settings):
        data = spec.metadata
        limits = f"{data['low']} to {data['high']}, " if data["low"] is not None else ""
        also = "or photo: the photo's own; " if spec.name == "size" else ""
        parser.add_argument(
            "--" + spec.name.replace("_", "-"),
            default=argparse.SUPPRESS,
            metavar="|".join(data["choices"]) or spec.name.upper(),
            help=f"{data['help']} ({also}{limits}default {as_text(spec.default)})",
        )
    return parser


def _add_inputs(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "pictures",
        nargs="*",
        type=_path,
        metavar="PHOTO STYLE",
        help="the photo, and the style: a file, or a style's id or title from --list",
    )
    parser.add_argument(
        "--style",
        action="append",
        type=_path,
        default=[],
        help="a style; then all positional pictures are photos; several styles are blended",
    )
    parser.add_argument(
        "--like", metavar="OUT.png", type=_path, help="take the styles and settings of this PNG, which nst has painted"
    )
    parser.add_argument(
        "--mask",
        metavar="FILE",
        type=_path,
        help="paint only where this picture is white; a second style is used where it is black",
    )
    parser.add_argument(
        "--start", metavar="FILE", type=_path, help="continue this painting of the photo, for example in a larger size"
    )
    parser.add_argument(
        "--keep-alpha", action="store_true", help="keep the photo's transparent background, and do not paint it"
    )


def _add_outputs(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "-o",
        "--out",
        type=_path,
        help=f"the file to write ({', '.join(FORMATS)}), or a folder for one or more paintings",
    )
    parser.add_argument("--sheet", action="store_true", help="paint the photo in every style, as one contact sheet")
    parser.add_argument("--list", action="store_true", help="list all styles and exit")
    parser.add_argument(
        "--page",
        action="store_true",
        help="serve the web page at http://127.0.0.1:7860; the environment variables "
        "GRADIO_SERVER_NAME and GRADIO_SERVER_PORT change the address",
    )
    parser.add_argument(
        "--export-web",
        metavar="FOLDER",
        type=_path,
        help="write a static site that paints in the visitor's browser into a new folder, or over an earlier one",
    )
    parser.add_argument(
        "--resume", action="store_true", help="continue the unfinished painting in OUT.png or OUT.mp4, if there is one"
    )
    parser.add_argument("--dpi", type=_resolution, metavar="N", help="write the resolution, in pixels per inch")
    parser.add_argument(
        "--bits", type=int, choices=(8, 16), default=8, help="bits per channel of a PNG or TIFF (default 8)"
    )
    parser.add_argument("--log", metavar="FILE", type=_path, help="write the losses to a CSV file")
    parser.add_argument("--log-every", type=_count, metavar="STEPS", help="print the losses every so many steps")
    parser.add_argument(
        "--save-every",
        type=_count,
        default=0,
        metavar="STEPS",
        help="save the unfinished picture every so many steps, as OUT-0010.png",
    )


def parse_arguments(
    parser: argparse.ArgumentParser, arguments: Sequence[str] | None
) -> tuple[argparse.Namespace, dict[str, Any]]:
    """The options that are no settings, and the settings by name, as strings."""
    arguments = sys.argv[1:] if arguments is None else [*arguments]
    # argparse forgets the "--" before it parses what is between the options.
    end = arguments.index("--") if "--" in arguments else len(arguments)
    options = vars(parser.parse_intermixed_args(arguments[:end]))
    options["pictures"] += map(_path, arguments[end + 1 :])
    overrides = {spec.name: options.pop(spec.name) for spec in fields(Settings) if spec.name in options}
    return argparse.Namespace(**options), overrides


def _path(text: str) -> str:
    """A path with the home folder in place of a leading ~, which no shell puts into --out=~/painting.png."""
    return text if os.path.lexists(text) else os.path.expanduser(text)  # noqa: PTH111 (it keeps a slash at the end)


def _resolution(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 65535:
        raise argparse.ArgumentTypeError(f"takes a whole number from 1 to 65535, not {text!r}")
    return int(text)


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"takes a whole number from 1, not {text!r}")
    return int(text)
