"""A film as a painting: what was asked, checked, and its pictures followed."""

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tqdm import tqdm

from nst.cli.outputs import check_own
from nst.cli.terminal import Ended, Interrupts, tell
from nst.cli.wish import read_wish, refuse_for_one_painting
from nst.clip import ANIMATIONS, FILMS, is_clip, open_clip, paint_clip
from nst.gallery import Style
from nst.images import ImageError, check_writable
from nst.job import resolve_request
from nst.one_pass import OnePass


def is_film(asked: argparse.Namespace, given: Mapping[str, Any]) -> bool:
    """Whether a film is painted. Of an animated picture, a painting may also show the first one."""
    end = Path(asked.out or "").suffix.lower()
    for source in asked.pictures[:1]:
        if Path(source).suffix.lower() in ANIMATIONS:
            whole = end == ".webp" and given.get("effort") == "instant"
            return end in (*FILMS, ".gif") or (whole and is_clip(source))
        return end in (*FILMS, ".gif") or is_clip(source)
    return False


def paint_film(
    asked: argparse.Namespace,
    given: Mapping[str, Any],
    offered: Sequence[Style],
    interrupts: Interrupts,
) -> int:
    """The exit code, as of a photo. Ended early, what has been painted is kept as a film.

    Raises ImageError or ValueError for bad input.
    """
    wish = read_wish(asked, given, offered)
    [source], out = wish.photos, Path(asked.out)
    _check(asked, source, out)
    _, settings, styles = resolve_request(wish.common(), offered)
    check_own(out, [source, *(plate.path for plate in styles)])
    if not settings.in_one_pass:
        missing = settings.effort != "instant"
        told = "add --one-pass" if missing else f"leave out what asks for {settings.steps} steps"
        raise ValueError(f"a film is painted in one pass; {told}")
    if settings.colour != "style":
        raise ValueError(f"colour {settings.colour} is for photos; a film takes the style's")
    knobs = ("size", "strength", "style_scale", "style_weights")
    clip = open_clip(source)
    painter = OnePass(
        *(plate.path for plate in styles), **{name: getattr(settings, name) for name in knobs}
    )
    out.parent.mkdir(parents=True, exist_ok=True)
    done = 0
    try:
        with tqdm(total=clip.pictures or None, unit=" pictures") as bar:
            for done in paint_clip(clip, out, painter):
                bar.update(done - bar.n)
    except Ended:
        pass
    except ImageError as error:
        if not done:
            raise
        tell(f"{error}; {done} pictures are in {str(out)!r}")
        return 1
    if interrupts.number:
        tell(f"{done} of {clip.pictures} pictures are painted" if done else "nothing is written")
        return 128 + interrupts.number
    return 0


def _check(asked: argparse.Namespace, source: str, out: Path) -> None:
    if not is_clip(source):
        raise ImageError(f"{source!r} is a picture, not a film; end {str(out)!r} in .png")
    if out.suffix.lower() not in (*FILMS, *ANIMATIONS):
        ends = ", ".join((*FILMS, *ANIMATIONS))
        raise ImageError(f"{source!r} is a film; end {str(out)!r} in {ends}")
    refuse_for_one_painting(asked, f"{source!r} is a film")
    check_writable(out)
