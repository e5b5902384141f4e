"""What a link and a painting's file say: photo, styles, recipe and settings, readable.

A link is a query string; a PNG carries the same string in its text, with what made it.
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

from nst.gallery import Style, own_settings
from nst.images import ImageError, open_checked
from nst.recipes import DEFAULT, RECIPES, combine
from nst.settings import Settings, as_text

VERSION = "1"
"""Links that carry it are ours and tell all that differs from the recipe; in others, which people
write by hand, a plate's own settings count where nothing is said."""
MAX_TEXT = 20_000
"""Bytes that a PNG's memory may have."""
MAX_STEPS, MAX_SECONDS = 10**7, 10**9
"""Of a run that anybody has waited for."""

KEY = "nst"
"""The text chunk of a PNG that holds it all, as JSON."""
NAME_BYTES = 200
"""Of a file's name; file systems allow 255."""


@dataclass(frozen=True)
class ShareLink:
    """What somebody painted with: names of a sample photo and of plates, and the settings."""

    recipe: str = DEFAULT
    settings: Settings = Settings()
    styles: tuple[str, ...] = ()
    photo: str = ""


def join_names(names: Sequence[str]) -> str:
    """Names in one text, as links and the API write them; a comma within a name is escaped."""
    return ",".join(name.replace("%", "%25").replace(",", "%2C") for name in names)


def split_names(text: str) -> tuple[str, ...]:
    """The names that `join_names` put together."""
    return tuple(name for part in text.split(",") if (name := unquote(part).strip()))


def to_query(shared: ShareLink) -> str:
    """`style=swirling_night&strength=0.7&v=1`: what differs from the recipe's own settings."""
    own, query = RECIPES[shared.recipe], {}
    if shared.photo:
        query["photo"] = shared.photo
    if shared.styles:
        query["style"] = join_names(shared.styles)
    if shared.recipe != DEFAULT:
        query["recipe"] = shared.recipe
    for knob in fields(Settings):
        value = getattr(shared.settings, knob.name)
        if value != getattr(own, knob.name):
            query[knob.name] = as_text(value)
    return urlencode(query | {"v": VERSION}, safe=",=")


def parts(query: str) -> dict[str, str]:
    """What a query string says, by name; nothing is something to say, as in `content_layers=`."""
    return dict(parse_qsl(query, keep_blank_values=True))


def from_query(
    query: Mapping[str, str], offered: Sequence[Style] = ()
) -> tuple[ShareLink, list[str]]:
    """What a link asks for, and a complaint about each part of it that is ignored.

    Names of photos and plates are only looked up for the plates' own settings (see VERSION). Parts
    that nobody knows are no complaint: they are the address's own.
    """
    complaints = []
    recipe = query.get("recipe", DEFAULT)
    styles = split_names(query.get("style", ""))
    own = {} if "v" in query else own_settings(styles, offered)
    try:
        settings = combine(recipe, own)
    except ValueError as error:
        complaints.append(str(error))
        recipe = DEFAULT
        settings = combine(recipe, own)
    for knob in fields(Settings):
        if knob.name in query:
            try:
                asked: dict[str, Any] = {knob.name: query[knob.name]}
                settings = replace(settings, **asked)
            except ValueError as error:
                complaints.append(str(error))
    return ShareLink(recipe, settings, styles, query.get("photo", "")), complaints


@dataclass(frozen=True)
class Provenance:
    """What a painting remembers of its making.

    `styles` are the first digits of the SHA-256 of the styles' files; `extra_inputs` names what
    else went in, "mask" and "start"; `step` of `steps` tells whether it was stopped.
    """

    shared: ShareLink
    styles: tuple[str, ...]
    extra_inputs: tuple[str, ...]
    backbone: str
    step: int
    steps: int
    seconds: float


def file_hash(path: str | Path) -> str:
    """The first sixteen hexadecimal digits of a file's SHA-256."""
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()[:16]


def to_text(painted: Provenance) -> dict[str, str]:
    """Text chunks for a PNG: a line for people, and KEY for `from_text`. Nothing of the photo."""
    shared = painted.shared
    manner = " and ".join(shared.styles) or "no style"
    facts = {key: getattr(painted, name) for name, key in _FACTS.items()}
    return {
        "Software": "nst",
        "Description": f"A photo after {manner}, painted by nst with {painted.backbone} "
        f"in {painted.seconds:.0f} s",
        KEY: json.dumps({"link": to_query(replace(shared, photo=""))} | facts),
    }


def from_text(image: Image.Image) -> tuple[Provenance, list[str]] | None:
    """What an opened PNG remembers, with the complaints of `from_query`; None if it has nothing.

    Whoever made the file may have written anything: what can't be true is nothing remembered.
    """
    try:
        text = image.info[KEY]
        if len(text.encode()) > MAX_TEXT:
            return None
        told = json.loads(text)
        json.dumps(told, ensure_ascii=False, allow_nan=False).encode()
        for name, kinds in _KINDS.items():
            values = told[name] if isinstance(told[name], list) else [told[name]]
            if isinstance(told[name], list) != (name in _LISTS):
                return None
            if not all(type(value) in kinds for value in values):
                return None
        if not 0 <= told["step"] <= told["steps"] < MAX_STEPS:
            return None
        if not 0 <= told["seconds"] < MAX_SECONDS:
            return None
        shared, complaints = from_query(parts(told["link"]))
        facts: dict[str, Any] = {
            name: tuple(told[key]) if key in _LISTS else told[key] for name, key in _FACTS.items()
        }
        return Provenance(shared, **facts), complaints
    # Half of a surrogate pair, a number that is none, and what is no JSON are all ValueErrors.
    except (AttributeError, KeyError, RecursionError, TypeError, ValueError):
        return None


def from_file(path: str | Path) -> tuple[Provenance, list[str]] | None:
    """The same of a file; None also for what is no PNG."""
    try:
        with open_checked(path) as picture:
            return from_text(picture) if picture.format == "PNG" else None
    except ImageError:
        return None


def file_name(title: str, suffix: str) -> str:
    """A title as a file's name: no separators and controls, and not too long in UTF-8."""
    safe = re.sub(r'[\x00-\x1f\x7f/\\:*?"<>|]+', " ", title.encode("utf-8", "ignore").decode())
    short = safe.encode()[: NAME_BYTES - len(suffix.encode())].decode("utf-8", "ignore").strip(" .")
    return (short or "painting") + suffix


_FACTS = {
    fact.name: "also" if fact.name == "extra_inputs" else fact.name
    for fact in fields(Provenance)
    if fact.name != "shared"
}
"""The fields and their keys in the JSON."""
_LISTS = {"styles", "also"}
_KINDS: dict[str, tuple[type, ...]] = {
    "link": (str,),
    "styles": (str,),
    "also": (str,),
    "backbone": (str,),
    "step": (int,),
    "steps": (int,),
    "seconds": (int, float),
}
"""What a memory holds; of `styles` and `also` there may be several."""
