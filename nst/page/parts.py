"""What the page is made of. Each function builds one part and returns its components by name."""

from collections.abc import Sequence
from dataclasses import dataclass

import gradio as gr

from nst.gallery import Photo, Plate
from nst.page.knobs import AT_HAND, Controls, control, every_knob
from nst.recipes import DEFAULT, PRESETS, SOURCES

LATEX: list[dict[str, str | bool]] = [
    {"left": "$$", "right": "$$", "display": True},
    {"left": "$", "right": "$", "display": False},
]
HEADER = """<header id="header"><h1>nst</h1>
<p>Drop in a photo, pick a style, and watch it become a painting.</p></header>"""


@dataclass(frozen=True)
class PhotoPart:
    """The photo, and the offer of what a painting that was dropped in remembers."""

    image: gr.Image
    offer: gr.Row
    offer_text: gr.HTML
    offer_button: gr.Button


def photo_part(samples: Sequence[Photo]) -> PhotoPart:
    """Where the photo comes in."""
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
    gr.Examples(
        [[str(photo.path)] for photo in samples],
        [image],
        label="Or try one of these",
        elem_id="samples",
    )
    return PhotoPart(image, offer, offer_text, offer_button)


@dataclass(frozen=True)
class StylePart:
    """The gallery, and which of it are chosen."""

    card: gr.HTML
    gallery: gr.Gallery
    upload: gr.UploadButton
    several: gr.Checkbox
    on_photo: gr.Checkbox
    chosen: gr.Dropdown


def style_part() -> StylePart:
    """The styles to choose from."""
    card = gr.HTML("Pick a style", elem_id="card")
    on_photo = gr.Checkbox(True, label="On my photo", visible=False, elem_id="on-photo")
    gallery = gr.Gallery(
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
        )
    return fold, mask


@dataclass(frozen=True)
class CanvasPart:
    """Paint and Stop, how far the painting is, and the painting."""

    paint: gr.Button
    stop: gr.Button
    status: gr.HTML
    image: gr.Image
    compare: gr.ImageSlider
    film: gr.Video
    film_button: gr.DownloadButton
    animation_button: gr.DownloadButton


def canvas_part(on_space: bool) -> CanvasPart:
    """Where the painting grows; a Space has a button to share it with its community."""
    with gr.Column(elem_id="act"):
        with gr.Row():
            paint = gr.Button("Paint", variant="primary", size="lg", elem_id="paint")
            stop = gr.Button("Stop", variant="stop", size="lg", visible=False, elem_id="stop")
        status = gr.HTML(elem_id="status")
    with gr.Tabs(elem_id="shown"):
        with gr.Tab("Painting"):
            image = gr.Image(
                show_label=False,
                label="Painting",
                format="png",
                interactive=False,
                elem_id="canvas",
                height=520,
                buttons=["fullscreen", "share"] if on_space else ["fullscreen"],
            )
        with gr.Tab("Compare"):
            compare = gr.ImageSlider(
                label="Photo and painting",
                show_label=False,
                interactive=False,
                elem_id="slider",
                height=520,
                buttons=["fullscreen"],
            )
        with gr.Tab("Film"):
            film = gr.Video(
                label="The making of the painting",
                show_label=False,
                interactive=False,
                autoplay=True,
                loop=True,
                elem_id="film",
                height=470,
            )
            with gr.Row():
                film_button = gr.DownloadButton("Film, MP4", interactive=False)
                animation_button = gr.DownloadButton("For chats, WebP", interactive=False)
    return CanvasPart(paint, stop, status, image, compare, film, film_button, animation_button)


@dataclass(frozen=True)
class AfterPart:
    """What one does with a painting, and the strip of one's own."""

    download: gr.DownloadButton
    copy: gr.Button
    on: gr.Button
    again: gr.Button
    strip: gr.Gallery
    take_down: gr.Button
    losses: gr.LinePlot


def after_part() -> AfterPart:
    """Below the canvas."""
    with gr.Row(elem_id="keep"):
        download = gr.DownloadButton("Download PNG", interactive=False, elem_id="download")
        copy = gr.Button("Copy link", elem_id="copy")
        on = gr.Button("Paint on from here", interactive=False, elem_id="on")
        again = gr.Button("Again, with another seed", visible=False, elem_id="again")
    strip = gr.Gallery(
        label="Your paintings",
        columns=8,
        rows=1,
        height=150,
        allow_preview=False,
        interactive=False,
        visible=False,
        elem_id="strip",
        buttons=[],
    )
    take_down = gr.Button("Take this one down", visible=False, size="sm")
    with gr.Accordion("Losses", open=False):
        losses = gr.LinePlot(
            x="step",
            y="loss",
            y_title="loss, as a power of ten",
            color="term",
            height=260,
            show_label=False,
        )
    return AfterPart(download, copy, on, again, strip, take_down, losses)


@dataclass(frozen=True)
class WallPart:
    """What others have painted."""

    fold: gr.Accordion
    gallery: gr.Gallery
    hang: gr.Button


def wall_part(there: bool) -> WallPart:
    """The wall, where the owner of a Space has one."""
    with gr.Accordion("The wall", open=False, visible=there, elem_id="wall") as fold:
        gr.Markdown("What others have painted; a click takes over the settings.")
        gallery = gr.Gallery(
            label="The wall",
            show_label=False,
            columns=4,
            allow_preview=False,
            interactive=False,
            buttons=[],
        )
        hang = gr.Button("Hang my painting here, for everybody to see")
    return WallPart(fold, gallery, hang)


def offered(plates: Sequence[Plate]) -> list[tuple[str, str]]:
    """The styles as the gallery shows them: file and title."""
    return [(str(plate.path), plate.title) for plate in plates]
