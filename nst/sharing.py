"""What a link says: photo, styles, recipe and settings, as a readable query string."""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any
from urllib.parse import urlencode

from nst.recipes import RECIPES
from nst.settings import Settings, as_text

VERSION = "1"


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
