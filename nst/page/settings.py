"""How to paint: presets, the mask, the recipe and a control for every setting."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import gradio as gr

from nst.images import ImageError
from nst.page.events import DIRECT, QUEUED, Context, Outputs
from nst.page.photo import NO_PHOTO, PhotoInput
from nst.page.ui.controls import MAIN_SETTINGS, control, control_values, setting_fields
from nst.page.ui.html import user_error
from nst.recipes import DEFAULT, PRESETS, RECIPES, SOURCES, combine, describe_recipe
from nst.service.session import Session
from nst.service.uploads import Upload
from nst.settings import Settings
from nst.sharing import ShareLink

MASK_PIXELS = 768  # longest side of the photo in the mask editor

LATEX: list[dict[str, str | bool]] = [
    {"left": "$$", "right": "$$", "display": True},
    {"left": "$", "right": "$", "display": False},
]


class SettingsPanel:
    """Everything that steers a run; all but the presets is folded."""

    def __init__(self, context: Context, photo: PhotoInput) -> None:
        self.app, self.session, self.photo = context.app_state, context.session, photo
        with gr.Column(render=False, elem_classes="feature") as self.column:
            fields = setting_fields()
            self.controls: dict[str, Any] = {"style_weights": control(fields["style_weights"], visible=False)}
            self.preset = gr.Radio(
                [(name.capitalize(), name) for name in PRESETS],
                value="balanced",
                label="How far the style may go",
                elem_id="preset",
            )
            self._build_mask_editor()
            with gr.Accordion("Settings", open=False, elem_id="settings"):
                highest = {"size": self.app.config.max_size}
                self.controls |= {name: control(fields[name], highest.get(name)) for name in MAIN_SETTINGS}
                self.recipe = gr.Dropdown(
                    [(source.title, name) for name, source in SOURCES.items()],
                    value=DEFAULT,
                    label="Recipe",
                    info="The method: ours, or one of the literature as it was",
                    elem_id="recipe",
                )
                self.about = gr.Markdown(elem_id="about", latex_delimiters=LATEX)
                with gr.Accordion("Under the hood", open=False):
                    others = [name for name in fields if name not in self.controls]
                    self.controls |= {name: control(fields[name]) for name in others}
        self.outputs = [self.preset, self.recipe, self.about, *self.controls.values()]

    def _build_mask_editor(self) -> None:
        with gr.Accordion("Only a part of the photo", open=False, elem_id="part") as fold:
            gr.Markdown(
                "Paint over the part that the style is for; the rest stays the photo. "
                "With two styles blended, the second goes around it."
            )
            self.mask = gr.ImageEditor(
                type="filepath",
                image_mode="RGBA",
                sources=[],
                transforms=[],
                layers=False,
                brush=gr.Brush(default_size=40, colors=["rgba(255, 140, 0, 0.6)"], color_mode="fixed"),
                label="The part to paint",
                show_label=False,  # the toolbar would cover it on a phone
                height=320,
                elem_id="mask",
                buttons=[],
                visible=False,  # browsers load the editor only when it is needed
            )
        self.mask_fold = fold

    def style_controls(self) -> dict[str, Any]:
        """The controls that follow a style's own settings: those of a preset, and all that any style in the gallery
        sets."""
        names = (name for style in self.app.styles for name in style.settings)
        return {name: self.controls[name] for name in (*PRESETS["balanced"], *names)}

    def show(self, recipe: str, settings: Settings) -> Outputs:
        """A recipe and its settings in their controls."""
        largest = min(settings.size, self.app.config.max_size)
        values = control_values(replace(settings, size=largest))
        return {
            self.preset: preset_of(values),
            self.recipe: recipe,
            self.about: describe_recipe(recipe, self.app.engine.backbone.name),
            **{self.controls[name]: value for name, value in values.items()},
        }

    def choose_recipe(self, *, session: Session, recipe: str, chosen: list[str]) -> Outputs:
        """The recipe's formula and source, and its settings in the controls."""
        if recipe not in RECIPES:
            return gr.skip()
        last = [style for style in self.app.styles_for(session) if style.name in chosen[-1:]]
        return self.show(recipe, combine(recipe, last[0].settings if last else {}))

    def choose_preset(self, *, preset: str) -> Outputs:
        """The preset's values in their controls."""
        values = PRESETS.get(preset, {})
        return {self.controls[name]: value for name, value in values.items()} or gr.skip()

    def open_mask_editor(self, *, photo: Any) -> Outputs:
        """The photo under the brush."""
        try:
            upload = self.app.uploads.photo(photo)
            if upload is None:
                raise user_error(NO_PHOTO)
            background = self.app.uploads.picture(upload, Settings().size).copy()
        except ImageError as error:
            raise user_error(error) from None
        background.thumbnail((MASK_PIXELS, MASK_PIXELS))
        drawing: Any = {"background": background, "layers": [], "composite": None}
        return {self.mask: gr.ImageEditor(drawing, visible=True)}

    def close_mask_editor(self) -> Outputs:
        """Another photo: the mask belonged to the one before."""
        return {self.mask_fold: gr.Accordion(open=False), self.mask: None}

    def wire(self, chosen: gr.Dropdown) -> list[Any]:
        """Connect the events; `chosen` are the styles chosen. Returns those that change several settings."""
        preset = self.preset.input(
            self.choose_preset,
            inputs_kwargs={"preset": self.preset},
            outputs=[self.controls[name] for name in PRESETS["balanced"]],
            **DIRECT,
        )
        recipe = self.recipe.input(
            self.choose_recipe,
            inputs_kwargs={"session": self.session, "recipe": self.recipe, "chosen": chosen},
            outputs=self.outputs,
            **DIRECT,
        )
        self.mask_fold.expand(
            self.open_mask_editor, inputs_kwargs={"photo": self.photo.image}, outputs=self.mask, **QUEUED
        )
        self.photo.image.change(self.close_mask_editor, outputs=[self.mask_fold, self.mask], **DIRECT)
        return [preset, recipe]


def visible_values(chosen: Sequence[str], values: Mapping[str, Any]) -> dict[str, Any]:
    """The controls' values; style weights only where their control is visible, for two styles."""
    return {**values} if len(chosen) > 1 else {**values, "style_weights": ""}


def share_link(upload: Upload | None, chosen: Sequence[str], recipe: str, values: Mapping[str, Any]) -> ShareLink:
    """The link to what the controls hold; ValueError for a wrong value."""
    settings = combine(recipe, overrides=visible_values(chosen, values))
    return ShareLink(recipe=recipe, settings=settings, styles=tuple(chosen), photo=upload.sample if upload else "")


def status_key(upload: Upload | None, link: ShareLink) -> int:
    """Tells whether a status was written for this photo and this link (`Session.status_key`)."""
    return hash((upload.digest if upload else "", link))


def preset_of(values: Mapping[str, Any]) -> str | None:
    """The name of the preset that has these values, if there is one."""
    return next((name for name, few in PRESETS.items() if few.items() <= values.items()), None)
