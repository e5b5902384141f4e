"""What a link and a painting's file say: photo, styles, recipe and settings, readable.

A link is a query string; a PNG carries the same string in its text, with what made it.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode

from PIL import Image

from nst.recipes import RECIPES
from nst.settings import Settings, as_text

VERSION = "1"
KEY = "nst"
"""The text chunk of a PNG that holds it all, as JSON."""


@dataclass(frozen=True)
class Shared:
    """What somebody painted with: names of a sample photo and of plates, and the settings."""

    recipe: str = "atelier"
    settings: Settings = Settings()
    styles: tuple[str, ...] = ()
    photo: str = ""


def to_query(shared: Shared) -> str:
    """`style=swirling_night&strength=0.7&v=1`: what differs from the recipe's own settings."""
    own, query = RECIPES[shared.recipe], {}
    if shared.photo:
        query["photo"] = shared.photo
    if shared.styles:
        query["style"] = ",".join(shared.styles)
    if shared.recipe != "atelier":
        query["recipe"] = shared.recipe
    for knob in fields(Settings):
        value = getattr(shared.settings, knob.name)
        if value != getattr(own, knob.name):
            query[knob.name] = as_text(value)
    return urlencode(query | {"v": VERSION}, safe=",=")


def from_query(query: Mapping[str, str]) -> tuple[Shared, list[str]]:
    """What a link asks for, and a complaint about each part of it that is ignored.

    Names of photos and plates are not looked up here. Parts that nobody knows are no complaint:
    they are the address's own.
    """
    complaints = []
    recipe = query.get("recipe", "atelier")
    if recipe not in RECIPES:
        complaints.append(f"recipe is {recipe!r}; choose one of {', '.join(RECIPES)}")
        recipe = "atelier"
    settings = RECIPES[recipe]
    for knob in fields(Settings):
        if knob.name in query:
            try:
                asked: dict[str, Any] = {knob.name: query[knob.name]}
                settings = replace(settings, **asked)
            except ValueError as error:
                complaints.append(str(error))
    styles = tuple(filter(None, query.get("style", "").split(",")))
    return Shared(recipe, settings, styles, query.get("photo", "")), complaints


@dataclass(frozen=True)
class Painted:
    """What a painting remembers of its making.

    `styles` are the first digits of the SHA-256 of the styles' files; `also` names what else went
    in, "mask" and "start"; `step` of `steps` tells whether it was stopped.
    """

    shared: Shared
    styles: tuple[str, ...]
    also: tuple[str, ...]
    backbone: str
    step: int
    steps: int
    seconds: float


def fingerprint(path: str | Path) -> str:
    """The first sixteen hexadecimal digits of a file's SHA-256."""
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()[:16]


def to_text(painted: Painted) -> dict[str, str]:
    """Text chunks for a PNG: a line for people, and KEY for `from_text`. Nothing of the photo."""
    shared = painted.shared
    manner = " and ".join(shared.styles) or "no style"
    facts = {name: getattr(painted, name) for name in _FACTS}
    return {
        "Software": "nst",
        "Description": f"A photo after {manner}, painted by nst with {painted.backbone} "
        f"in {painted.seconds:.0f} s",
        KEY: json.dumps({"link": to_query(replace(shared, photo=""))} | facts),
    }


def from_text(image: Image.Image) -> tuple[Painted, list[str]] | None:
    """What an opened PNG remembers, with the complaints of `from_query`; None if it has nothing."""
    try:
        told = json.loads(getattr(image, "text", {})[KEY])
        shared, complaints = from_query(dict(parse_qsl(str(told["link"]))))
        return Painted(
            shared,
            tuple(map(str, told["styles"])),
            tuple(map(str, told["also"])),
            str(told["backbone"]),
            int(told["step"]),
            int(told["steps"]),
            float(told["seconds"]),
        ), complaints
    except (KeyError, TypeError, ValueError):
        return None


_FACTS = [fact.name for fact in fields(Painted) if fact.name != "shared"]
