"""Output files: safe names, and no input is overwritten."""

import os
import re
import unicodedata
from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import count
from pathlib import Path

from nst.cli.arguments import CliRequest, check_one_pass, is_folder
from nst.errors import InputError
from nst.gallery import Style
from nst.images import ImageError, check_writable, image_format
from nst.job import job_title, resolve_request
from nst.sharing import file_name

_FileId = tuple[int, int]  # device and inode: the same for all names of a file, symbolic and hard links included

_LONGEST_STEP = 99_999  # a step's number with the largest number of digits


def plan_outputs(request: CliRequest, available: Sequence[Style]) -> list[Path]:
    """A file for each photo, checked before any work. ValueError says what fails.

    In a folder a painting is called "PHOTO after STYLE.png", with a number if that name is taken.
    """
    common = request.for_any_photo()
    _, settings, styles = resolve_request(common, available)
    check_one_pass(request.overrides, settings)
    options, out = request.options, str(request.options.out)
    if options.bits == 16 and settings.colour == "photo":
        raise InputError("colour is photo, which has 8 bits per channel; leave --bits out")
    inputs = [options.mask, options.start, options.like]
    originals = _file_ids([*request.photos, *(style.path for style in styles), *inputs])
    if is_folder(out):
        _check_folder(Path(out))
        titles = [job_title(photo, styles) for photo in request.photos]
        outs = list(_file_names(Path(out), titles, originals))
    else:
        outs = [Path(out)]
        check_writable(out)
    for file in outs:
        image_format(file, (settings.size, settings.size), common.keep_alpha, request.file_options)
        _check_not_input(file, originals)
        if options.save_every and not is_folder(out):
            check_writable(numbered(file, _LONGEST_STEP))
        if options.save_every and file.parent.is_dir():
            for older in _existing_numbered(file):
                _check_not_input(older, originals)
    if options.log:
        check_writable(options.log)
        _check_not_input(Path(options.log), originals)
        if os.path.realpath(options.log) in map(os.path.realpath, outs):
            raise ImageError(f"{options.log!r} can't hold both the painting and its losses")
    return outs


def check_not_input(out: Path, inputs: Iterable[str | Path]) -> None:
    """Raise ImageError if `out` is one of the inputs, or a link to one."""
    _check_not_input(out, _file_ids(inputs))


def numbered(out: Path, step: int) -> Path:
    """The file beside `out` for the picture after so many steps."""
    return out.with_name(f"{out.stem}-{step:04d}{out.suffix}")


def _existing_numbered(out: Path) -> Iterator[Path]:
    """Existing files that pictures of single steps may overwrite."""
    form = re.compile(re.escape(out.stem) + r"-\d{4,}" + re.escape(out.suffix))
    return (path for path in out.parent.iterdir() if form.fullmatch(path.name))


def _file_names(folder: Path, titles: Sequence[str], originals: Collection[_FileId]) -> Iterator[Path]:
    """A file in the folder for each title: all different, and none of them an original."""
    used = set()
    for title in titles:
        for number in count(1):
            name = file_name(title, ".png" if number == 1 else f" {number}.png")
            # Some file systems ignore case and the Unicode form of accents.
            key = unicodedata.normalize("NFC", name).casefold()
            if key not in used and _file_id(folder / name) not in originals:
                used.add(key)
                yield folder / name
                break


def _check_not_input(file: Path, originals: Collection[_FileId]) -> None:
    if _file_id(file) in originals:
        raise ImageError(
            f"{str(file)!r} is one of the pictures to paint from, and stays as it is; choose another name"
        )


def _file_ids(files: Iterable[str | Path | None]) -> set[_FileId]:
    return {file_id for file in files if file and (file_id := _file_id(file))}


def _file_id(path: str | Path) -> _FileId | None:
    """None if there is no such file."""
    try:
        stat = Path(path).stat()
    except (OSError, ValueError):
        return None
    return stat.st_dev, stat.st_ino


def _check_folder(folder: Path) -> None:
    """Raise ImageError if the folder can't be created or written to."""
    try:
        existing = next(path for path in (folder, *folder.absolute().parents) if path.exists())
        writable = existing.is_dir() and os.access(existing, os.W_OK | os.X_OK)
    except OSError:  # the name is too long
        writable = False
    if not writable:
        raise ImageError(f"no painting can be put into {str(folder)!r}; choose another folder")
