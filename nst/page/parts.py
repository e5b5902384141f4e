"""What the page is made of. Each function builds one part and returns its components by name."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import gradio as gr

from nst.gallery import Photo, Style
from nst.page.ui.controls import AT_HAND, Controls, control, every_knob
from nst.recipes import DEFAULT, PRESETS, SOURCES

LATEX: list[dict[str, str | bool]] = [
    {"left": "$$", "right": "$$", "display": True},
    {"left": "$", "right": "$", "display": False},
]
HEADER = """<header id="header"><h1>nst</h1>
<p>Drop in a photo, pick a style, and watch it become a painting.</p></header>"""


@dataclass(frozen=True)
class PhotoPart:
    """The photo, samples, and the offer of what a painting that was dropped in remembers."""

    image: gr.Image
    samples: gr.Gallery
    offer: gr.Row
    offer_text: gr.HTML
    offer_button: gr.Button


def photo_part(offered: Sequence[tuple[str, str]]) -> PhotoPart:
    """Where the photo comes in; samples are told by file, in small, and title."""
    image = gr.Image(
        type="filepath",
        image_mode=None,
        sources=["upload", "webcam", "clipboard"],
        label="Your photo",
        height=280,
        elem_id="photo",
        placeholder="Drop a photo here\nor click to choose one",
    )
    with gr.Row(visible=False, elem_id="offer") as offer:
        offer_text = gr.HTML()
        offer_button = gr.Button("Use its settings", size="sm")
    samples = gr.Gallery(
        list(offered),
        label="Or try one of these",
        columns=7,
        height="auto",
        allow_preview=False,
        interactive=False,
        elem_id="samples",
        buttons=[],
    )
    return PhotoPart(image, samples, offer, offer_text, offer_button)


@dataclass(frozen=True)
class StylePart:
    """The gallery, and which of it are chosen."""

    card: gr.HTML
    gallery: gr.Gallery
    upload: gr.UploadButton
    several: gr.Checkbox
    on_photo: gr.Checkbox
    chosen: gr.Dropdown


def style_part(offered: Sequence[tuple[str, str]]) -> StylePart:
    """The styles to choose from, told by file, in small, and title."""
    card = gr.HTML("Pick a style", elem_id="card")
    on_photo = gr.Checkbox(True, label="On my photo", visible=False, elem_id="on-photo")
    gallery = gr.Gallery(
        list(offered),
        label="Styles",
        show_label=False,
        columns=4,
        height="auto",
        object_fit="cover",
        allow_preview=False,
        interactive=False,
        elem_id="styles",
        buttons=[],
    )
    upload = gr.UploadButton(
        "Add your own style", file_types=["image"], file_count="multiple", size="sm"
    )
    several = gr.Checkbox(
        label="Blend several styles", info="up to four: click one after the other"
    )
    chosen = gr.Dropdown(
        [], value=[], multiselect=True, label="Styles chosen", elem_id="chosen", visible=False
    )
    return StylePart(card, gallery, upload, several, on_photo, chosen)


@dataclass(frozen=True)
class SettingsPart:
    """How to paint: presets, a mask, the recipe and every knob."""

    preset: gr.Radio
    mask_fold: gr.Accordion
    mask: gr.ImageEditor
    recipe: gr.Dropdown
    about: gr.Markdown
    knobs: Controls


def settings_part() -> SettingsPart:
    """Everything that steers; all but the presets is folded away."""
    fields = every_knob()
    knobs = {"style_weights": control(fields["style_weights"], visible=False)}
    preset = gr.Radio(
        [(name.capitalize(), name) for name in PRESETS],
        value="balanced",
        label="How far the style may go",
        elem_id="preset",
    )
    mask_fold, mask = _mask_editor()
    with gr.Accordion("Settings", open=False, elem_id="settings"):
        knobs |= {name: control(fields[name]) for name in AT_HAND}
        recipe = gr.Dropdown(
            [(source.title, name) for name, source in SOURCES.items()],
            value=DEFAULT,
            label="Recipe",
            info="The method: ours, or one of the literature as it was",
            elem_id="recipe",
        )
        about = gr.Markdown(elem_id="about", latex_delimiters=LATEX)
        with gr.Accordion("Under the hood", open=False):
            rest = [name for name in fields if name not in knobs]
            knobs |= {name: control(fields[name]) for name in rest}
    return SettingsPart(preset, mask_fold, mask, recipe, about, knobs)


def _mask_editor() -> tuple[gr.Accordion, gr.ImageEditor]:
    with gr.Accordion("Only a part of the photo", open=False, elem_id="part") as fold:
        gr.Markdown(
            "Paint over the part that the style is for; the rest stays the photo. "
            "With two styles blended, the second goes around it."
        )
        mask = gr.ImageEditor(
            type="filepath",
            image_mode="RGBA",
            sources=[],
            transforms=[],
            layers=False,
            brush=gr.Brush(default_size=40, colors=["rgba(255, 140, 0, 0.6)"], color_mode="fixed"),
            label="The part to paint",
            height=320,
            elem_id="mask",
            buttons=[],
            visible=False,  # browsers load the editor only when it is wanted
        )
    return fold, mask


def offered(pictures: Sequence[Style | Photo], small: Mapping[Path, Path]) -> list[tuple[str, str]]:
    """Pictures as a gallery shows them: file, in small where it is there, and title."""
    return [(str(small.get(picture.path, picture.path)), picture.title) for picture in pictures]
