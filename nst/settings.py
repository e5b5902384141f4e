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

Weights = tuple[float, ...]

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

    size: int = _knob(512, "Size", "longest side of the painting, in pixels", 64, 2048, 64)
    strength: float = _knob(
        0.5, "Strength", "0 keeps the photo, 1 lets the style rule", 0.0, 1.0, 0.05
    )
    coherence: float = _knob(
        0.35,
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
    detail: float = _knob(
        0.0, "Detail", "how much of the photo's fine structure survives", 0.0, 1.0, 0.05
    )
    colour: str = _knob(
        "style",
        "Colours",
        "the style's; the photo's, which takes only lightness from the style; or matched: the "
        "style's texture in the photo's palette",
        choices=("style", "photo", "matched"),
    )
    style_weights: Weights = _knob(
        (), "Style weights", "the share of each style, as 1,2,...; empty: equal shares"
    )
    effort: str = _knob(
        "normal",
        "Effort",
        "how long to paint; instant is one pass of a network, and no optimiser",
        choices=("instant", "quick", "normal", "fine"),
    )
    steps: int = _knob(0, "Steps", "optimiser steps in all; 0 leaves it to the effort", 0, 20000, 1)
    scales: int = _knob(
        0,
        "Scales",
        "sizes from coarse to fine; 0 leaves it to the size, 1 is the last alone",
        0,
        5,
        1,
    )
    init: str = _knob(
        "draft",
        "Start",
        "the picture to start from; a draft is the photo, its calm parts painted in one pass",
        choices=("draft", "photo", "noise", "style"),
    )
    optimizer: str = _knob(
        "lbfgs", "Optimiser", "L-BFGS learns fastest, Adam is gentler", choices=("lbfgs", "adam")
    )
    learning_rate: float = _knob(
        0.02, "Learning rate", "how far Adam moves a pixel in a step", 0.0001, 1.0, 0.0001
    )
    content_layers: Layers = _knob(
        (("relu4_1", 1.0),), "Content layers", "where the photo is compared, as LAYER=WEIGHT,..."
    )
    content_loss: str = _knob(
        "relative",
        "Content loss",
        "what the squared differences are divided by",
        choices=("relative", "half", "quarter", "mean"),
    )
    content_weight: float = _knob(
        0.1, "Content weight", "weight of the content at strength 0.5 (alpha)", 0.0, 1e12
    )
    style_layers: Layers = _knob(
        tuple((f"relu{b}_1", w) for b, w in enumerate((0.1, 0.25, 0.4, 0.2, 0.05), 1)),
        "Style layers",
        "where the style is compared, as LAYER=WEIGHT,...",
    )
    style_loss: str = _knob(
        "relative",
        "Style loss",
        "what the squared differences are divided by",
        choices=("relative", "gatys", "mean"),
    )
    style_weight: float = _knob(
        1.0, "Style weight", "weight of the style at strength 0.5 (beta)", 0.0, 1e12
    )
    pooling: str = _knob("max", "Pooling", "how the network shrinks", choices=("max", "average"))
    seed: int = _knob(0, "Seed", "same seed, same picture", 0, 2**31 - 1, 1)

    def __post_init__(self) -> None:
        for knob in fields(self):
            object.__setattr__(self, knob.name, _checked(knob, getattr(self, knob.name)))

    @property
    def from_photo(self) -> bool:
        """Whether the run starts from the photo, drafted in parts or as it is."""
        return self.init in ("draft", "photo")

    @property
    def in_one_pass(self) -> bool:
        """Whether the picture is painted at once, without an optimiser."""
        return self.effort == "instant" and not self.steps


def as_text(value: Any) -> str:
    """A setting's value as flags and links write it; `Settings` reads it back."""
    if not isinstance(value, tuple):
        return str(value)
    if value and isinstance(value[0], tuple):
        return ",".join(f"{layer}={_number(weight)}" for layer, weight in value)
    return ",".join(map(_number, value))


def _number(weight: float) -> str:
    """As short as it can be and still be read back as the same."""
    return str(weight).removesuffix(".0")


def _checked(knob: Field[Any], value: Any) -> Any:
    """The value in the knob's own type, or ValueError. Strings are read, as flags need it."""
    if knob.type is Layers:
        return _checked_layers(knob.name, value)
    if knob.type is Weights:
        return _checked_weights(knob.name, value)
    if choices := knob.metadata["choices"]:
        if value not in choices:
            raise ValueError(f"{knob.name} is {value!r}; choose one of {', '.join(choices)}")
        return value
    low, high = knob.metadata["low"], knob.metadata["high"]
    kind = "a whole number" if knob.type is int else "a number"
    complaint = ValueError(f"{knob.name} is {value!r}; it takes {kind} from {low} to {high}")
    try:
        number = float(value)
    except (OverflowError, TypeError, ValueError):
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
        said = {str(layer).strip(): 1 if weight == "" else weight for layer, weight in pairs}
        layers = {layer: float(weight) for layer, weight in said.items()}
    except (OverflowError, TypeError, ValueError):
        raise ValueError(f"{name} is {value!r}; write LAYER=WEIGHT,... as in relu4_1=1") from None
    for layer, weight in layers.items():
        if layer not in LAYER_NAMES:
            raise ValueError(
                f"{name} has {layer!r}; layers are named {LAYER_NAMES[0]} to {LAYER_NAMES[-1]}"
            )
        if not (math.isfinite(weight) and weight >= 0):
            raise ValueError(f"{name} gives {layer} the weight {weight}; it takes 0 or more")
    return tuple(layers.items())


def _checked_weights(name: str, value: Any) -> Weights:
    try:
        parts = value.split(",") if isinstance(value, str) else value
        weights = tuple(float(part) for part in parts if str(part).strip())
    except (OverflowError, TypeError, ValueError):
        raise ValueError(f"{name} is {value!r}; write numbers with commas, as in 1,2") from None
    if weights and not (all(0 <= w < math.inf for w in weights) and any(weights)):
        raise ValueError(f"{name} is {value!r}; it takes 0 or more, and at least one above 0")
    return weights
