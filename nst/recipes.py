"""Named settings: our own, and those of published systems.

A recipe keeps its source's own choices where they are known: start image, layers, normalisation,
weights, optimiser and number of steps.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from nst.settings import Settings

_FIVE_CONVS, _FIVE_RELUS = (
    tuple((f"{kind}{block}_1", 0.2) for block in range(1, 6)) for kind in ("conv", "relu")
)
_SCRATCH_LAYERS = tuple(
    (layer, 1.0) for layer in ("conv1_1", "conv2_1", "conv3_1", "conv4_1", "relu5_1")
)

DEFAULT = "atelier"

RECIPES = {
    DEFAULT: Settings(),
    "gatys": Settings(
        init="noise",
        scales=1,
        steps=500,
        coherence=0,
        smoothness=0,
        content_layers=(("conv4_2", 1.0),),
        content_loss="half",
        content_weight=1e-3,
        style_layers=_FIVE_CONVS,
        style_loss="gatys",
        pooling="average",
    ),
    "deep-art-gallery": Settings(
        init="noise",
        scales=1,
        optimizer="adam",
        steps=1000,
        coherence=0,
        smoothness=0,
        content_layers=(("conv4_2", 1.0),),
        content_loss="quarter",
        content_weight=10,
        style_layers=_FIVE_CONVS,
        style_loss="gatys",
        style_weight=40,
    ),
    "painting-with-gans": Settings(
        init="photo",
        scales=1,
        steps=4000,
        coherence=0,
        smoothness=0.25,
        content_layers=(("relu5_3", 1.0),),
        content_loss="half",
        content_weight=1e-11,
        style_layers=_FIVE_RELUS,
        style_loss="gatys",
        style_weight=1e-8,  # small, or the total variation would have no effect
    ),
    # The source feeds its network pixels of 0..1; ours takes 0..255, as Oxford trained it. Our
    # features are 255 times as large: the source's weights are divided by 255^2 for the content,
    # and by 255^4 for the style.
    "from-scratch": Settings(
        init="photo",
        scales=1,
        optimizer="adam",
        learning_rate=0.001,
        steps=10_000,
        coherence=0,
        smoothness=0,
        content_layers=_SCRATCH_LAYERS,
        content_loss="mean",
        content_weight=0.9 / 255**2,
        style_layers=_SCRATCH_LAYERS,
        style_loss="mean",
        style_weight=0.1 / 255**4,
    ),
    "texture": Settings(init="noise", content_layers=(), smoothness=0),
    "reconstruct": Settings(
        init="noise",
        scales=1,
        steps=200,
        coherence=0,
        smoothness=0,
        content_layers=(("conv4_2", 1.0),),
        content_loss="half",
        style_layers=(),
    ),
}
"""The settings of each recipe."""

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

    A style's own settings were chosen for our recipe. With any other recipe they are ignored.
    Raises ValueError for an unknown name or a bad value.
    """
    if recipe not in RECIPES:
        raise ValueError(f"recipe is {recipe!r}; choose one of {', '.join(RECIPES)}")
    own = own if own and recipe == DEFAULT else {}
    return change(RECIPES[recipe], preset, overrides or {}, own)


def change(
    settings: Settings,
    preset: str | None,
    overrides: Mapping[str, Any],
    own: Mapping[str, Any] | None = None,
) -> Settings:
    """The settings, changed by `own`, a preset and `overrides`. Errors are those of `combine`."""
    if preset is not None and preset not in PRESETS:
        raise ValueError(f"preset is {preset!r}; choose one of {', '.join(PRESETS)}")
    if unknown := set(overrides) - set(vars(settings)):
        names = ", ".join(map(repr, sorted(unknown)))
        raise ValueError(f"there is no setting {names}; there are {', '.join(vars(settings))}")
    few = PRESETS[preset] if preset is not None else {}
    changes: dict[str, Any] = {**(own or {}), **few, **overrides}
    return replace(settings, **changes) if changes else settings


@dataclass(frozen=True)
class Source:
    """Texts about a recipe and where it comes from.

    `formula` is LaTeX. `log_every` is the number of steps between two log lines of the losses.
    `backbones` are the networks that the source used; empty: any.
    """

    title: str
    credit: str
    description: str
    formula: str
    log_every: int
    backbones: tuple[str, ...] = ()


def _load_sources() -> dict[str, Source]:
    entries = tomllib.loads((Path(__file__).parent / "data/recipes.toml").read_text("utf-8"))
    return {
        name: Source(**entry | {"backbones": tuple(entry.get("backbones", ()))})
        for name, entry in entries.items()
    }


SOURCES = _load_sources()  # the source of each recipe, in the order of RECIPES

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
