"""A video, painted picture by picture."""

import argparse
import json
import time
from collections.abc import Generator, Mapping, Sequence
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

from tqdm import tqdm

from nst.cli.arguments import check_one_pass, parse_request, reject_painting_options
from nst.cli.outputs import check_not_input
from nst.cli.paint import AUTOSAVE_SECONDS, describe_failure
from nst.cli.terminal import Interrupted, Interrupts, print_message
from nst.config import Config
from nst.errors import InputError
from nst.gallery import Style
from nst.images import ImageError, check_width, check_writable
from nst.job import resolve_request, style_hash
from nst.messages import duration
from nst.network.vgg import load_backbone
from nst.one_pass import OnePass
from nst.sequence import SequencePainter
from nst.service.engine import expected_seconds
from nst.settings import ONE_PASS_SETTINGS, Settings
from nst.sharing import ShareLink, file_hash, to_query
from nst.video import ANIMATIONS, FILMS, Clip, Unfinished, is_clip, open_clip, paint_clip, read_painted
from nst.video.coherence import CoherentPainter


def paint_video(
    options: argparse.Namespace,
    overrides: Mapping[str, Any],
    available: Sequence[Style],
    config: Config,
    interrupts: Interrupts,
) -> int:
    """Paint the video and return the exit code. After a signal it ends with the last picture done.

    Raises ImageError or ValueError for bad input.
    """
    request = parse_request(options, overrides, available)
    [source], out = request.photos, Path(options.out)
    _check_files(options, source, out)
    recipe, settings, styles = resolve_request(request.for_any_photo(), available)
    files = [style.path for style in styles]
    check_not_input(out, [source, *files])
    check_one_pass(overrides, settings)
    _check_settings(settings)
    clip = open_clip(source)
    if any(clip.size):
        check_width(clip.size, settings.size)
    comment = _comment(ShareLink(recipe, settings, tuple(style.name for style in styles)), files, source)
    one_pass = _open_one_pass(files, settings) if settings.in_one_pass else None
    painter = CoherentPainter(one_pass) if one_pass else SequencePainter(files, settings, load_backbone(config=config))
    unfinished = _read_unfinished(out, comment, painter) if options.resume else None
    if one_pass:
        _fine_tune(one_pass)
    if isinstance(painter, SequencePainter):
        _print_estimate(clip, painter, unfinished.frames if unfinished else 0, out)
    out.parent.mkdir(parents=True, exist_ok=True)
    done, failure, warnings = 0, "", list[str]()
    try:
        with (
            suppress(Interrupted),
            tqdm(total=clip.pictures or None, unit=" pictures") as bar,
            closing(_paint_and_save(clip, out, painter, warnings, comment, unfinished)) as counts,
        ):
            for done in counts:
                bar.update(done - bar.n)
    except ImageError as error:
        if not done:
            raise
        print_message(str(error))
        return 1
    except (MemoryError, RuntimeError) as error:
        failure = describe_failure(error)
    for message in filter(None, [*dict.fromkeys(warnings), failure]):
        print_message(message)
    if failure or interrupts.number:
        kept = unfinished.frames if unfinished else 0
        print_message(f"{max(done, kept)} of {clip.pictures} pictures are painted" if done else "nothing is written")
    return 128 + interrupts.number if interrupts.number else int(bool(failure))


def _paint_and_save(
    clip: Clip,
    out: Path,
    painter: CoherentPainter | SequencePainter,
    warnings: list[str],
    comment: str,
    unfinished: Unfinished | None,
) -> Generator[int, None, None]:
    """As `paint_clip`, but it writes the file every AUTOSAVE_SECONDS, in case the machine stops.

    Each new file begins with a copy of the frames in the last one. An animation is written only at the end.
    """
    saved = 0
    while True:
        copied, since = unfinished.frames if unfinished else 0, time.monotonic()
        with closing(paint_clip(clip, out, painter, warnings.append, comment, unfinished)) as counts:
            for done in counts:
                yield max(done, saved)
                if done <= copied:
                    since = time.monotonic()
                elif time.monotonic() - since > AUTOSAVE_SECONDS and out.suffix.lower() in FILMS:
                    break
            else:
                return
        saved, last = read_painted(out, comment)
        unfinished = Unfinished(out, saved, last, lambda *_: None)  # the painter goes on from its own last frame


def _comment(link: ShareLink, styles: Sequence[Path], source: str) -> str:
    """The settings, styles and video of a film, which --resume compares."""
    hashes = [style_hash(style) for style in styles]
    return json.dumps({"nst": to_query(link), "styles": hashes, "film": file_hash(source)})


def _open_one_pass(styles: Sequence[Path], settings: Settings) -> OnePass:
    return OnePass(*styles, **{name: getattr(settings, name) for name in ONE_PASS_SETTINGS})


def _fine_tune(one_pass: OnePass) -> None:
    for step in one_pass.fine_tuning():
        if step == 1:
            print_message("the style is not built in; the network is fine-tuned for it first")


def _read_unfinished(out: Path, comment: str, painter: CoherentPainter | SequencePainter) -> Unfinished | None:
    """The frames that the file `out` has already; None if there is no such file."""
    if out.suffix.lower() in ANIMATIONS:
        raise InputError(f"only {', '.join(FILMS)} can be resumed, and {str(out)!r} is an animation")
    if not out.exists():
        print_message(f"there is no {str(out)!r} yet; this begins it")
        return None
    frames, last = read_painted(out, comment)
    print_message(f"picture {frames} was the last; this continues")
    return Unfinished(out, frames, last, painter.continue_from)


def _print_estimate(clip: Clip, painter: SequencePainter, done: int, out: Path) -> None:
    if any(clip.size) and clip.pictures > done:
        seconds = expected_seconds(painter.work(clip.size, clip.pictures - done), painter.backbone)
        resume = ", and --resume continues" if out.suffix.lower() in FILMS else ""
        print_message(
            f"this takes about {duration(seconds)}; Ctrl-C keeps the pictures so far{resume}. "
            "--one-pass takes less than a second for each"
        )


def _check_files(options: argparse.Namespace, source: str, out: Path) -> None:
    if not is_clip(source):
        raise ImageError(f"{source!r} is a picture, not a film; end {str(out)!r} in .png")
    if out.suffix.lower() not in (*FILMS, *ANIMATIONS):
        suffixes = ", ".join((*FILMS, *ANIMATIONS))
        raise ImageError(f"{source!r} is a film; end {str(out)!r} in {suffixes}")
    reject_painting_options(options, f"{source!r} is a film", allowed=["resume"])
    check_writable(out)


def _check_settings(settings: Settings) -> None:
    if settings.in_one_pass and settings.colour != "style":
        raise InputError(f"colour {settings.colour} is for photos; a film in one pass takes the style's")
    if settings.content_loss != "relative" or settings.method != "gram":
        raise InputError("this recipe's losses are for photos; leave --recipe out")
