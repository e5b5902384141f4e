"""A video, painted picture by picture with the one-pass network."""

import argparse
from collections.abc import Mapping, Sequence
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

from tqdm import tqdm

from nst.cli.arguments import parse_request, reject_painting_options
from nst.cli.outputs import check_not_input
from nst.cli.terminal import Interrupted, Interrupts, print_message
from nst.errors import InputError
from nst.gallery import Style
from nst.images import ImageError, check_writable
from nst.job import resolve_request
from nst.one_pass import OnePass
from nst.settings import ONE_PASS_SETTINGS, Settings
from nst.video import ANIMATIONS, FILMS, is_clip, open_clip, paint_clip


def is_video(options: argparse.Namespace, overrides: Mapping[str, Any]) -> bool:
    """Whether the output is a video. A painting of an animation may also show its first picture."""
    if not options.pictures:
        return False
    source, suffix = options.pictures[0], Path(options.out or "").suffix.lower()
    if suffix in (*FILMS, ".gif"):
        return True
    if Path(source).suffix.lower() not in ANIMATIONS:
        return is_clip(source)
    if suffix != ".webp" or not is_clip(source):
        return False
    return Settings(effort=overrides.get("effort", "normal")).effort == "one-pass"


def paint_video(
    options: argparse.Namespace, overrides: Mapping[str, Any], available: Sequence[Style], interrupts: Interrupts
) -> int:
    """Paint the video and return the exit code. After a signal it ends with the last picture done.

    Raises ImageError or ValueError for bad input.
    """
    request = parse_request(options, overrides, available)
    [source], out = request.photos, Path(options.out)
    _check_files(options, source, out)
    _, settings, styles = resolve_request(request.for_any_photo(), available)
    check_not_input(out, [source, *(style.path for style in styles)])
    _check_settings(settings)
    clip = open_clip(source)
    painter = OnePass(
        *(style.path for style in styles), **{name: getattr(settings, name) for name in ONE_PASS_SETTINGS}
    )
    out.parent.mkdir(parents=True, exist_ok=True)
    done, warnings = 0, list[str]()
    try:
        with (
            suppress(Interrupted),
            tqdm(total=clip.pictures or None, unit=" pictures") as bar,
            closing(paint_clip(clip, out, painter, warnings.append)) as counts,
        ):
            for done in counts:
                bar.update(done - bar.n)
    except ImageError as error:
        if not done:
            raise
        print_message(str(error))
        return 1
    for warning in warnings:
        print_message(warning)
    if interrupts.number:
        total = clip.pictures
        print_message(f"{done} of {total} pictures are painted" if done else "nothing is written")
        return 128 + interrupts.number
    return 0


def _check_files(options: argparse.Namespace, source: str, out: Path) -> None:
    if not is_clip(source):
        raise ImageError(f"{source!r} is a picture, not a film; end {str(out)!r} in .png")
    if out.suffix.lower() not in (*FILMS, *ANIMATIONS):
        suffixes = ", ".join((*FILMS, *ANIMATIONS))
        raise ImageError(f"{source!r} is a film; end {str(out)!r} in {suffixes}")
    reject_painting_options(options, f"{source!r} is a film")
    check_writable(out)


def _check_settings(settings: Settings) -> None:
    if not settings.in_one_pass:
        missing = settings.effort != "one-pass"
        hint = "add --one-pass" if missing else f"leave out what asks for {settings.steps} steps"
        raise InputError(f"a film is painted in one pass; {hint}")
    if settings.colour != "style":
        raise InputError(f"colour {settings.colour} is for photos; a film takes the style's")
