"""What is on offer: sample photos, our plates in `examples`, and those of a Space's owner."""

import difflib
import logging
import tempfile
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from huggingface_hub import hf_hub_url, snapshot_download

from nst.hub import check_reachable
from nst.settings import Settings

log = logging.getLogger("nst")

EXAMPLES = Path(__file__).parent.parent / "examples"
PICTURES = ("*.jpg", "*.jpeg", "*.png", "*.webp")


@dataclass(frozen=True)
class Style:
    """A style: its name in flags and links, its file, what people read, its best settings."""

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
    """A sample photo: its name in links, its file, what people read, and who is to be thanked."""

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
    return [
        Photo(name, EXAMPLES / "photos" / f"{name}.jpg", **entry) for name, entry in entries.items()
    ]


def sample(name: str) -> Path:
    """The file of the sample photo of this name."""
    return next(photo.path for photo in load_photos() if photo.name == name)


def load_styles(folder: Path = EXAMPLES) -> list[Style]:
    """The plates of a folder: what its `catalogue.toml` lists, or else every picture in it.

    The pictures lie in `styles`, if there is such a folder, or beside the catalogue. An entry that
    is wrong is left out, with one log line. Raises ValueError or OSError where the catalogue can't
    be read.
    """
    room = folder / "styles" if (folder / "styles").is_dir() else folder
    files = {path.stem: path for pattern in PICTURES for path in sorted(room.glob(pattern))}
    catalogue = folder / "catalogue.toml"
    if not catalogue.is_file():
        return [Style(name, path, name.replace("_", " ")) for name, path in files.items()]
    found = []
    for name, entry in tomllib.loads(catalogue.read_text("utf-8")).items():
        try:
            found.append(_plate(name, files, entry))
        except ValueError as error:
            log.warning("the catalogue's %r is left out: %s", name, error)
    return found


def find_style(name: str, offered: Sequence[Style]) -> Style:
    """The plate of this name; ValueError names the one that is spelled most alike."""
    found = next((plate for plate in offered if plate.name == name), None)
    if found is None:
        nearest = difflib.get_close_matches(name, [plate.name for plate in offered], 1)
        hint = f"did you mean {nearest[0]!r}?" if nearest else "choose one of the gallery"
        raise ValueError(f"there is no style {name!r}; {hint}")
    return found


def own_settings(styles: Sequence[str], offered: Sequence[Style]) -> dict[str, Any]:
    """The best settings of the last of these styles that is a plate: it was chosen last."""
    chosen = [plate for name in styles for plate in offered if plate.name == name]
    return chosen[-1].settings if chosen else {}


def load_owner_styles(named: str, into: Path | None = None) -> list[Style]:
    """The plates of an owner: `named` is a folder, or a dataset repository on the Hub, which is
    downloaded to a new folder in `into`.

    None, and one log line, if they are out of reach or broken. May wait for the network.
    """
    if not named:
        return []
    try:
        folder = Path(named) if Path(named).is_dir() else _download(named, into)
        found = load_styles(folder)
        if not found:
            raise ValueError("no picture in it")
        return found
    # The Hub fails in more ways than can be listed, and none of them may cost more than a line.
    except Exception as error:
        reason = str(error).partition("\n")[0][:200]
        log.warning("the gallery %r is left out: %s", named, reason)
        return []


def _plate(name: str, files: dict[str, Path], entry: Any) -> Style:
    if name not in files:
        raise ValueError("there is no such picture")
    if not isinstance(entry, dict):
        raise ValueError(f"it is {entry!r}, and takes a table")
    told = {"title": name.replace("_", " "), **entry}
    for key, value in told.items():
        wanted = dict if key == "settings" else str
        if not isinstance(value, wanted):
            raise ValueError(f"{key} is {value!r}, and takes a {_KINDS[wanted]}")
    try:
        plate = Style(name, files[name], **told)
        Settings(**plate.settings)
    except TypeError as error:  # an entry or a setting that nobody knows
        raise ValueError(str(error)) from None
    return plate


_KINDS = {str: "text", dict: "table"}


def _download(repository: str, into: Path | None) -> Path:
    check_reachable(hf_hub_url(repository, "catalogue.toml", repo_type="dataset"))
    # Real files in a folder of their own: a page serves those, and not the links of a cache.
    folder = tempfile.mkdtemp(prefix="gallery-", dir=into)
    patterns = ["catalogue.toml", *PICTURES]
    snapshot_download(
        repository,
        repo_type="dataset",
        allow_patterns=patterns,
        local_dir=folder,
        cache_dir=folder,  # or a home is looked for, which not every user has
    )
    return Path(folder)
