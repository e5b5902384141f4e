"""The visitor's earlier paintings, which their own browser remembers."""

import base64
import io
from dataclasses import asdict, dataclass
from typing import Any

import gradio as gr
from PIL import Image

from nst.images import ImageError, open_image
from nst.page.events import DIRECT, QUEUED, Context, Inputs, Outputs, run_script, selected_index
from nst.page.result import Result
from nst.page.style import StylePicker
from nst.page.ui.html import verbatim
from nst.service.session import Session
from nst.sharing import from_query, parse_query, to_query

MAX_REMEMBERED = 8  # paintings in a visitor's browser, which has 5 MB for a page
MAX_BYTES = 200_000  # bytes of one small picture
SMALL = 384  # pixels on its longest side

STORAGE_SECRET = "nst-paintings"
"""Not a secret: with a new one at each start, browsers could not read their own storage."""


@dataclass(frozen=True)
class Memory:
    """A painting as a browser remembers it: `picture` is a small JPEG as base64, `address` the
    query of its link."""

    token: str
    address: str
    title: str
    picture: str

    def open(self) -> Image.Image:
        """The small picture; a white one where its end is missing."""
        try:
            data = io.BytesIO(base64.b64decode(self.picture))
            return open_image(Image.open(data, formats=["JPEG"]))
        except ImageError:
            return Image.new("RGB", (SMALL, SMALL), "white")


class History:
    """The strip of earlier paintings below the canvas."""

    def __init__(self, context: Context, style: StylePicker, result: Result) -> None:
        self.app, self.session = context.app_state, context.session
        self.style, self.result = style, result
        self.remembered = gr.BrowserState([], storage_key="nst-paintings", secret=STORAGE_SECRET)
        with gr.Column(render=False, elem_classes="feature") as self.column:
            self.strip = gr.Gallery(
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
            self.remove = gr.Button("Remove this one", visible=False, size="sm")
            self.synchronise = gr.Button(elem_id="synchronise")

    def add(self, *, session: Session, remembered: Any) -> Outputs:
        """The painting of the run that has ended becomes the first in the strip.

        This is an event of its own: the list that a run begins with is old when it ends.
        """
        painting, session.unlisted = self.app.store.find(session.unlisted), ""
        if painting is None:
            return gr.skip()
        small = open_image(painting.file)
        small.thumbnail((SMALL, SMALL))
        data = io.BytesIO()
        small.save(data, "JPEG", quality=80)
        memory = Memory(
            token=painting.token,
            address=to_query(painting.link),
            title=painting.file.stem,
            picture=base64.b64encode(data.getvalue()).decode(),
        )
        return self._show(session, [memory, *valid_memories(remembered)][:MAX_REMEMBERED])

    def load_history(self, *, remembered: Any) -> Outputs:
        """The strip as the browser has kept it."""
        return {self.strip: strip_of(valid_memories(remembered)), self.remove: gr.Button(visible=False)}

    def bring_back(self, event: gr.SelectData, *, session: Session, remembered: Any) -> Outputs:
        """An earlier painting with its settings, compared with the one that was on the canvas."""
        memories = valid_memories(remembered)
        index = selected_index(event, memories)
        if index is None:
            return gr.skip()
        memory, store = memories[index], self.app.store
        painting, previous = store.find(memory.token), store.find(session.painting)
        image = open_image(painting.file) if painting else memory.open()
        compared = open_image(previous.file).resize(image.size) if previous else image
        session.selected = session.painting = memory.token
        if painting:
            store.hand_over(painting, session.key)
        link, _ = from_query(parse_query(memory.address))
        return {
            self.remove: gr.Button(visible=True),
            **self.result.show(session, image, (compared, image), painting.losses if painting else []),
            self.result.image: gr.Image(image, show_label=False),  # it is no preview
            **self.style.show_link(session, link),
        }

    def remove_selected(self, *, session: Session, remembered: Any) -> Outputs:
        """Forget the painting that is selected in the strip."""
        return self._show(session, [kept for kept in valid_memories(remembered) if kept.token != session.selected])

    def _show(self, session: Session, memories: list[Memory]) -> Outputs:
        session.selected = ""
        return {
            self.remembered: [asdict(memory) for memory in memories],
            self.strip: strip_of(memories),
            self.remove: gr.Button(visible=False),
        }

    def add_after(self, run: Any) -> None:
        """Add the painting when the event `run` has ended."""
        inputs: Inputs = {"session": self.session, "remembered": self.remembered}
        run.success(self.add, inputs_kwargs=inputs, outputs=[self.remembered, self.strip, self.remove], **QUEUED)

    def wire(self) -> Any:
        """Connect the events; returns the one after which an earlier painting's settings are in the controls."""
        inputs: Inputs = {"session": self.session, "remembered": self.remembered}
        strip = [self.strip, self.remove]
        self.remove.click(self.remove_selected, inputs_kwargs=inputs, outputs=[self.remembered, *strip], **DIRECT)
        run_script(self.remembered.change, "(paintings) => window.nst?.announce?.(paintings)", self.remembered)
        synchronised = run_script(self.synchronise.click, "() => [window.nst.announced()]", None, self.remembered)
        synchronised.then(self.load_history, inputs_kwargs={"remembered": self.remembered}, outputs=strip, **DIRECT)
        return self.strip.select(
            self.bring_back,
            inputs_kwargs=inputs,
            outputs=[self.remove, *self.result.outputs, *self.style.link_outputs],
            **QUEUED,
        )


def valid_memories(remembered: Any) -> list[Memory]:
    """The paintings that a browser remembers, without entries that nst can't have written."""
    memories = []
    for entry in (remembered if isinstance(remembered, list) else [])[:MAX_REMEMBERED]:
        try:
            text = {name: str(entry[name])[:2000] for name in ("token", "address", "title")}
            encoded = entry["picture"]
            if len(encoded) > MAX_BYTES * 4 / 3:
                continue
            picture = base64.b64decode(encoded, validate=True)
            with Image.open(io.BytesIO(picture), formats=["JPEG"]) as image:
                if max(image.size) <= SMALL:
                    memories.append(Memory(**text, picture=encoded))
        except (KeyError, TypeError, ValueError, OSError, Image.DecompressionBombError):
            continue
    return memories


def strip_of(memories: list[Memory]) -> gr.Gallery:
    """The strip with these pictures; hidden where there are none."""
    pictures = [(memory.open(), verbatim(memory.title)) for memory in memories]
    return gr.Gallery(pictures, visible=bool(pictures), selected_index=None)
