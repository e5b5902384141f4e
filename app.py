"""The page: a photo, a style, one button, and the painting as it forms."""

import html
import logging
import tempfile
import threading
from collections.abc import Generator, Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import gradio as gr
import pandas as pd

from nst import Frame, ImageError, Settings, load_backbone, stylize
from nst.backbone import Backbone
from nst.gallery import Plate, owners_plates, plates
from nst.images import open_image
from nst.weights import fetch_vgg19

log = logging.getLogger("nst")

PHOTOS = [gr.get_image(name) for name in ("tower.jpg", "lion.jpg", "cheetah1.jpg")]
FOLDED = ("strength", "effort", "size", "style_scale", "smoothness")
"""The knobs a painter reaches for; the others are for those who know the method."""

OF_THE_PLATE = ("strength", "style_scale", "smoothness")
"""The knobs that go to a plate's best settings, or else to the default, when it is clicked."""

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

    def open(self) -> None:
        """Warm up, then look for the owner's plates and VGG-19, behind the visitors' backs."""
        _serve(self.plates)
        threading.Thread(target=self._prepare, daemon=True).start()

    def _prepare(self) -> None:
        tiny = open_image(PHOTOS[0])
        for _ in stylize(tiny, [tiny], Settings(size=64, steps=1), self.backbone):
            pass
        found = owners_plates()
        _serve(found)
        self.plates = [*self.plates, *found]
        if self.backbone.name == "VGG-16" and (weights := fetch_vgg19()):
            self.backbone = load_backbone(weights)
            log.info("VGG-19 is here and paints from now on")


studio = Studio()


def welcome() -> tuple[Any, list[Plate], str]:
    """A new page: the plates there are by now, and who paints."""
    return (
        _hung(studio.plates),
        studio.plates,
        _status("Ready when you are", 0, studio.backbone.name),
    )


def choose(styles: list[Plate], event: gr.SelectData) -> list[Any]:
    """The style clicked, what there is to say of it, and its best settings."""
    plate = styles[int(event.index)]
    best = vars(Settings()) | plate.settings
    return [str(plate.path), _label(plate), *(best[name] for name in OF_THE_PLATE)]


def add_style(uploads: list[str], styles: list[Plate]) -> tuple[Any, list[Plate], str, str]:
    """A visitor's own styles come first in the gallery, and the first of them is chosen."""
    try:
        for upload in uploads:
            open_image(upload, "the style")
    except ImageError as error:
        raise _sorry(error) from None
    own = [Plate(Path(upload).stem, Path(upload), Path(upload).stem) for upload in uploads]
    return _hung([*own, *styles], selected_index=0), [*own, *styles], uploads[0], _label(own[0])


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
    photo: str | None, style: str | None, request: gr.Request, *knobs: Any
) -> tuple[Any, Any, str]:
    """Show at once that the click was heard, or why it leads nowhere."""
    _easel(photo, style, knobs)
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
    photo: str | None, style: str | None, request: gr.Request, *knobs: Any
) -> Iterator[tuple[Any, ...]]:
    """Paint, and show each frame: canvas, status, losses, download."""
    frames, backbone = _easel(photo, style, knobs)
    stopped = studio.stops.get(str(request.session_hash)) or threading.Event()
    if stopped.is_set():
        return
    history: list[tuple[int, str, float]] = []
    frame, plotted = None, 0.0
    with tempfile.TemporaryDirectory() as folder:
        try:
            for frame in frames:
                history += [(frame.step, name, max(v, 1e-3)) for name, v in frame.losses.items()]
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
        finished = f"{folder}/{_stem(photo)} after {_stem(style)}.png"
        frame.image.save(finished)
        button = gr.DownloadButton("Download PNG", value=finished, interactive=True)
        yield finished, _told(frame, backbone, ended=True), _plot(history), button


def _easel(
    photo: str | None, style: str | None, knobs: tuple[Any, ...]
) -> tuple[Generator[Frame, None, None], Backbone]:
    """A run that has not begun yet; gr.Error if there is nothing to paint or it can't be."""
    if not photo:
        raise _sorry("Add a photo first: drop one in, take one, or click a sample")
    if not style:
        raise _sorry("Choose a style first: click one of the pictures, or add your own")
    backbone = studio.backbone
    try:
        settings = Settings(**dict(zip(KNOBS, knobs, strict=True)))
        return stylize(photo, [style], settings, backbone), backbone
    except ValueError as error:
        raise _sorry(error) from None


def end() -> tuple[Any, Any]:
    """Paint is back, Stop goes, however the run ended."""
    return gr.Button(visible=True), gr.Button(visible=False)


def _hung(styles: list[Plate], **options: Any) -> Any:
    """The gallery with these plates on its wall."""
    return gr.Gallery([(str(plate.path), plate.title) for plate in styles], **options)


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
    return pd.DataFrame(history, columns=["step", "loss", "value"])


KNOBS = [knob.name for knob in fields(Settings)]


def _component(knob: Any) -> Any:
    """The control that fits a knob of Settings."""
    told, info = knob.metadata, knob.metadata["help"].capitalize()
    if told["choices"]:
        return gr.Radio(list(told["choices"]), value=knob.default, label=told["label"], info=info)
    if told["low"] is None:
        text = ", ".join(f"{layer}={weight:g}" for layer, weight in knob.default)
        return gr.Textbox(text, label=told["label"], info=info)
    if told["high"] > 10_000:
        return gr.Number(
            knob.default, label=told["label"], info=info, precision=0, minimum=told["low"]
        )
    return gr.Slider(
        told["low"], told["high"], knob.default, step=told["step"], label=told["label"], info=info
    )


def build() -> gr.Blocks:
    """The page."""
    with gr.Blocks(title="nst: photos into paintings", delete_cache=(3600, 86400)) as page:
        gr.Markdown("# nst\nDrop in a photo, pick a style, and watch it become a painting.")
        styles = gr.State([])
        style = gr.State(None)
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
                with gr.Accordion("Settings", open=False, elem_id="settings"):
                    knobs = {name: _component(controls[name]) for name in FOLDED}
                    with gr.Accordion("Under the hood", open=False):
                        rest = [name for name in KNOBS if name not in FOLDED]
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
                        x="step", y="value", color="loss", height=220, show_label=False
                    )
        page.load(
            welcome,
            None,
            [gallery, styles, status],
            api_visibility="private",
            show_progress="hidden",
        )
        photo.upload(check_photo, photo, photo, api_visibility="private", show_progress="hidden")
        gallery.select(
            choose,
            styles,
            [style, card, *(knobs[name] for name in OF_THE_PLATE)],
            api_visibility="private",
            show_progress="hidden",
        )
        upload.upload(
            add_style,
            [upload, styles],
            [gallery, styles, style, card],
            api_visibility="private",
        )
        inputs = [photo, style, *(knobs[name] for name in KNOBS)]
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
