"""What every handler works with: the parts of the page, and the machine behind it.

Handlers are plain functions. They take a `Page` first, what the event sends by name, and return
`{component: what becomes of it}`; components that they leave out stay as they are, and `gr.skip()`
leaves all as it is.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import gradio as gr

from nst.gallery import Style
from nst.page.canvas import AfterPart, CanvasPart, ClipPart, LivePart
from nst.page.parts import PhotoPart, SettingsPart, StylePart
from nst.page.ui.controls import values
from nst.page.ui.html import plate_html, sentence
from nst.recipes import PRESETS, describe_recipe
from nst.service.app_state import AppState
from nst.service.runs import MAX_STYLES
from nst.service.session import Session
from nst.settings import Settings
from nst.sharing import ShareLink

Outputs = dict[Any, Any]
"""What becomes of the page: component -> value or update."""


@dataclass(frozen=True)
class Page:
    """`session` is the visitor's, `remembered` what their browser keeps.

    `address` is the query that tells what is set, and `asked_at` when the browser asked for it.
    By `run_key` a page that was reloaded finds its run again.
    """

    app_state: AppState
    session: gr.State
    remembered: gr.BrowserState
    address: gr.Textbox
    asked_at: gr.Number
    run_key: gr.Textbox
    photo: PhotoPart
    style: StylePart
    settings: SettingsPart
    canvas: CanvasPart
    live: LivePart
    clip: ClipPart
    after: AfterPart

    def styles(self, session: Session) -> list[Style]:
        """What the gallery shows to this visitor, in its order: their own come first."""
        return [*session.styles, *self.app_state.styles]


def show_settings(page: Page, recipe: str, settings: Settings) -> Outputs:
    """A recipe and its settings in their controls."""
    shown = values(settings)
    return {
        page.settings.preset: preset_of(shown),
        page.settings.recipe: recipe,
        page.settings.about: describe_recipe(recipe, page.app_state.engine.backbone.name),
        **{page.settings.knobs[name]: value for name, value in shown.items()},
    }


def show_shared(
    page: Page, session: Session, shared: ShareLink, complaints: Sequence[str] = ()
) -> Outputs:
    """Styles, recipe and settings in their controls, and what is left out as a notice."""
    known = {plate.name: plate for plate in page.styles(session)}
    chosen = [name for name in shared.styles if name in known][:MAX_STYLES]
    missing = [f"style {name!r} is not here" for name in shared.styles if name not in known]
    for complaint in [*complaints, *missing]:
        gr.Warning(sentence(complaint), title="Not everything can be had")
    choices = [(plate.title, plate.name) for plate in known.values()]
    several = len(chosen) > 1
    return {
        page.style.chosen: gr.Dropdown(choices, value=chosen, visible=several),
        page.style.several: several,
        page.style.card: plate_html(known[chosen[0]]) if chosen else "Pick a style",
        **show_settings(page, shared.recipe, shared.settings),
    }


def shared_outputs(page: Page) -> list[Any]:
    """The components that `show_shared` sets."""
    settings = page.settings
    return [
        page.style.chosen,
        page.style.several,
        page.style.card,
        settings.preset,
        settings.recipe,
        settings.about,
        *settings.knobs.values(),
    ]


def in_sight(chosen: Sequence[str], knobs: Mapping[str, Any]) -> dict[str, Any]:
    """The controls' values, but no weights where their control is hidden: for fewer than two."""
    return {**knobs} if len(chosen) > 1 else {**knobs, "style_weights": ""}


def preset_of(knobs: Mapping[str, Any]) -> str | None:
    """The preset that these settings are, by name, if they are one."""
    return next((name for name, few in PRESETS.items() if few.items() <= knobs.items()), None)
