"""Sample photos, the styles in `examples`, and the styles that the owner of a Space adds."""

import difflib
import logging
import re
import tempfile
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nst.errors import InputError
from nst.hub import check_reachable
from nst.settings import Settings

log = logging.getLogger("nst")

_PACKAGED = Path(__file__).parent / "examples"
EXAMPLES = _PACKAGED if _PACKAGED.is_dir() else Path(__file__).parent.parent / "examples"
"""Styles and photos: in an installed package a folder of its own, else the repository's."""
PICTURES = ("*.jpg", "*.jpeg", "*.png", "*.webp")

_TYPE_NAMES = {str: "text", dict: "table"}


@dataclass(frozen=True)
class Style:
    """A style: its id, its file, texts for people, and the settings that suit it best."""

    name: str
    path: Path
    title: str
    tradition: str = ""
    description: str = ""
    alt: str = ""
    licence: str = ""
    settings: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Photo:
    """A sample photo: its id, its file, texts for people, and its author."""

    name: str
    path: Path
    title: str
    alt: str
    credit: str
    licence: str
    source: str


def load_photos() -> list[Photo]:
    """The sample photos, in the order of `examples/photos.toml`."""
    entries = tomllib.loads((EXAMPLES / "photos.toml").read_text("utf-8"))
    return [Photo(name, EXAMPLES / "photos" / f"{name}.jpg", **entry) for name, entry in entries.items()]


def sample(name: str) -> Path:
    """The file of the sample photo with this id."""
    return next(photo.path for photo in load_photos() if photo.name == name)


def load_styles(folder: Path = EXAMPLES) -> list[Style]:
    """The styles of a folder: the entries of its `catalogue.toml`, or else all its pictures.

    The pictures lie in the subfolder `styles`, if there is one, or beside the catalogue. A wrong entry is skipped with
    one log line. Raises ValueError or OSError for an unreadable catalogue.
    """
    pictures = folder / "styles" if (folder / "styles").is_dir() else folder
    files = {path.stem: path for pattern in PICTURES for path in sorted(pictures.glob(pattern))}
    catalogue = folder / "catalogue.toml"
    if not catalogue.is_file():
        return [Style(name, path, name.replace("_", " ")) for name, path in files.items()]
    styles = []
    for name, entry in tomllib.loads(catalogue.read_text("utf-8")).items():
        try:
            styles.append(_read_entry(name, files, entry))
        except ValueError as error:
            log.warning("the catalogue's %r is left out: %s", name, error)
    return styles


def match_style(name: str, styles: Sequence[Style]) -> Style | None:
    """The style with this id or title, or None.

    Case does not matter, and spaces, hyphens and underscores are alike. An id has precedence over a title, and an
    exact id over both.
    """
    key = _key(name)
    by_title = [style for style in styles if key and _key(style.title) == key]
    by_id = [style for style in styles if key and _key(style.name) == key]
    exact = [style for style in styles if style.name == name]
    return next(iter(exact + by_id + by_title), None)


def find_style(name: str, styles: Sequence[Style]) -> Style:
    """As `match_style`, but ValueError suggests the nearest id or title."""
    if style := match_style(name, styles):
        return style
    ids = {_key(style.name): style.name for style in styles}
    names = {_key(style.title): style.title for style in styles} | ids
    nearest = difflib.get_close_matches(_key(name), names, 1)
    hint = f"did you mean {names[nearest[0]]!r}?" if nearest else "choose one of the gallery"
    raise InputError(f"there is no style {name!r}; {hint}")


def _key(name: str) -> str:
    return re.sub(r"[\s_-]+", " ", name).strip().casefold()


def load_owner_styles(source: str, into: Path | None = None) -> list[Style]:
    """The styles of a folder, or of a dataset repository on the Hub.

    A repository is downloaded to a new folder in `into`, which may take a while. Styles that are missing or broken
    cost one log line, and the list is empty.
    """
    if not source:
        return []
    try:
        folder = Path(source) if Path(source).is_dir() else _download(source, into)
        styles = load_styles(folder)
        if not styles:
            raise InputError("no picture in it")
        return styles
    # The Hub fails in more ways than can be listed, and none of them may stop the page.
    except Exception as error:
        reason = str(error).partition("\n")[0][:200]
        log.warning("the gallery %r is left out: %s", source, reason)
        return []


def _read_entry(name: str, files: dict[str, Path], entry: Any) -> Style:
    if name not in files:
        raise InputError("there is no such picture")
    if not isinstance(entry, dict):
        raise InputError(f"it is {entry!r}, and takes a table")
    texts = {"title": name.replace("_", " "), **entry}
    for key, value in texts.items():
        kind = dict if key == "settings" else str
        if not isinstance(value, kind):
            raise InputError(f"{key} is {value!r}, and takes a {_TYPE_NAMES[kind]}")
    try:
        style = Style(name, files[name], **texts)
        Settings(**style.settings)
    except TypeError as error:  # an unknown key, or an unknown setting
        raise InputError(str(error)) from None
    return style


def _download(repository: str, into: Path | None) -> Path:
    from huggingface_hub import hf_hub_url, snapshot_download  # takes a fifth of a second

    check_reachable(hf_hub_url(repository, "catalogue.toml", repo_type="dataset"))
    # Real files in a folder of their own: the page does not serve the symbolic links of a cache.
    folder = tempfile.mkdtemp(prefix="gallery-", dir=into)
    snapshot_download(
        repository,
        repo_type="dataset",
        allow_patterns=["catalogue.toml", *PICTURES],
        local_dir=folder,
        cache_dir=folder,  # the default is in the home folder, which not every user has
    )
    return Path(folder)
