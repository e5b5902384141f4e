"""The page's controls for the settings, made from the fields of `Settings`."""

from collections.abc import Mapping
from dataclasses import Field, fields
from typing import Any

import gradio as gr

from nst.settings import Settings, as_text

MAIN_SETTINGS = ("strength", "effort", "size", "colour", "style_scale", "detail", "smoothness")
"""Settings for everybody; the others need some knowledge of the method."""


def setting_fields() -> dict[str, Field[Any]]:
    """The fields of Settings by name, in their order."""
    return {field.name: field for field in fields(Settings)}


def control(field: Field[Any], high: float | None = None, **options: Any) -> gr.components.Component:
    """The control that fits a setting, with its default value; `high` replaces the setting's upper bound."""
    spec = field.metadata
    default: Any = as_text(field.default) if spec["low"] is None else field.default
    options |= {"value": default, "label": spec["label"], "info": spec["help"].capitalize()}
    if spec["choices"]:
        return gr.Radio(list(spec["choices"]), **options)
    if spec["low"] is None:
        return gr.Textbox(**options)
    if spec["high"] > 10_000 or spec["step"] is None:
        precision = 0 if field.type is int else None
        return gr.Number(precision=precision, minimum=spec["low"], **options)
    return gr.Slider(spec["low"], high or spec["high"], step=spec["step"], **options)


def blank_control(field: Field[Any]) -> gr.components.Component:
    """A control without a value, for programs: a parameter that is left out stays undefined."""
    spec = field.metadata
    options: dict[str, Any] = {"value": None, "label": spec["label"]}
    if spec["choices"]:
        names = [(choice, choice) for choice in spec["choices"]]
        old_names = [(value, old) for old, value in spec["old_values"].items()]
        return gr.Radio(names + old_names, **options)
    if spec["low"] is None:
        return gr.Textbox(**options)
    return gr.Number(precision=0 if field.type is int else None, **options)


def limits(field: Field[Any]) -> str:
    """The values of a setting in words: "0.0 to 1.0", or its choices."""
    spec = field.metadata
    if spec["choices"]:
        return ", ".join(spec["choices"])
    return f"{spec['low']} to {spec['high']}" if spec["low"] is not None else ""


def control_values(settings: Settings | Mapping[str, Any]) -> dict[str, Any]:
    """Settings as the controls hold them, by name."""
    values = settings if isinstance(settings, Mapping) else vars(settings)
    return {k: as_text(value) if isinstance(value, tuple) else value for k, value in values.items()}
