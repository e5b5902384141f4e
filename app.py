"""The page: a photo, a style, one button, and the painting as it forms."""

import filecmp
import html
import logging
import math
import os
import tempfile
import threading
from collections.abc import Generator, Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import gradio as gr
import pandas as pd

from nst import RECIPES, Frame, ImageError, Settings, load_backbone, stylize
from nst.backbone import Backbone
from nst.gallery import Plate, owners_plates, plates
from nst.images import open_image
from nst.recipes import SOURCES, explained
from nst.settings import as_text
from nst.sharing import Shared, from_query, to_query
from nst.transfer import pixel_steps, schedule
from nst.weights import fetch_vgg19

log = logging.getLogger("nst")

PHOTOS = [gr.get_image(name) for name in ("tower.jpg", "lion.jpg", "cheetah1.jpg")]
FOLDED = ("strength", "effort", "size", "style_scale", "smoothness")
"""The knobs a painter reaches for; the others are for those who know the method."""

OF_THE_PLATE = ("strength", "style_scale", "smoothness")
"""The knobs that go to a plate's best settings, or else to the default, when it is clicked."""

MOST_STYLES = 4

MOST_SECONDS = float(
    os.environ.get("NST_MAX_SECONDS") or (600 if os.environ.get("SPACE_ID") else math.inf)
)
"""A longer run is refused: on a Space others wait for their turn."""

LATEX = [
    {"left": left, "right": left, "display": display}
    for left, display in (("$$", True), ("$", False))
]

PREVIEW_QUALITY = 85
PLOT_INTERVAL = 1.0
"""Seconds between two drawings of the losses, which cost a browser more than a picture does."""

CSS = """
#status { min-height: 2.6rem; }
#styles .grid-wrap { max-height: none; min-height: 0; }
#styles .grid-container { grid-template-columns: repeat(auto-fill, minmax(5.4rem, 1fr)); }
#styles .caption-label { left: 4px; right: 4px; bottom: 4px; max-width: none; padding: 2px 4px;
  font-size: .7rem; text-align: center; white-space: normal; }
#canvas .empty { flex-direction: column; }
#canvas .empty::after { content: "Your painting will grow here"; display: block;
  color: var(--body-text-color-subdued); margin-top: .75rem; }
#card { min-height: 3rem; font-size: var(--text-sm); }
.bar { height: 6px; border-radius: 3px; background: var(--neutral-200); overflow: hidden; }
.dark .bar { background: var(--neutral-700); }
.bar > div { height: 100%; background: var(--primary-500); transition: width .3s linear; }
.told { display: flex; justify-content: space-between; gap: 1rem; margin-bottom: .35rem;
  font-size: var(--text-sm); color: var(--body-text-color); }
.told span:last-child { color: var(--body-text-color-subdued); }
"""


ADDRESS_JS = """query => {
    history.replaceState(null, "", query ? "?" + query : location.pathname);
    if (window.parent !== window)
        window.parent.postMessage({queryString: query}, "https://huggingface.co");
}"""
"""The address bar tells what is set; on a Space, which is a frame, the page around it does."""


class Photo(gr.Image):
    """An image input whose file reaches `nst.images` untouched: that is where it is judged."""

    def preprocess(self, payload: Any) -> Any:
        if payload is None or payload.path is None:
            return super().preprocess(payload)
        return payload.path

    def get_block_name(self) -> str:
        return "image"


class Studio:
    """What all visitors share: the backbone, the plates, and who has asked to stop."""

    def __init__(self) -> None:
        self.backbone: Backbone = load_backbone()
        self.plates: list[Plate] = plates()
        self.stops: dict[str, threading.Event] = {}
        self.pace = math.nan  # seconds for a pixel and step, as the last run had it

    def open(self) -> None:
        """Warm up, then look for the owner's plates and VGG-19, behind the visitors' backs."""
        _serve(self.plates)
        threading.Thread(target=self._prepare, daemon=True).start()

    def _prepare(self) -> None:
        tiny = open_image(PHOTOS[0])
        for steps in (1, 12):
            settings = Settings(size=256, scales=1, steps=steps)
            *_, frame = stylize(tiny, [tiny], settings, self.backbone)
        self.pace = frame.seconds / pixel_steps(settings, tiny.size)
        found = owners_plates()
        _serve(found)
        self.plates = [*self.plates, *found]
        if self.backbone.name == "VGG-16" and (weights := fetch_vgg19()):
            self.backbone = load_backbone(weights)
            log.info("VGG-19 is here and paints from now on")


studio = Studio()


def welcome(request: gr.Request) -> list[Any]:
    """A new page: the plates there are by now, and what the link asks for."""
    shared, complaints = from_query(dict(request.query_params))
    known = {plate.name: plate for plate in studio.plates}
    chosen = [name for name in shared.styles if name in known][:MOST_STYLES]
    photo = next((path for path in PHOTOS if Path(path).stem == shared.photo), None)
    complaints += [f"style {name!r} is not here" for name in shared.styles if name not in known]
    if shared.photo and not photo:
        complaints.append(f"photo {shared.photo!r} is not here")
    for complaint in complaints:
        gr.Warning(_sentence(complaint), title="The link asks for what can't be had")
    return [
        _hung(studio.plates),
        studio.plates,
        photo,
        gr.Dropdown(_offered(studio.plates), value=chosen, visible=len(chosen) > 1),
        len(chosen) > 1,
        _label(known[chosen[0]]) if chosen else "Pick a style",
        shared.recipe,
        explained(shared.recipe, studio.backbone.name),
        *_shown(shared.settings),
    ]


def choose(
    styles: list[Plate], chosen: list[str], several: bool, recipe: str, event: gr.SelectData
) -> list[Any]:
    """The style clicked, what there is to say of it, and its best settings."""
    plate = styles[int(event.index)]
    others = [name for name in chosen if name != plate.name] if several else []
    if len(others) == MOST_STYLES:
        raise _sorry(f"Four styles at most: take one away before you add {plate.title}")
    best = vars(RECIPES[recipe]) | (plate.settings if recipe == "atelier" else {})
    return [[*others, plate.name], _label(plate), *(best[name] for name in OF_THE_PLATE)]


def add_style(uploads: list[str], styles: list[Plate]) -> list[Any]:
    """A visitor's own styles come first in the gallery, and the first of them is chosen."""
    try:
        for upload in uploads:
            open_image(upload, "the style")
    except ImageError as error:
        raise _sorry(error) from None
    names = {plate.name for plate in styles}
    own = []
    for upload in map(Path, uploads):
        name, number = upload.stem, 2
        while name in names:
            name, number = f"{upload.stem} {number}", number + 1
        names.add(name)
        own.append(Plate(name, upload, name))
    hung = [*own, *styles]
    return [
        _hung(hung, selected_index=0),
        hung,
        gr.Dropdown(_offered(hung), value=[own[0].name]),
        _label(own[0]),
    ]


def blend(several: bool, chosen: list[str]) -> Any:
    """Show what is blended; the last style chosen stays when nothing is any more."""
    return gr.Dropdown(value=chosen if several else chosen[-1:], visible=several)


def choose_recipe(recipe: str) -> list[Any]:
    """The recipe's formula and source, and its settings in the controls."""
    return [explained(recipe, studio.backbone.name), *_shown(RECIPES[recipe])]


def plan(photo: str | None, chosen: list[str], recipe: str, *knobs: Any) -> tuple[Any, ...]:
    """How long this would take here, its address, and whether styles need weights."""
    blend = gr.Textbox(visible=len(chosen) > 1)
    try:
        size = open_image(photo).size if photo else (4, 3)
    except ImageError:  # check_photo tells of it and takes it away
        return gr.skip(), gr.skip(), blend
    try:
        settings = _settings(knobs)
    except ValueError as error:
        return _status(str(error), 0), gr.skip(), blend
    address = to_query(Shared(recipe, settings, tuple(chosen), _sample_name(photo)))
    seconds = studio.pace * pixel_steps(settings, size)
    told = "Ready when you are"
    if seconds > MOST_SECONDS:
        told = _too_long(seconds, settings)
    elif seconds == seconds:
        told += f": this takes about {_duration(seconds)}"
    default = address == to_query(Shared())
    return _status(told, 0, studio.backbone.name), "" if default else address, blend


def check_photo(photo: str | None) -> str | None:
    """Say at once what is wrong with a photo, not when it is to be painted."""
    if photo is None:
        return None
    try:
        open_image(photo, "the photo")
    except ImageError as error:
        gr.Warning(_sentence(error), title="This photo can't be painted")
        return None
    return photo


def begin(
    photo: str | None,
    chosen: list[str],
    styles: list[Plate],
    request: gr.Request,
    *knobs: Any,
) -> tuple[Any, Any, str]:
    """Show at once that the click was heard, or why it leads nowhere."""
    _easel(photo, chosen, styles, knobs)
    studio.stops[str(request.session_hash)] = threading.Event()
    return (
        gr.Button(visible=False),
        gr.Button("Stop", visible=True, interactive=True),
        _status("Waiting for the easel", 0),
    )


def stop(request: gr.Request) -> Any:
    """Ask this visitor's run to end; it keeps the picture as it stands."""
    if event := studio.stops.get(str(request.session_hash)):
        event.set()
    return gr.Button("Stopping", interactive=False)


def paint(
    photo: str | None,
    chosen: list[str],
    styles: list[Plate],
    request: gr.Request,
    *knobs: Any,
) -> Iterator[tuple[Any, ...]]:
    """Paint, and show each frame: canvas, status, losses, download."""
    frames, backbone, work = _easel(photo, chosen, styles, knobs)
    stopped = studio.stops.get(str(request.session_hash)) or threading.Event()
    if stopped.is_set():
        return
    history: list[tuple[int, str, float]] = []  # step, term, log10 of its loss
    frame, plotted = None, 0.0
    with tempfile.TemporaryDirectory() as folder:
        try:
            for frame in frames:
                history += [
                    (frame.step, name, math.log10(value))
                    for name, value in frame.losses.items()
                    if value > 0
                ]
                if frame.done or stopped.is_set():
                    break
                preview = f"{folder}/{frame.step}.jpg"
                frame.image.save(preview, quality=PREVIEW_QUALITY)
                plot: Any = gr.skip()
                if frame.seconds - plotted >= PLOT_INTERVAL:
                    plot, plotted = _plot(history), frame.seconds
                yield preview, _told(frame, backbone), plot, gr.skip()
        finally:
            frames.close()
            studio.stops.pop(str(request.session_hash), None)
        if frame is None:
            return
        studio.pace = frame.seconds / (work * frame.progress)
        finished = f"{folder}/{_stem(photo)} after {' and '.join(map(_stem, chosen))}.png"
        frame.image.save(finished)
        button = gr.DownloadButton("Download PNG", value=finished, interactive=True)
        yield finished, _told(frame, backbone, ended=True), _plot(history), button


def _easel(
    photo: str | None, chosen: list[str], styles: list[Plate], knobs: tuple[Any, ...]
) -> tuple[Generator[Frame, None, None], Backbone, float]:
    """A run that has not begun yet, and its work; gr.Error if there is nothing to paint with."""
    if not photo:
        raise _sorry("Add a photo first: drop one in, take one, or click a sample")
    known = {plate.name: plate.path for plate in [*studio.plates, *styles]}
    if missing := [name for name in chosen if name not in known]:
        raise _sorry(f"There is no style {missing[0]!r}; there are {', '.join(known)}")
    try:
        settings = _settings(knobs)
        if not chosen and settings.style_layers:
            raise _sorry("Choose a style first: click one of the pictures, or add your own")
        backbone = studio.backbone
        frames = stylize(photo, [known[name] for name in chosen], settings, backbone)
    except ValueError as error:
        raise _sorry(error) from None
    work = pixel_steps(settings, open_image(photo).size)
    if studio.pace * work > MOST_SECONDS:
        raise _sorry(_too_long(studio.pace * work, settings))
    return frames, backbone, work


def _settings(knobs: tuple[Any, ...]) -> Settings:
    return Settings(**dict(zip(KNOBS, knobs, strict=True)))


def _too_long(seconds: float, settings: Settings) -> str:
    steps = sum(count for _, count in schedule(settings))
    return (
        f"This would take about {_duration(seconds)}, and {_duration(MOST_SECONDS)} are allowed "
        f"here: choose {math.floor(steps * MOST_SECONDS / seconds)} steps, or a smaller size"
    )


def _duration(seconds: float) -> str:
    return f"{max(1, round(seconds))} s" if seconds < 100 else f"{round(seconds / 60)} min"


def _sample_name(photo: str | None) -> str:
    """The name of the sample that this file is, if it is one: a link can only tell of those."""
    return next((Path(p).stem for p in PHOTOS if photo and filecmp.cmp(p, photo, False)), "")


def end() -> tuple[Any, Any]:
    """Paint is back, Stop goes, however the run ended."""
    return gr.Button(visible=True), gr.Button(visible=False)


def _hung(styles: list[Plate], **options: Any) -> Any:
    """The gallery with these plates on its wall."""
    return gr.Gallery([(str(plate.path), plate.title) for plate in styles], **options)


def _offered(styles: list[Plate]) -> list[tuple[str, str]]:
    return [(plate.title, plate.name) for plate in styles]


def _shown(settings: Settings) -> list[Any]:
    """The values of the controls, in the order of KNOBS."""
    values = (getattr(settings, name) for name in KNOBS)
    return [as_text(value) if isinstance(value, tuple) else value for value in values]


def _label(plate: Plate) -> str:
    """The card beside a plate, with its picture in words for those who can't see it."""
    title, tradition, description, alt = (
        html.escape(text) for text in (plate.title, plate.tradition, plate.description, plate.alt)
    )
    picture = f'<span role="img" aria-label="{alt}"></span>'
    return f"<p>{picture}<strong>{title}</strong> {tradition}<br>{description}</p>"


def _serve(styles: list[Plate]) -> None:
    """Let browsers have the plates' files as they are, uncopied."""
    gr.set_static_paths([str(plate.path) for plate in styles])


def _sorry(problem: ValueError | str) -> gr.Error:
    return gr.Error(_sentence(problem), print_exception=False)


def _stem(path: str | None) -> str:
    return Path(path or "").stem[:40]


def _sentence(problem: ValueError | str) -> str:
    text = str(problem).rstrip(".")
    return html.escape(text[:1].upper() + text[1:]) + "."


def _told(frame: Frame, backbone: Backbone, ended: bool = False) -> str:
    took = f"{frame.seconds:.0f} s"
    if not ended:
        left = frame.seconds * (1 - frame.progress) / max(frame.progress, 1e-6)
        what = f"Painting, about {max(1, round(left))} s left"
    else:
        what = f"Done in {took}" if frame.done else f"Stopped after {took}"
    aside = f"step {frame.step} of {frame.steps} · {backbone.name}"
    return _status(what, 1.0 if ended else frame.progress, aside)


def _status(what: str, progress: float, aside: str = "") -> str:
    percent = round(100 * progress)
    return (
        f'<div class="told"><span>{html.escape(what)}</span><span>{html.escape(aside)}</span></div>'
        f'<div class="bar" role="progressbar" aria-label="Progress" aria-valuenow="{percent}" '
        f'aria-valuemin="0" aria-valuemax="100"><div style="width: {percent}%"></div></div>'
    )


def _plot(history: list[tuple[int, str, float]]) -> pd.DataFrame:
    return pd.DataFrame(history, columns=["step", "term", "loss"])


KNOBS = [knob.name for knob in fields(Settings)]


def _component(knob: Any) -> Any:
    """The control that fits a knob of Settings."""
    told, info = knob.metadata, knob.metadata["help"].capitalize()
    if told["choices"]:
        return gr.Radio(list(told["choices"]), value=knob.default, label=told["label"], info=info)
    if told["low"] is None:
        return gr.Textbox(as_text(knob.default), label=told["label"], info=info)
    if told["high"] > 10_000 or told["step"] is None:
        whole = 0 if knob.type is int else None
        return gr.Number(
            knob.default, label=told["label"], info=info, precision=whole, minimum=told["low"]
        )
    return gr.Slider(
        told["low"], told["high"], knob.default, step=told["step"], label=told["label"], info=info
    )


def build() -> gr.Blocks:
    """The page."""
    with gr.Blocks(title="nst: photos into paintings", delete_cache=(3600, 86400)) as page:
        gr.Markdown("# nst\nDrop in a photo, pick a style, and watch it become a painting.")
        styles = gr.State([])
        address = gr.Textbox(visible=False)
        with gr.Row(equal_height=False):
            with gr.Column(scale=4, min_width=300):
                photo = Photo(
                    type="filepath",
                    image_mode=None,
                    sources=["upload", "webcam", "clipboard"],
                    label="Your photo",
                    height=280,
                    elem_id="photo",
                    placeholder="Drop a photo here\nor click to choose one",
                )
                gr.Examples([[path] for path in PHOTOS], [photo], label="Or try one of these")
                card = gr.HTML("Pick a style", elem_id="card")
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
                controls = {knob.name: knob for knob in fields(Settings)}
                several = gr.Checkbox(
                    label="Blend several styles", info="up to four: click one after the other"
                )
                chosen = gr.Dropdown(
                    [],
                    value=[],
                    multiselect=True,
                    label="Styles chosen",
                    elem_id="chosen",
                    visible=False,
                )
                knobs = {"style_weights": _component(controls["style_weights"])}
                knobs["style_weights"].visible = False
                with gr.Accordion("Settings", open=False, elem_id="settings"):
                    knobs |= {name: _component(controls[name]) for name in FOLDED}
                    recipe = gr.Dropdown(
                        [(source.title, name) for name, source in SOURCES.items()],
                        value="atelier",
                        label="Recipe",
                        info="The method: ours, or one of the literature as it was",
                        elem_id="recipe",
                    )
                    about = gr.Markdown(elem_id="about", latex_delimiters=LATEX)
                    with gr.Accordion("Under the hood", open=False):
                        rest = [name for name in KNOBS if name not in knobs]
                        knobs |= {name: _component(controls[name]) for name in rest}
            with gr.Column(scale=6, min_width=320):
                with gr.Row():
                    paint_button = gr.Button("Paint", variant="primary", size="lg", elem_id="paint")
                    stop_button = gr.Button(
                        "Stop", variant="stop", size="lg", visible=False, elem_id="stop"
                    )
                status = gr.HTML(elem_id="status")
                canvas = gr.Image(
                    label="Painting",
                    format="png",
                    interactive=False,
                    elem_id="canvas",
                    height=520,
                    buttons=["fullscreen"],
                )
                download = gr.DownloadButton("Download PNG", interactive=False, elem_id="download")
                with gr.Accordion("Losses", open=False):
                    losses = gr.LinePlot(
                        x="step",
                        y="loss",
                        y_title="loss, as a power of ten",
                        color="term",
                        height=260,
                        show_label=False,
                    )
        every_knob = [knobs[name] for name in KNOBS]
        page.load(
            welcome,
            None,
            [gallery, styles, photo, chosen, several, card, recipe, about, *every_knob],
            api_visibility="private",
            show_progress="hidden",
        )
        photo.upload(check_photo, photo, photo, api_visibility="private", show_progress="hidden")
        gallery.select(
            choose,
            [styles, chosen, several, recipe],
            [chosen, card, *(knobs[name] for name in OF_THE_PLATE)],
            api_visibility="private",
            show_progress="hidden",
        )
        upload.upload(
            add_style,
            [upload, styles],
            [gallery, styles, chosen, card],
            api_visibility="private",
        )
        several.input(
            blend, [several, chosen], chosen, api_visibility="private", show_progress="hidden"
        )
        recipe.input(
            choose_recipe,
            recipe,
            [about, *every_knob],
            api_visibility="private",
            show_progress="hidden",
        )
        gr.on(
            [page.load, *(part.change for part in (photo, chosen, recipe, *every_knob))],
            plan,
            [photo, chosen, recipe, *every_knob],
            [status, address, knobs["style_weights"]],
            queue=False,
            api_visibility="private",
            show_progress="hidden",
            trigger_mode="always_last",
        ).then(None, address, js=ADDRESS_JS, api_visibility="private")
        inputs = [photo, chosen, styles, *every_knob]
        run = paint_button.click(
            begin,
            inputs,
            [paint_button, stop_button, status],
            concurrency_limit=None,
            api_visibility="private",
            show_progress="hidden",
        ).success(
            paint,
            inputs,
            [canvas, status, losses, download],
            show_progress="minimal",
            show_progress_on=status,
            concurrency_limit=1,
            concurrency_id="device",
            api_name="paint",
        )
        for whatever in (run.success, run.failure):
            whatever(
                end,
                None,
                [paint_button, stop_button],
                queue=False,
                api_visibility="private",
                show_progress="hidden",
            )
        stop_button.click(
            stop, None, stop_button, queue=False, api_visibility="private", show_progress="hidden"
        )
    return page


demo = build()


def main() -> None:
    """Serve the page."""
    logging.basicConfig(level=logging.WARNING, format="%(name)s: %(message)s")
    log.setLevel(logging.INFO)
    studio.open()
    demo.queue(max_size=32).launch(
        css=CSS,
        theme=gr.themes.Soft(
            primary_hue="orange", neutral_hue="stone", font=["system-ui", "sans-serif"]
        ),
        max_file_size="40mb",
    )


if __name__ == "__main__":
    main()
