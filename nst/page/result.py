"""The picture that is painted: canvas, comparison, time-lapse, losses, downloads, and how to go on."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import gradio as gr
import pandas as pd

from nst.film import write_animation, write_film
from nst.images import ImageError, open_image, save_image
from nst.page.events import QUEUED, Context, Outputs, run_script
from nst.page.ui import static
from nst.page.ui.html import user_error
from nst.service.session import Session
from nst.service.store import Painting, StepLosses

PRINT_SIZE = 2048  # pixels on the longest side of a painting to be printed

NOT_COPIED = "the browser doesn't let this page copy the link; copy it from the address bar instead"


class Result:
    """The picture on the canvas, and the buttons below it.

    The page places `column`, and `tabs`, to which other features add tabs of their own.
    """

    def __init__(self, context: Context) -> None:
        self.app, self.session = context.app_state, context.session
        self._build_tabs()
        with gr.Column(render=False, elem_classes="feature") as self.column:
            with gr.Row(elem_id="keep"):
                self.download = gr.DownloadButton("Download PNG", interactive=False, elem_id="download")
                self.jpeg = gr.DownloadButton("For chats, JPEG", interactive=False, elem_id="jpeg")
                self.share = gr.Button("Share", elem_id="share")
                self.copy = gr.Button("Copy link", elem_id="copy")
                self.copy_denied = gr.Checkbox(visible=False)
            size = min(PRINT_SIZE, self.app.config.max_size)
            with gr.Row(elem_id="next"):
                self.go_on = gr.Button("Paint on from here", interactive=False, elem_id="on")
                self.print = gr.Button(f"In print size, {size}", interactive=False, elem_id="print")
                self.again = gr.Button("Again, with another seed", visible=False, elem_id="again")
        with gr.Accordion("Losses", open=False, elem_id="losses", render=False) as self.losses_fold:
            self.losses = gr.LinePlot(
                x="step", y="loss", y_title="loss, as a power of ten", color="term", height=260, show_label=False
            )
        buttons = [self.download, self.jpeg, self.go_on, self.print, self.again]
        self.outputs = [self.image, self.compare, self.losses, *buttons]
        """The components that `show`, `show_preview` and `buttons` set."""

    def _build_tabs(self) -> None:
        space = self.app.config.space
        self.tabs = gr.Tabs(elem_id="shown", render=False)
        with gr.Tab("Painting", id="painting", render=False) as self.painting_tab:
            self.image = gr.Image(
                show_label=False,
                label="Painting",
                format="png",
                interactive=False,
                elem_id="canvas",
                height=520,
                buttons=["fullscreen", "share"] if space else ["fullscreen"],
            )
        with gr.Tab("Compare", render=False) as self.compare_tab:
            self.compare = gr.ImageSlider(
                label="Photo and painting",
                show_label=False,
                interactive=False,
                elem_id="slider",
                height=520,
                buttons=["fullscreen"],
            )
        with gr.Tab("Film", render=False) as self.film_tab:
            self.film = gr.Video(
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
                self.film_button = gr.DownloadButton("Film, MP4", interactive=False)
                self.animation_button = gr.DownloadButton("For chats, WebP", interactive=False)

    def buttons(self, session: Session, running: bool = False) -> Outputs:
        """Which buttons below the canvas are enabled: those that need the painting on the canvas,
        and, while nothing runs, those that start a run."""
        painting = self.app.store.find(session.painting)
        jpeg = jpeg_of(painting) if painting else None
        jpeg = jpeg if jpeg and jpeg.exists() else None
        continues = painting is not None and not running
        return {
            self.download: gr.DownloadButton(
                value=painting.file if painting else None, interactive=painting is not None
            ),
            self.jpeg: gr.DownloadButton(value=jpeg, interactive=jpeg is not None),
            self.go_on: gr.Button(interactive=continues),
            self.print: gr.Button(interactive=continues),
            self.again: gr.Button(interactive=not running),
        }

    def show(self, session: Session, image: Any, compare: Sequence[Any], losses: Sequence[StepLosses]) -> Outputs:
        """A picture on the canvas, two in the comparison, and the losses of the run."""
        return {
            self.image: image,
            self.compare: tuple(compare),
            self.losses: loss_table(losses),
            **self.buttons(session),
        }

    def show_preview(self, session: Session, file: Path) -> Outputs:
        """A preview on the canvas, in place of a painting."""
        session.painting = ""
        image = gr.Image(str(file), label="Preview", show_label=True)
        return {self.image: image, **self.buttons(session)}

    def make_film(self, *, session: Session) -> Outputs:
        """The time-lapse, as MP4 to watch, both as files to download; a JPEG of the painting."""
        painting = self.app.store.find(session.painting)
        if painting is None or not painting.frames:
            return gr.skip()
        frames, painting.frames = painting.frames, []
        film, animation = (painting.file.with_suffix(end) for end in (".mp4", ".webp"))
        jpeg = jpeg_of(painting)
        try:
            save_image(open_image(painting.file), jpeg)
            write_film(frames, film)
            write_animation(frames, animation)
        except (OSError, ImageError):  # the store has dropped the painting, or the disk is full
            for file in (film, animation, jpeg):
                file.unlink(missing_ok=True)
            return gr.skip()
        return {
            self.film: gr.Video(str(film), visible=True),
            self.jpeg: gr.DownloadButton(value=jpeg, interactive=True),
            self.film_button: gr.DownloadButton(value=film, interactive=True),
            self.animation_button: gr.DownloadButton(value=animation, interactive=True),
        }

    @property
    def film_outputs(self) -> list[Any]:
        """The components that `make_film` sets."""
        return [self.film, self.jpeg, self.film_button, self.animation_button]

    def wire(self) -> None:
        """Connect the events."""
        space = self.app.config.space
        page = f"https://huggingface.co/spaces/{space}" if space else ""
        self.copy.click(
            confirm_link,
            js=static.read("copy_link.js", page=page),
            inputs_kwargs={"denied": self.copy_denied},
            **QUEUED,
        )
        run_script(self.share.click, static.read("share.js"))


def loss_table(losses: Sequence[StepLosses]) -> pd.DataFrame:
    """Step, term, and the common logarithm of the term's loss."""
    rows = [(step, term, math.log10(value)) for step, terms in losses for term, value in terms.items() if value > 0]
    return pd.DataFrame(rows, columns=["step", "term", "loss"])


def confirm_link(*, denied: Any) -> None:
    """Say what the link in the clipboard contains; `denied` means that the browser has not copied it."""
    if denied:
        raise user_error(NOT_COPIED)
    gr.Info("Link copied: it brings back style and settings; your own photo stays with you.")


def jpeg_of(painting: Painting) -> Path:
    """The file of the painting's JPEG, which is made with the time-lapse."""
    return painting.file.with_suffix(".jpeg")
