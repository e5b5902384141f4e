"""From what the command line says to requests, one for each photo."""

import argparse
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from PIL import Image

from nst.cli.terminal import tell
from nst.gallery import Style
from nst.images import is_address, open_checked, upright_size
from nst.job import Job, Request, resolve_request
from nst.optimise.pictures import open_pictures
from nst.recipes import RECIPES, backbone_note
from nst.settings import Settings
from nst.sharing import Provenance, from_text

PHOTO = "photo"
"""Instead of a size: the photo's own."""


@dataclass(frozen=True)
class Wish:
    """What somebody wants: these photos in the manner of these styles.

    `memory` is what the painting to be like remembers, if there is one; `given` are settings by
    name.
    """

    photos: list[str]
    styles: list[str | Path]
    memory: Provenance | None
    given: Mapping[str, Any]
    asked: argparse.Namespace

    @property
    def keep_alpha(self) -> bool:
        """Whether a cut-out is to stay one."""
        return self.asked.keep_alpha or bool(
            self.memory and "keep_alpha" in self.memory.extra_inputs
        )

    def request(self, photo: str) -> Request:
        """The request for one of the photos; ValueError if its size can't be the painting's."""
        given = dict(self.given)
        if given.get("size") == PHOTO:
            given["size"] = _size_of(photo)
        asked, memory = self.asked, self.memory
        return Request(
            photo=photo,
            styles=self.styles,
            recipe=asked.recipe,
            preset=asked.preset,
            given=given,
            like=memory.shared if memory else None,
            mask=asked.mask,
            start=asked.start,
            keep_alpha=self.keep_alpha,
            every=asked.save_every,
        )

    def common(self) -> Request:
        """What all requests have in common, with a photo and a size that stand for any."""
        given = {k: value for k, value in self.given.items() if (k, value) != ("size", PHOTO)}
        asked, memory = self.asked, self.memory
        return Request(
            photo="photo",
            styles=self.styles,
            recipe=asked.recipe,
            preset=asked.preset,
            given=given,
            like=memory.shared if memory else None,
            keep_alpha=self.keep_alpha,
        )


def read_wish(
    asked: argparse.Namespace, given: Mapping[str, Any], offered: Sequence[Style]
) -> Wish:
    """Photos and styles told apart; ValueError says what is missing."""
    if asked.out is None:
        raise ValueError("-o is required: name the file to write, or a folder for several photos")
    memory = _memory(asked.like) if asked.like else None
    photos, named = _told_apart(asked)
    if not photos:
        raise ValueError("a photo is required: write PHOTO STYLE -o OUT.png")
    if len(photos) > 1:
        if not is_folder(asked.out):
            raise ValueError(f"{len(photos)} photos need a folder; end {asked.out!r} in a slash")
        if flag := next((name for name in ("start", "log") if getattr(asked, name)), None):
            raise ValueError(f"--{flag} is for one photo, and there are {len(photos)}")
    styles = [_style(name, offered) for name in named]
    if memory:
        missing = [name for name in ("mask", "start") if name in memory.extra_inputs]
        missing = [name for name in missing if not getattr(asked, name)]
        if missing:
            raise ValueError(f"{asked.like!r} was painted with a {missing[0]}; add --{missing[0]}")
        styles = styles or _remembered(memory, asked.like, offered)
    return Wish(photos, styles, memory, given, asked)


def refuse_for_one_painting(asked: argparse.Namespace, since: str) -> None:
    """Raise ValueError for a flag that is for one painting of one photo, where `since` is so."""
    for name in ("mask", "start", "log", "log_every", "save_every", "keep_alpha", "like"):
        if getattr(asked, name):
            raise ValueError(
                f"--{name.replace('_', '-')} is for a painting of a photo, and {since}"
            )


def check_common(wish: Wish, offered: Sequence[Style]) -> None:
    """Raise ValueError for what would be wrong with each photo: it is told once."""
    _, settings, styles = resolve_request(wish.common(), offered)
    mask = wish.asked.mask
    photo = Image.new("L", upright_size(mask, "the mask") if mask else (64, 48))
    open_pictures(photo, [plate.path for plate in styles], settings, mask)


def is_folder(out: str) -> bool:
    """Whether paintings go into a folder, which need not be there yet."""
    return out.endswith(("/", os.sep)) or os.path.isdir(out)  # noqa: PTH112 (it never raises)


def _told_apart(asked: argparse.Namespace) -> tuple[list[str], list[str]]:
    """Photos and styles. The last of several pictures is the style, unless that is known."""
    pictures = asked.pictures
    if asked.style:
        return pictures, asked.style
    if not is_folder(asked.out):
        return pictures[:1], pictures[1:]
    if asked.like or (asked.recipe and not RECIPES[asked.recipe].style_layers):
        return pictures, []
    return pictures[:-1], pictures[-1:]


def _style(text: str, offered: Sequence[Style]) -> str | Path:
    """A file's path, or a plate's name."""
    there = os.path.isfile(text)  # noqa: PTH113 (it never raises)
    if not there and any(plate.name == text for plate in offered):
        return text
    as_file = there or Path(text).suffix or is_address(text) or os.path.exists(text)  # noqa: PTH110
    return Path(text) if as_file else text


def _remembered(memory: Provenance, like: str, offered: Sequence[Style]) -> list[str | Path]:
    known = {plate.name for plate in offered}
    if unknown := [name for name in memory.shared.styles if name not in known]:
        raise ValueError(f"{like!r} was painted after {unknown[0]!r}; name its file, too")
    return list(memory.shared.styles)


def _memory(like: str) -> Provenance:
    with open_checked(like, "the painting to be like") as picture:
        picture.load()  # tells what is wrong with a file that is none
        remembered = from_text(picture)
    if remembered is None:
        raise ValueError(f"{like!r} does not remember how it was painted; only PNGs of nst do")
    painted, complaints = remembered
    for complaint in complaints:
        tell(complaint)
    return painted


def _size_of(photo: str) -> int:
    longest = max(upright_size(photo, "the photo"))
    knob = next(knob for knob in fields(Settings) if knob.name == "size").metadata
    if not knob["low"] <= longest <= knob["high"]:
        raise ValueError(
            f"the photo is {longest} pixels long, and size takes {knob['low']} to {knob['high']}; "
            "name one with --size"
        )
    return longest


def tell_differences(wish: Wish, job: Job) -> None:
    """Notes on what makes the picture another than one may expect."""
    network, memory, like = job.network, wish.memory, wish.asked.like
    if other := backbone_note(job.shared.recipe, network):
        tell(other)
    if memory is None:
        return
    if memory.step < memory.steps:
        tell(f"{like} was stopped at step {memory.step}; this paints all {memory.steps}")
    if memory.styles != job.style_hashes:
        tell(f"a style is not the file that {like} was painted after")
    if memory.backbone != network:
        tell(f"{like} was painted by {memory.backbone}, here {network} paints")
