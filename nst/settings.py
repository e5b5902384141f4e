"""Every knob of the engine, once: default, range, unit and help.

The page's sliders, the command line's flags and whatever else needs to know a setting are made
from the fields of `Settings`.
"""

import math
from collections.abc import Mapping
from dataclasses import Field, dataclass, field, fields
from typing import Any

Layers = tuple[tuple[str, float], ...]
"""Layers with their weights, such as `(("relu4_1", 1.0),)`."""

LAYER_NAMES = tuple(
    f"{kind}{block}_{number}"
    for block, length in enumerate((2, 2, 4, 4, 4), 1)
    for number in range(1, length + 1)
    for kind in ("conv", "relu")
)


def _knob(
    default: Any,
    label: str,
    help: str,
    low: float | None = None,
    high: float | None = None,
    step: float | None = None,
    choices: tuple[str, ...] = (),
) -> Any:
    knob = {"label": label, "help": help, "low": low, "high": high, "step": step}
    return field(default=default, metadata=knob | {"choices": choices})


@dataclass(frozen=True)
class Settings:
    """What to paint, as plain values. A bad one raises ValueError naming field, value and range."""

    recipe: str = _knob(
        "atelier",
        "Recipe",
        "named settings to start from; other knobs still count",
        choices=("atelier",),
    )
    size: int = _knob(512, "Size", "longest side of the painting, in pixels", 64, 2048, 64)
    strength: float = _knob(
        0.5, "Strength", "0 keeps the photo, 1 lets the style rule", 0.0, 1.0, 0.05
    )
    coherence: float = _knob(
        0.5,
        "Coherence",
        "how far strokes follow the photo's forms (feature matching)",
        0.0,
        1.0,
        0.05,
    )
    style_scale: float = _knob(
        1.0, "Stroke size", "size of the style's strokes (style scale)", 0.25, 4.0, 0.25
    )
    smoothness: float = _knob(
        0.2, "Smoothness", "calms the finest grain (total variation)", 0.0, 1.0, 0.05
    )
    effort: str = _knob(
        "normal", "Effort", "how long to paint", choices=("quick", "normal", "fine")
    )
    steps: int = _knob(0, "Steps", "optimiser steps in all; 0 leaves it to the effort", 0, 20000, 1)
    init: str = _knob(
        "photo", "Start", "the picture to start from", choices=("photo", "noise", "style")
    )
    optimizer: str = _knob(
        "lbfgs", "Optimiser", "L-BFGS learns fastest, Adam is gentler", choices=("lbfgs", "adam")
    )
    content_layers: Layers = _knob(
        (("relu4_1", 1.0),), "Content layers", "where the photo is compared, as LAYER=WEIGHT,..."
    )
    style_layers: Layers = _knob(
        tuple((f"relu{block}_1", 1.0) for block in range(1, 6)),
        "Style layers",
        "where the style is compared, as LAYER=WEIGHT,...",
    )
    pooling: str = _knob("max", "Pooling", "how the network shrinks", choices=("max", "average"))
    seed: int = _knob(0, "Seed", "same seed, same picture", 0, 2**31 - 1, 1)

    def __post_init__(self) -> None:
        for knob in fields(self):
            object.__setattr__(self, knob.name, _checked(knob, getattr(self, knob.name)))


def _checked(knob: Field[Any], value: Any) -> Any:
    """The value in the knob's own type, or ValueError. Strings are read, as flags need it."""
    if knob.name.endswith("_layers"):
        return _checked_layers(knob.name, value)
    if choices := knob.metadata["choices"]:
        if value not in choices:
            raise ValueError(f"{knob.name} is {value!r}; choose one of {', '.join(choices)}")
        return value
    low, high = knob.metadata["low"], knob.metadata["high"]
    kind = "a whole number" if knob.type is int else "a number"
    complaint = ValueError(f"{knob.name} is {value!r}; it takes {kind} from {low} to {high}")
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise complaint from None
    if isinstance(value, bool) or not low <= number <= high:
        raise complaint
    if knob.type is int and number != int(number):
        raise complaint
    return int(number) if knob.type is int else number


def _checked_layers(name: str, value: Any) -> Layers:
    pairs: Any = value
    try:
        if isinstance(value, str):
            pairs = [part.partition("=")[::2] for part in value.split(",") if part.strip()]
        elif isinstance(value, Mapping):
            pairs = value.items()
        layers = {str(layer).strip(): float(weight or 1) for layer, weight in pairs}
    except (TypeError, ValueError):
        raise ValueError(f"{name} is {value!r}; write LAYER=WEIGHT,... as in relu4_1=1") from None
    for layer, weight in layers.items():
        if layer not in LAYER_NAMES:
            raise ValueError(
                f"{name} has {layer!r}; layers are named {LAYER_NAMES[0]} to {LAYER_NAMES[-1]}"
            )
        if not (math.isfinite(weight) and weight >= 0):
            raise ValueError(f"{name} gives {layer} the weight {weight}; it takes 0 or more")
    return tuple(layers.items())
