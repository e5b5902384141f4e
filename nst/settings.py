"""All settings of a painting: default, range, unit and help text.

The page's controls, the command line's options, links and the API are built from the fields of
`Settings`.
"""

import math
from collections.abc import Mapping
from dataclasses import Field, dataclass, field, fields
from typing import Any

from nst.errors import InputError

Layers = tuple[tuple[str, float], ...]  # layers with their weights, such as `(("relu4_1", 1.0),)`

Weights = tuple[float, ...]

LAYER_NAMES = tuple(
    f"{kind}{block}_{number}"
    for block, length in enumerate((2, 2, 4, 4, 4), 1)
    for number in range(1, length + 1)
    for kind in ("conv", "relu")
)

ONE_PASS_SETTINGS = ("size", "strength", "style_scale", "style_weights")
"""The settings that the one-pass network supports."""


ONE_PASS_SIZE = 2048  # longest side, in pixels, of a picture that the one-pass network paints: it is not done in tiles


def _setting(
    default: Any,
    label: str,
    help: str,
    low: float | None = None,
    high: float | None = None,
    step: float | None = None,
    choices: tuple[str, ...] = (),
    old_values: Mapping[str, str] | None = None,
) -> Any:
    """A field of `Settings`; `old_values` maps former names of choices to the present ones."""
    metadata: dict[str, Any] = {
        "label": label,
        "help": help,
        "low": low,
        "high": high,
        "step": step,
        "choices": choices,
        "old_values": old_values or {},
    }
    return field(default=default, metadata=metadata)


@dataclass(frozen=True)
class Settings:
    """The settings of a painting, checked. ValueError names the field, its value and its range."""

    size: int = _setting(512, "Size", "longest side of the painting, in pixels", 64, 8192, 64)
    strength: float = _setting(0.5, "Strength", "0 keeps the photo, 1 lets the style rule", 0.0, 1.0, 0.05)
    coherence: float = _setting(
        0.35, "Coherence", "how far strokes follow the photo's forms (feature matching)", 0.0, 1.0, 0.05
    )
    style_scale: float = _setting(1.0, "Stroke size", "size of the style's strokes (style scale)", 0.25, 4.0, 0.25)
    smoothness: float = _setting(0.3, "Smoothness", "smooths the finest grain (total variation)", 0.0, 1.0, 0.05)
    detail: float = _setting(0.0, "Detail", "how much of the photo's fine structure survives", 0.0, 1.0, 0.05)
    colour: str = _setting(
        "style",
        "Colours",
        "the style's; the photo's, which takes only lightness from the style; or matched: the "
        "style's texture in the photo's palette",
        choices=("style", "photo", "matched"),
    )
    style_weights: Weights = _setting((), "Style weights", "the share of each style, as 1,2,...; empty: equal shares")
    effort: str = _setting(
        "normal",
        "Effort",
        "how long to paint; one-pass runs a network once, without an optimiser",
        choices=("one-pass", "quick", "normal", "fine"),
        old_values={"instant": "one-pass"},
    )
    steps: int = _setting(0, "Steps", "optimiser steps in all; 0 leaves it to the effort", 0, 20000, 1)
    scales: int = _setting(
        0, "Scales", "sizes from coarse to fine; 0 leaves it to the size, 1 is the last alone", 0, 5, 1
    )
    init: str = _setting(
        "preview",
        "Start",
        "the picture to start from; preview is the photo with its smooth parts painted in one pass",
        choices=("preview", "photo", "noise", "style"),
        old_values={"draft": "preview"},
    )
    optimizer: str = _setting(
        "lbfgs", "Optimiser", "L-BFGS learns fastest, Adam is gentler", choices=("lbfgs", "adam", "rmsprop")
    )
    learning_rate: float = _setting(0.02, "Learning rate", "how far Adam moves a pixel in a step", 0.0001, 1.0, 0.0001)
    method: str = _setting(
        "gram",
        "Method",
        "what is minimised: Gram matrices and matches, or the losses of one paper",
        choices=("gram", "strotss", "nnst", "cnnmrf"),
    )
    content_layers: Layers = _setting(
        (("relu4_1", 1.0),), "Content layers", "where the photo is compared, as LAYER=WEIGHT,..."
    )
    content_loss: str = _setting(
        "relative",
        "Content loss",
        "what the squared differences are divided by",
        choices=("relative", "half", "quarter", "mean"),
    )
    content_weight: float = _setting(0.1, "Content weight", "weight of the content at strength 0.5 (alpha)", 0.0, 1e12)
    style_layers: Layers = _setting(
        tuple((f"relu{b}_1", w) for b, w in enumerate((0.1, 0.25, 0.4, 0.2, 0.05), 1)),
        "Style layers",
        "where the style is compared, as LAYER=WEIGHT,...",
    )
    style_loss: str = _setting(
        "relative", "Style loss", "what the squared differences are divided by", choices=("relative", "gatys", "mean")
    )
    style_weight: float = _setting(1.0, "Style weight", "weight of the style at strength 0.5 (beta)", 0.0, 1e12)
    pooling: str = _setting("max", "Pooling", "how the network shrinks", choices=("max", "average"))
    seed: int = _setting(0, "Seed", "same seed, same picture", 0, 2**31 - 1, 1)

    def __post_init__(self) -> None:
        for spec in fields(self):
            object.__setattr__(self, spec.name, _checked(spec, getattr(self, spec.name)))
        if self.in_one_pass and self.size > ONE_PASS_SIZE:
            raise InputError(f"size is {self.size!r}; with the effort one-pass it takes 64 to {ONE_PASS_SIZE}")

    @property
    def from_photo(self) -> bool:
        """Whether the run starts from the photo or from a preview of it."""
        return self.init in ("preview", "photo")

    @property
    def in_one_pass(self) -> bool:
        """Whether the one-pass network paints the picture, without an optimiser."""
        return self.effort == "one-pass" and not self.steps


def as_text(value: Any) -> str:
    """A setting's value as options and links write it. `Settings` reads it back unchanged."""
    if not isinstance(value, tuple):
        return str(value)
    if value and isinstance(value[0], tuple):
        return ",".join(f"{layer}={_shortest(weight)}" for layer, weight in value)
    return ",".join(map(_shortest, value))


def _shortest(weight: float) -> str:
    return str(weight).removesuffix(".0")


def _checked(spec: Field[Any], value: Any) -> Any:
    """The value in the setting's own type, or ValueError. Strings are converted."""
    if spec.type is Layers:
        return _checked_layers(spec.name, value)
    if spec.type is Weights:
        return _checked_weights(spec.name, value)
    if choices := spec.metadata["choices"]:
        if isinstance(value, str):
            value = spec.metadata["old_values"].get(value, value)
        if value not in choices:
            raise InputError(f"{spec.name} is {value!r}; choose one of {', '.join(choices)}")
        return value
    low, high = spec.metadata["low"], spec.metadata["high"]
    kind = "a whole number" if spec.type is int else "a number"
    complaint = InputError(f"{spec.name} is {value!r}; it takes {kind} from {low} to {high}")
    try:
        number = float(value)
    except (OverflowError, TypeError, ValueError):
        raise complaint from None
    if isinstance(value, bool) or not low <= number <= high:
        raise complaint
    if spec.type is int and number != int(number):
        raise complaint
    return int(number) if spec.type is int else number


def _checked_layers(name: str, value: Any) -> Layers:
    pairs: Any = value
    try:
        if isinstance(value, str):
            pairs = [part.partition("=")[::2] for part in value.split(",") if part.strip()]
        elif isinstance(value, Mapping):
            pairs = value.items()
        layers = {str(layer).strip(): 1.0 if weight == "" else float(weight) for layer, weight in pairs}
    except (OverflowError, TypeError, ValueError):
        raise InputError(f"{name} is {value!r}; write LAYER=WEIGHT,... as in relu4_1=1") from None
    for layer, weight in layers.items():
        if layer not in LAYER_NAMES:
            raise InputError(f"{name} has {layer!r}; layers are named {LAYER_NAMES[0]} to {LAYER_NAMES[-1]}")
        if not (math.isfinite(weight) and weight >= 0):
            raise InputError(f"{name} gives {layer} the weight {weight}; it takes 0 or more")
    return tuple(layers.items())


def _checked_weights(name: str, value: Any) -> Weights:
    try:
        parts = value.split(",") if isinstance(value, str) else value
        weights = tuple(float(part) for part in parts if str(part).strip())
    except (OverflowError, TypeError, ValueError):
        raise InputError(f"{name} is {value!r}; write numbers with commas, as in 1,2") from None
    if weights and not (all(0 <= w < math.inf for w in weights) and any(weights)):
        raise InputError(f"{name} is {value!r}; it takes 0 or more, and at least one above 0")
    return weights
