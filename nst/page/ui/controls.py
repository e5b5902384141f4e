"""The controls of the settings, made from `Settings`."""

from collections.abc import Mapping
from dataclasses import Field, fields
from typing import Any

import gradio as gr

from nst.settings import Settings, as_text

AT_HAND = ("strength", "effort", "size", "colour", "style_scale", "detail", "smoothness")
"""The knobs a painter reaches for; the others are for those who know the method."""

Controls = dict[str, Any]
"""A control for each setting, by its name."""


def every_knob() -> dict[str, Field[Any]]:
    """The fields of Settings by name, in their order."""
    return {knob.name: knob for knob in fields(Settings)}


def control(knob: Field[Any], **options: Any) -> gr.components.Component:
    """The control that fits a knob, set to its default."""
    told = knob.metadata
    default: Any = as_text(knob.default) if told["low"] is None else knob.default
    options |= {"value": default, "label": told["label"], "info": told["help"].capitalize()}
    if told["choices"]:
        return gr.Radio(list(told["choices"]), **options)
    if told["low"] is None:
        return gr.Textbox(**options)
    if told["high"] > 10_000 or told["step"] is None:
        whole = 0 if knob.type is int else None
        return gr.Number(precision=whole, minimum=told["low"], **options)
    return gr.Slider(told["low"], told["high"], step=told["step"], **options)


def blank_control(knob: Field[Any]) -> gr.components.Component:
    """A control with nothing in it, for programs: what they leave out is not given."""
    told = knob.metadata
    options: dict[str, Any] = {"value": None, "label": told["label"]}
    if told["choices"]:
        names = [(value, value) for value in told["choices"]]
        old_names = [(value, old) for old, value in told["old_values"].items()]
        return gr.Radio(names + old_names, **options)
    if told["low"] is None:
        return gr.Textbox(**options)
    return gr.Number(precision=0 if knob.type is int else None, **options)


def limits(knob: Field[Any]) -> str:
    """What a knob takes, in words: "0.0 to 1.0", or its choices."""
    told = knob.metadata
    if told["choices"]:
        return ", ".join(told["choices"])
    return f"{told['low']} to {told['high']}" if told["low"] is not None else ""


def values(settings: Settings | Mapping[str, Any]) -> dict[str, Any]:
    """Settings as the controls hold them, by name."""
    held = settings if isinstance(settings, Mapping) else vars(settings)
    return {k: as_text(value) if isinstance(value, tuple) else value for k, value in held.items()}
