"""Links and the metadata of painted PNGs: photo, styles, recipe and settings as readable text.

A link is a query string. A PNG carries the same string in a text chunk, with facts about the run.
"""

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlencode

from PIL import Image

from nst.gallery import Style, match_style
from nst.images import ImageError, open_checked
from nst.recipes import DEFAULT, RECIPES, combine
from nst.settings import Settings, as_text

VERSION = "1"
"""Our own links carry it, and list every setting that differs from the recipe. In a link without it, written by hand,
a style's own settings apply."""
MAX_TEXT = 20_000  # largest size of a PNG's metadata, in bytes
MAX_STEPS, MAX_SECONDS = 10**7, 10**9  # upper bounds of a believable run
KEY = "nst"  # the text chunk of a PNG that holds the metadata, as JSON
NAME_BYTES = 200  # longest file name; file systems allow 255 bytes
ONE_PASS = "one-pass network"  # `Provenance.backbone` of a picture that the one-pass network painted
_OLD_BACKBONES = {"Magenta": ONE_PASS}  # names in older PNGs


@dataclass(frozen=True)
class ShareLink:
    """The content of a link: ids of a sample photo and of styles, recipe and settings."""

    recipe: str = DEFAULT
    settings: Settings = Settings()
    styles: tuple[str, ...] = ()
    photo: str = ""


def join_names(names: Sequence[str]) -> str:
    """Names in one text, as links and the API write them. A comma within a name is escaped."""
    return ",".join(name.replace("%", "%25").replace(",", "%2C") for name in names)


def split_names(text: str) -> tuple[str, ...]:
    """The inverse of `join_names`."""
    return tuple(name for part in text.split(",") if (name := unquote(part).strip()))


def to_query(link: ShareLink) -> str:
    """`style=swirling_night&strength=0.7&v=1`: all that differs from the recipe's settings."""
    defaults, query = RECIPES[link.recipe], {}
    if link.photo:
        query["photo"] = link.photo
    if link.styles:
        query["style"] = join_names(link.styles)
    if link.recipe != DEFAULT:
        query["recipe"] = link.recipe
    for spec in fields(Settings):
        value = getattr(link.settings, spec.name)
        if value != getattr(defaults, spec.name):
            query[spec.name] = as_text(value)
    return urlencode(query | {"v": VERSION}, safe=",=")


def parse_query(query: str) -> dict[str, str]:
    """The parameters of a query string. An empty one counts, as in `content_layers=`."""
    return dict(parse_qsl(query, keep_blank_values=True))


def from_query(query: Mapping[str, str], styles: Sequence[Style] = ()) -> tuple[ShareLink, list[str]]:
    """The content of a link, and a complaint about each parameter with a bad value.

    Titles of the available `styles` are replaced by their ids, and a style's own settings apply to
    a link without VERSION. Unknown names of photos and styles are kept, and unknown parameters are
    ignored: they belong to the rest of the address.
    """
    complaints = []
    recipe = query.get("recipe", DEFAULT)
    matches = [(name, match_style(name, styles)) for name in split_names(query.get("style", ""))]
    settings_of_styles = [style.settings for _, style in matches if style]
    own = settings_of_styles[-1] if settings_of_styles and "v" not in query else {}
    try:
        settings = combine(recipe, own)
    except ValueError as error:
        complaints.append(str(error))
        recipe = DEFAULT
        settings = combine(recipe, own)
    for spec in fields(Settings):
        if spec.name in query:
            try:
                changes: dict[str, Any] = {spec.name: query[spec.name]}
                settings = replace(settings, **changes)
            except ValueError as error:
                complaints.append(str(error))
    names = tuple(style.name if style else name for name, style in matches)
    return ShareLink(recipe, settings, names, query.get("photo", "")), complaints


@dataclass(frozen=True)
class Provenance:
    """How a painting was made, as stored in its PNG."""

    link: ShareLink
    style_hashes: tuple[str, ...]  # `file_hash`es of the styles
    extra_inputs: tuple[str, ...]  # "mask", "start" and "keep_alpha", where they were used
    backbone: str
    step: int  # less than `steps` if the run was stopped early
    steps: int
    seconds: float


_JSON_KEYS = {
    "style_hashes": "styles",
    "extra_inputs": "also",
    "backbone": "backbone",
    "step": "step",
    "steps": "steps",
    "seconds": "seconds",
}
"""The fields of Provenance, and their keys in the JSON; `link` is a query string."""
_LISTS = {"styles", "also"}
_TYPES: dict[str, tuple[type, ...]] = {
    "link": (str,),
    "styles": (str,),
    "also": (str,),
    "backbone": (str,),
    "step": (int,),
    "steps": (int,),
    "seconds": (int, float),
}
"""The types of the JSON's values, or of the items of its _LISTS."""


def file_hash(path: str | Path) -> str:
    """The first sixteen hexadecimal digits of a file's SHA-256."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:16]


def to_text(provenance: Provenance) -> dict[str, str]:
    """Text chunks for a PNG: a line for people, and KEY for `from_text`. Nothing of the photo."""
    link = provenance.link
    manner = " and ".join(link.styles) or "no style"
    facts = {key: getattr(provenance, name) for name, key in _JSON_KEYS.items()}
    return {
        "Software": "nst",
        "Description": f"A photo after {manner}, painted by nst with {provenance.backbone} "
        f"in {provenance.seconds:.0f} s",
        KEY: json.dumps({"link": to_query(replace(link, photo=""))} | facts),
    }


def from_text(image: Image.Image) -> tuple[Provenance, list[str]] | None:
    """The metadata of an opened PNG, with the complaints of `from_query`.

    None if there is none, or if it can't be true: anybody may have written the file.
    """
    try:
        text = image.info[KEY]
        if len(text.encode()) > MAX_TEXT:
            return None
        facts = json.loads(text)
        json.dumps(facts, ensure_ascii=False, allow_nan=False).encode()
        if not _plausible(facts):
            return None
        link, complaints = from_query(parse_query(facts["link"]))
        values: dict[str, Any] = {
            name: tuple(facts[key]) if key in _LISTS else facts[key] for name, key in _JSON_KEYS.items()
        }
        values["backbone"] = _OLD_BACKBONES.get(values["backbone"], values["backbone"])
        return Provenance(link, **values), complaints
    # Lone surrogates, NaN and invalid JSON all raise ValueErrors.
    except (AttributeError, KeyError, RecursionError, TypeError, ValueError):
        return None


def _plausible(facts: Any) -> bool:
    """Whether parsed JSON has the right types and possible numbers; KeyError, TypeError if not."""
    for key, types in _TYPES.items():
        values = facts[key] if isinstance(facts[key], list) else [facts[key]]
        if isinstance(facts[key], list) != (key in _LISTS):
            return False
        if not all(type(value) in types for value in values):
            return False
    in_range = 0 <= facts["step"] <= facts["steps"] < MAX_STEPS
    return in_range and 0 <= facts["seconds"] < MAX_SECONDS


def from_file(path: str | Path) -> tuple[Provenance, list[str]] | None:
    """As `from_text`, for a file. None also for a file that is no PNG."""
    try:
        with open_checked(path) as picture:
            return from_text(picture) if picture.format == "PNG" else None
    except ImageError:
        return None


def file_name(title: str, suffix: str) -> str:
    """A title as a file's name: no separators or control characters, at most NAME_BYTES long."""
    safe = re.sub(r'[\x00-\x1f\x7f/\\:*?"<>|]+', " ", title.encode("utf-8", "ignore").decode())
    short = safe.encode()[: NAME_BYTES - len(suffix.encode())].decode("utf-8", "ignore").strip(" .")
    return (short or "painting") + suffix
