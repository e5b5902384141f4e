"""Named settings: our own, and those of published systems (`data/recipes.toml`)."""

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from nst.errors import InputError
from nst.settings import Settings

DEFAULT = "atelier"

PRESETS: dict[str, dict[str, Any]] = {
    "gentle": {"strength": 0.25, "detail": 0.3, "style_scale": 1.0},
    "balanced": {"strength": 0.5, "detail": 0.0, "style_scale": 1.0},
    "bold": {"strength": 0.65, "detail": 0.25, "style_scale": 1.0},
    "wild": {"strength": 0.9, "detail": 0.0, "style_scale": 1.5},
}
"""A few settings at once, from a faint style to a strong one. They are applied to a recipe."""


def combine(
    recipe: str = DEFAULT,
    own: Mapping[str, Any] | None = None,
    preset: str | None = None,
    overrides: Mapping[str, Any] | None = None,
) -> Settings:
    """A recipe's settings, changed by a style's `own`, then by a preset, then by `overrides`.

    A style's own settings were chosen for our recipe. With any other recipe they are ignored. Raises ValueError for an
    unknown name or a bad value.
    """
    if not isinstance(recipe, str) or recipe not in RECIPES:
        raise InputError(f"recipe is {recipe!r}; choose one of {', '.join(RECIPES)}")
    own = own if own and recipe == DEFAULT else {}
    return change(RECIPES[recipe], preset, overrides or {}, own)


def change(
    settings: Settings, preset: str | None, overrides: Mapping[str, Any], own: Mapping[str, Any] | None = None
) -> Settings:
    """The settings, changed by `own`, a preset and `overrides`. Errors are those of `combine`."""
    if preset is not None and preset not in PRESETS:
        raise InputError(f"preset is {preset!r}; choose one of {', '.join(PRESETS)}")
    if unknown := set(overrides) - set(vars(settings)):
        names = ", ".join(map(repr, sorted(unknown)))
        raise InputError(f"there is no setting {names}; there are {', '.join(vars(settings))}")
    few = PRESETS[preset] if preset is not None else {}
    changes: dict[str, Any] = {**(own or {}), **few, **overrides}
    return replace(settings, **changes) if changes else settings


@dataclass(frozen=True)
class Source:
    """Texts about a recipe and where it comes from."""

    title: str
    credit: str
    description: str
    formula: str  # LaTeX
    log_every: int  # steps between two log lines of the losses
    backbones: Sequence[str] = ()  # networks that the source used; empty: any


def _load() -> tuple[dict[str, Settings], dict[str, Source]]:
    entries = tomllib.loads((Path(__file__).parent / "data/recipes.toml").read_text("utf-8"))
    recipes = {name: Settings(**entry.pop("settings", {})) for name, entry in entries.items()}
    return recipes, {name: Source(**entry) for name, entry in entries.items()}


RECIPES, SOURCES = _load()  # the settings of each recipe, and its texts

_SYMBOLS = (
    "$F, P$: features of the picture and the photo; $G, A$: Gram matrices of the picture and the "
    "style; $N$ channels, $M$ positions."
)


def describe_recipe(name: str, backbone: str) -> str:
    """A recipe in Markdown: description, formula, source, and `backbone_note`."""
    source = SOURCES[name]
    parts = [source.description, f"$${source.formula}$$", _SYMBOLS, f"Source: {source.credit}."]
    return "\n\n".join([*parts, backbone_note(name, backbone)]).strip()


def backbone_note(name: str, backbone: str) -> str:
    """A sentence if the recipe was written for another network than `backbone`, else ""."""
    originals = SOURCES[name].backbones
    if not originals or backbone in originals:
        return ""
    return f"{name} was written for {' or '.join(originals)}; here {backbone} paints."
