"""The page's other half: where the painting grows, and what one does with it. See parts.py."""

from dataclasses import dataclass

import gradio as gr

from nst.config import Config
from nst.page.ui import static

PRINT = 2048
"""Pixels on the longest side of a painting to be printed."""


@dataclass(frozen=True)
class CanvasPart:
    """Paint and Stop, how far the painting is, and the painting."""

    paint: gr.Button
    stop: gr.Button
    status: gr.HTML
    take_up: gr.Button
    tabs: gr.Tabs
    welcome: gr.HTML
    open_sample: gr.Button
    image: gr.Image
    compare: gr.ImageSlider
    film: gr.Video
    film_button: gr.DownloadButton
    animation_button: gr.DownloadButton


@dataclass(frozen=True)
class LivePart:
    """The camera: its buttons, what the script is told, and what it tells."""

    start: gr.Button
    stop: gr.Button
    snapshot: gr.Button
    denied: gr.Checkbox
    token: gr.Textbox
    shot: gr.JSON


@dataclass(frozen=True)
class ClipPart:
    """A film, and the same painted."""

    film: gr.File
    paint: gr.Button
    stop: gr.Button
    status: gr.HTML
    painted: gr.Video
    download: gr.DownloadButton


def canvas_part(config: Config, welcome: str) -> tuple[CanvasPart, LivePart, ClipPart]:
    """Where the painting grows; a Space has a button to share it with its community.

    `welcome` is what one sees there before there is anything to show.
    """
    with gr.Column(elem_id="act"):
        with gr.Row():
            paint = gr.Button("Paint", variant="primary", size="lg", elem_id="paint")
            stop = gr.Button("Stop", variant="stop", size="lg", visible=False, elem_id="stop")
        status = gr.HTML(elem_id="status")
        take_up = gr.Button(elem_id="take-up")
    with gr.Tabs(elem_id="shown") as tabs:
        with gr.Tab("Painting", id="painting"):
            with gr.Column(elem_id="welcome"):
                sample = gr.HTML(welcome, js_on_load=static.read("slider.js"))
                open_sample = gr.Button("Open this one", size="sm", elem_id="open-sample")
            image = gr.Image(
                show_label=False,
                label="Painting",
                format="png",
                interactive=False,
                elem_id="canvas",
                height=520,
                buttons=["fullscreen", "share"] if config.space else ["fullscreen"],
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
            films = _film_part()
        live, clip = _live_part(config.live_seconds > 0), _clip_part(config.clip_seconds)
    canvas = CanvasPart(
        paint,
        stop,
        status,
        take_up,
        tabs,
        sample,
        open_sample,
        image,
        compare,
        *films,
    )
    return canvas, live, clip


def _film_part() -> tuple[gr.Video, gr.DownloadButton, gr.DownloadButton]:
    film = gr.Video(
        label="The making of the painting",
        show_label=False,
        interactive=False,
        autoplay=True,
        loop=True,
        elem_id="film",
        height=470,
        visible=False,  # browsers load the player only when there is a film
    )
    with gr.Row():
        film_button = gr.DownloadButton("Film, MP4", interactive=False)
        animation_button = gr.DownloadButton("For chats, WebP", interactive=False)
    return film, film_button, animation_button


def _live_part(there: bool) -> LivePart:
    with gr.Tab("Live", visible=there):
        gr.HTML(
            '<div id="scene"><canvas role="img" aria-label="What the camera sees, painted" hidden>'
            '</canvas><p role="status">Your camera, painted as it runs: pick a style, and start.'
            "</p></div>"
        )
        with gr.Row():
            start = gr.Button("Start the camera", variant="primary", elem_id="live-start")
            snapshot = gr.Button("Take this picture", visible=False, elem_id="live-snapshot")
            stop = gr.Button("Stop the camera", visible=False, elem_id="live-stop")
        denied, token = gr.Checkbox(visible=False), gr.Textbox(visible=False)
        shot = gr.JSON(visible=False)
    return LivePart(start, stop, snapshot, denied, token, shot)


def _clip_part(most: float) -> ClipPart:
    with gr.Tab("Clip", visible=most > 0):
        # Not a `Video`: browsers would load 30 MB of its editor with the first film.
        film = gr.File(
            label=f"A film of up to {most:g} seconds",
            file_types=["video"],
            height=140,
            elem_id="clip",
        )
        with gr.Row():
            paint = gr.Button("Paint the film", variant="primary", elem_id="clip-paint")
            stop = gr.Button("Stop", variant="stop", visible=False, elem_id="clip-stop")
        status = gr.HTML(elem_id="clip-status")
        painted = gr.Video(
            label="The painted film",
            interactive=False,
            autoplay=True,
            loop=True,
            height=320,
            elem_id="clip-painted",
            visible=False,
        )
        download = gr.DownloadButton("Download MP4", interactive=False)
    return ClipPart(film, paint, stop, status, painted, download)


@dataclass(frozen=True)
class AfterPart:
    """What one does with a painting, and the strip of one's own."""

    download: gr.DownloadButton
    jpeg: gr.DownloadButton
    share: gr.Button
    copy: gr.Button
    on: gr.Button
    print: gr.Button
    again: gr.Button
    strip: gr.Gallery
    take_down: gr.Button
    losses: gr.LinePlot


def after_part() -> AfterPart:
    """Below the canvas."""
    with gr.Row(elem_id="keep"):
        download = gr.DownloadButton("Download PNG", interactive=False, elem_id="download")
        jpeg = gr.DownloadButton("For chats, JPEG", interactive=False, elem_id="jpeg")
        share = gr.Button("Share", elem_id="share")
        copy = gr.Button("Copy link", elem_id="copy")
    with gr.Row(elem_id="next"):
        on = gr.Button("Paint on from here", interactive=False, elem_id="on")
        print = gr.Button(f"In print size, {PRINT}", interactive=False, elem_id="print")
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
    with gr.Accordion("Losses", open=False, elem_id="losses"):
        losses = gr.LinePlot(
            x="step",
            y="loss",
            y_title="loss, as a power of ten",
            color="term",
            height=260,
            show_label=False,
        )
    return AfterPart(download, jpeg, share, copy, on, print, again, strip, take_down, losses)
