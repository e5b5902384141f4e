"""Where paintings go: names that are safe, and no original that is written over."""

import os
import re
import unicodedata
from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import count
from pathlib import Path

from nst.cli.wish import Wish, is_folder
from nst.gallery import Style
from nst.images import ImageError, check_writable, image_format
from nst.job import job_title, resolve_request
from nst.sharing import file_name

_Identity = tuple[int, int]

_LAST = 99_999
"""A step's number that is as long as any."""


def plan_outputs(wish: Wish, offered: Sequence[Style]) -> list[Path]:
    """A file for each photo, checked as far as can be before any work; ValueError says what fails.

    In a folder a painting is called "PHOTO after STYLE.png"; where that is taken, a number follows.
    """
    common = wish.common()
    _, settings, styles = resolve_request(common, offered)
    asked, out = wish.asked, str(wish.asked.out)
    files = [*wish.photos, *(plate.path for plate in styles), asked.mask, asked.start, asked.like]
    originals = {told for file in files if file and (told := _identity(file))}
    if is_folder(out):
        _check_folder(Path(out))
        titles = [job_title(photo, styles) for photo in wish.photos]
        outs = list(_names(Path(out), titles, originals))
    else:
        outs = [Path(out)]
        check_writable(out)
    for file in outs:
        image_format(file, (settings.size, settings.size), common.keep_alpha)
        _check_own(file, originals)
        if asked.save_every and not is_folder(out):
            check_writable(numbered(file, _LAST))
        if asked.save_every and file.parent.is_dir():
            for older in _numbered_before(file):
                _check_own(older, originals)
    if asked.log:
        check_writable(asked.log)
        _check_own(Path(asked.log), originals)
        if os.path.realpath(asked.log) in map(os.path.realpath, outs):
            raise ImageError(f"{asked.log!r} can't hold both the painting and its losses")
    return outs


def check_own(out: Path, files: Iterable[str | Path | None]) -> None:
    """Raise ImageError if what is to be written is one of these, links to them among them."""
    _check_own(out, {told for file in files if file and (told := _identity(file))})


def numbered(out: Path, step: int) -> Path:
    """The file beside `out` for the picture as it stands after so many steps."""
    return out.with_name(f"{out.stem}-{step:04d}{out.suffix}")


def _numbered_before(out: Path) -> Iterator[Path]:
    """Files that are there and may be written over by numbered ones."""
    form = re.compile(re.escape(out.stem) + r"-\d{4,}" + re.escape(out.suffix))
    return (path for path in out.parent.iterdir() if form.fullmatch(path.name))


def _names(folder: Path, titles: Sequence[str], originals: Collection[_Identity]) -> Iterator[Path]:
    """A file in the folder for each title: no two of them the same, and none an original."""
    taken = set()
    for title in titles:
        for number in count(1):
            name = file_name(title, ".png" if number == 1 else f" {number}.png")
            # Some file systems know neither case nor how an accent is written.
            same = unicodedata.normalize("NFC", name).casefold()
            if same not in taken and _identity(folder / name) not in originals:
                taken.add(same)
                yield folder / name
                break


def _check_own(file: Path, originals: Collection[_Identity]) -> None:
    if _identity(file) in originals:
        raise ImageError(
            f"{str(file)!r} is one of the pictures to paint from, and stays as it is; "
            "choose another name"
        )


def _identity(path: str | Path) -> _Identity | None:
    """What two names of one file have in common, links among them; None if there is no file."""
    try:
        told = Path(path).stat()
    except (OSError, ValueError):
        return None
    return told.st_dev, told.st_ino


def _check_folder(folder: Path) -> None:
    """Raise ImageError if the folder can't be written into, or made where there is none yet."""
    try:
        there = next(path for path in (folder, *folder.absolute().parents) if path.exists())
        writable = there.is_dir() and os.access(there, os.W_OK | os.X_OK)
    except OSError:  # a name that is too long
        writable = False
    if not writable:
        raise ImageError(f"no painting can be put into {str(folder)!r}; choose another folder")
