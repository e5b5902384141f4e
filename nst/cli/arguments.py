"""From the command line's options to requests, one for each photo."""

import argparse
import glob
import os
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from PIL import Image

from nst.cli.terminal import print_message
from nst.errors import InputError
from nst.gallery import Style, match_style
from nst.images import FileOptions, is_address, open_checked, upright_size
from nst.job import Job, Request, resolve_request
from nst.optimise.pictures import open_pictures
from nst.optimise.recorder import RunOptions
from nst.recipes import RECIPES, backbone_note
from nst.settings import Settings
from nst.sharing import Provenance, from_text
from nst.video import ANIMATIONS, FILMS, is_clip

PHOTO_SIZE = "photo"  # a value of --size: the photo's own size


@dataclass(frozen=True)
class CliRequest:
    """Photos to paint in the same styles."""

    photos: list[str]
    styles: list[str | Path]
    provenance: Provenance | None  # of the painting that --like names
    overrides: Mapping[str, Any]  # settings by name
    options: argparse.Namespace  # all other arguments

    @property
    def keep_alpha(self) -> bool:
        """Whether the photo's transparent background is kept."""
        return self.options.keep_alpha or bool(self.provenance and "keep_alpha" in self.provenance.extra_inputs)

    @property
    def file_options(self) -> FileOptions:
        """How the file is written."""
        return FileOptions(self.options.bits, self.options.dpi)

    def for_any_photo(self) -> Request:
        """The request without the parts that depend on the photo: size, mask and start."""
        return Request(
            photo="photo",
            styles=self.styles,
            recipe=self.options.recipe,
            preset=self.options.preset,
            overrides={name: value for name, value in self.overrides.items() if (name, value) != ("size", PHOTO_SIZE)},
            like=self.provenance.link if self.provenance else None,
            keep_alpha=self.keep_alpha,
        )

    def for_photo(self, photo: str) -> Request:
        """The request for one of the photos. ValueError if its own size is out of range."""
        request = self.for_any_photo()
        if self.overrides.get("size") == PHOTO_SIZE:
            request = replace(request, overrides={**request.overrides, "size": _own_size(photo)})
        return replace(
            request,
            photo=photo,
            mask=self.options.mask,
            start=self.options.start,
            run=RunOptions(frame_every=self.options.save_every, remainder=self.file_options.bits == 16),
        )


def parse_request(options: argparse.Namespace, overrides: Mapping[str, Any], available: Sequence[Style]) -> CliRequest:
    """The photos and styles of the command line. ValueError if something is missing."""
    if options.out is None:
        raise InputError("-o is required: name the file to write, or a folder for several photos")
    provenance = _read_provenance(options.like) if options.like else None
    photos, names = split_photos_and_styles(options)
    if not photos:
        raise InputError("a photo is required: write PHOTO STYLE -o OUT.png")
    _check_films(photos, names)
    if len(photos) > 1:
        if not is_folder(options.out):
            raise InputError(f"{len(photos)} photos need a folder; end {options.out!r} in a slash")
        if flag := next((name for name in ("start", "log", "resume") if getattr(options, name)), None):
            raise InputError(f"--{flag} is for one photo, and there are {len(photos)}")
    styles = [_file_or_id(name, available) for name in names]
    if provenance:
        for name in ("mask", "start"):
            if name in provenance.extra_inputs and not getattr(options, name):
                raise InputError(f"{options.like!r} was painted with a {name}; add --{name}")
        styles = styles or _styles_of(provenance, options.like, available)
    return CliRequest(photos, styles, provenance, overrides, options)


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


def expand_patterns(options: argparse.Namespace, available: Sequence[Style]) -> None:
    """Replace patterns such as *.jpg by the files that match, as some shells don't.

    ValueError if none does.
    """
    for name in ("pictures", "style"):
        texts = getattr(options, name)
        setattr(options, name, [file for text in texts for file in _matching_files(text, available)])


def _matching_files(text: str, available: Sequence[Style]) -> list[str]:
    """The files that match a pattern, sorted; anything that is no pattern as it is."""
    if glob.escape(text) == text or os.path.lexists(text) or is_address(text) or match_style(text, available):
        return [text]
    parents = Path(text).parents  # from the longest: the name of a folder that exists is no pattern
    folder = next((path for path in parents if os.path.isdir(path)), Path())  # noqa: PTH112 (it never raises)
    names = sorted(glob.glob(str(Path(text).relative_to(folder)), root_dir=folder))  # noqa: PTH207 (no hidden files)
    files = [str(folder / name) for name in names if (folder / name).is_file()]
    if not files:
        raise InputError(f"no file matches {text!r}; check the folder and the pattern")
    return files


def reject_painting_options(options: argparse.Namespace, reason: str, allowed: Collection[str] = ()) -> None:
    """Raise ValueError for an option that is for one painting of one photo only."""
    for name in ("mask", "start", "log", "log_every", "save_every", "keep_alpha", "like", "resume", "dpi"):
        if getattr(options, name) and name not in allowed:
            raise InputError(f"--{name.replace('_', '-')} is for a painting of a photo, and {reason}")
    if options.bits != 8:
        raise InputError(f"--bits is for a painting of a photo, and {reason}")


def check_request(request: CliRequest, available: Sequence[Style]) -> None:
    """Raise ValueError for errors that every photo would have, so that they appear once."""
    _, settings, styles = resolve_request(request.for_any_photo(), available)
    mask = request.options.mask
    photo = Image.new("L", upright_size(mask, "the mask") if mask else (64, 48))
    open_pictures(photo, [style.path for style in styles], settings, mask)


def check_one_pass(overrides: Mapping[str, Any], settings: Settings) -> None:
    """Raise ValueError if --one-pass is given with options that only the optimiser has."""
    if overrides.get("effort") == "one-pass" and not settings.in_one_pass:
        raise InputError(f"--one-pass takes no steps; leave out what asks for {settings.steps} of them, or --one-pass")


def _check_films(photos: Sequence[str], styles: Sequence[str]) -> None:
    """Raise ValueError for a film among several photos, or as a style. An animation may show its first picture."""
    for names, reason in (
        (photos[: len(photos) * (len(photos) > 1)], "is painted alone; write FILM STYLE -o OUT.mp4"),
        (styles, "can't be a style; save one of its pictures, and name that"),
    ):
        for name in names:
            if Path(name).suffix.lower() not in ANIMATIONS and is_clip(name):
                raise InputError(f"{name!r} is a film, which {reason}")


def is_folder(out: str) -> bool:
    """Whether `out` names a folder, which need not exist."""
    return out.endswith(("/", os.sep)) or os.path.isdir(out)  # noqa: PTH112 (it never raises)


def split_photos_and_styles(options: argparse.Namespace) -> tuple[list[str], list[str]]:
    """Photos and styles.

    A file as output takes one photo, and all other pictures are styles. A folder takes several photos, and the last
    picture is the style, unless another option determines the style.
    """
    pictures = options.pictures
    if options.style:
        return pictures, options.style
    if not is_folder(options.out):
        return pictures[:1], pictures[1:]
    if options.like or (options.recipe and not RECIPES[options.recipe].style_layers):
        return pictures, []
    return pictures[:-1], pictures[-1:]


def _file_or_id(text: str, available: Sequence[Style]) -> str | Path:
    """A file's path, or a style's id. Unknown names stay as they are: looking them up fails."""
    is_file = os.path.isfile(text)  # noqa: PTH113 (it never raises)
    if not is_file and (style := match_style(text, available)):
        return style.name
    as_path = is_file or Path(text).suffix or is_address(text) or os.path.exists(text)  # noqa: PTH110
    return Path(text) if as_path else text


def _styles_of(provenance: Provenance, like: str, available: Sequence[Style]) -> list[str | Path]:
    names = provenance.link.styles
    if unknown := [name for name in names if not match_style(name, available)]:
        raise InputError(f"{like!r} was painted after {unknown[0]!r}; name its file, too")
    return list(names)


def _read_provenance(like: str) -> Provenance:
    with open_checked(like, "the painting to be like") as picture:
        picture.load()  # raises the right error for a broken file
        metadata = from_text(picture)
    if metadata is None:
        raise InputError(f"{like!r} does not remember how it was painted; only PNGs of nst do")
    provenance, complaints = metadata
    for complaint in complaints:
        print_message(complaint)
    return provenance


def _own_size(photo: str) -> int:
    longest = max(upright_size(photo, "the photo"))
    limits = next(spec for spec in fields(Settings) if spec.name == "size").metadata
    if not limits["low"] <= longest <= limits["high"]:
        raise InputError(
            f"the photo is {longest} pixels long, and size takes {limits['low']} to "
            f"{limits['high']}; name one with --size"
        )
    return longest


def print_differences(request: CliRequest, job: Job) -> None:
    """Print why the picture may differ from the recipe's source, or from the --like painting."""
    network, provenance, like = job.network, request.provenance, request.options.like
    if note := backbone_note(job.link.recipe, network):
        print_message(note)
    if provenance is None:
        return
    step, steps = provenance.step, provenance.steps
    if step < steps:
        print_message(f"{like} was stopped at step {step}; this paints all {steps}")
    if provenance.style_hashes != job.style_hashes:
        print_message(f"a style is not the file that {like} was painted after")
    if provenance.backbone != network:
        print_message(f"{like} was painted by {provenance.backbone}, here {network} paints")
