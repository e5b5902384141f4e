"""A visitor's own paintings: the strip that their browser remembers, and the film."""

import base64
import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr
from PIL import Image

from nst.film import write_animation, write_film
from nst.images import ImageError, open_image, save_image
from nst.page.choosing import parse_link
from nst.page.context import Outputs, Page, show_shared
from nst.service.session import Session
from nst.service.store import Painting
from nst.sharing import to_query

MAX_REMEMBERED = 8
"""In a visitor's browser, which has 5 MB for a page."""

MAX_BYTES = 200_000
"""Of one small picture."""

SMALL = 384
"""Pixels on its longest side."""


@dataclass(frozen=True)
class Memory:
    """A painting as a browser remembers it: `picture` is a small JPEG, `address` a link's query."""

    token: str
    address: str
    title: str
    picture: bytes


def judged(remembered: Any) -> list[Memory]:
    """What a browser says it remembers, without what can't be true."""
    found = []
    for entry in (remembered if isinstance(remembered, list) else [])[:MAX_REMEMBERED]:
        try:
            text = {name: str(entry[name])[:2000] for name in ("token", "address", "title")}
            encoded = entry["picture"]
            if len(encoded) > MAX_BYTES * 4 / 3:
                continue
            picture = base64.b64decode(encoded, validate=True)
            with Image.open(io.BytesIO(picture), formats=["JPEG"]) as image:
                if max(image.size) <= SMALL:
                    found.append(Memory(**text, picture=picture))
        except (KeyError, TypeError, ValueError, OSError, Image.DecompressionBombError):
            continue
    return found


def _kept(memories: list[Memory]) -> list[dict[str, str]]:
    """Memories as a browser keeps them."""
    return [
        {
            "token": memory.token,
            "address": memory.address,
            "title": memory.title,
            "picture": base64.b64encode(memory.picture).decode(),
        }
        for memory in memories
    ]


def _strip(memories: list[Memory]) -> Any:
    pictures = [(_opened(memory), memory.title) for memory in memories]
    return gr.Gallery(pictures, visible=bool(pictures), selected_index=None)


def _opened(memory: Memory) -> Image.Image:
    try:
        return open_image(Image.open(io.BytesIO(memory.picture), formats=["JPEG"]))
    except ImageError:  # its end is missing
        return Image.new("RGB", (SMALL, SMALL), "white")


def remember(page: Page, painting: Painting, remembered: Any) -> Outputs:
    """The painting joins the visitor's own."""
    small = open_image(painting.file)
    small.thumbnail((SMALL, SMALL))
    data = io.BytesIO()
    small.save(data, "JPEG", quality=80)
    memory = Memory(painting.token, to_query(painting.shared), painting.file.stem, data.getvalue())
    memories = [memory, *judged(remembered)][:MAX_REMEMBERED]
    return {page.remembered: _kept(memories), page.after.strip: _strip(memories)}


def show_remembered(page: Page, *, remembered: Any) -> Outputs:
    """The strip of one's own paintings, as the browser has kept it."""
    return {page.after.strip: _strip(judged(remembered))}


def bring_back(page: Page, event: gr.SelectData, *, session: Session, remembered: Any) -> Outputs:
    """A painting of before, its settings, and the one that was on the canvas beside it."""
    memories = judged(remembered)
    place = int(event.index)
    if not 0 <= place < len(memories):
        return gr.skip()
    memory, store = memories[place], page.app_state.store
    made, there = store.find(memory.token), store.find(session.painting)
    image = open_image(made.file) if made else _opened(memory)
    beside = open_image(there.file) if there else image
    session.selected, session.painting = place, memory.token
    if made:
        store.hand_over(made, session.key)
    return {
        page.canvas.image: image,
        page.canvas.compare: (beside.resize(image.size), image),
        page.after.download: gr.DownloadButton(
            value=made.file if made else None, interactive=made is not None
        ),
        page.after.jpeg: gr.DownloadButton(interactive=False),
        page.after.on: gr.Button(interactive=made is not None),
        page.after.print: gr.Button(interactive=made is not None),
        page.after.take_down: gr.Button(visible=True),
        **show_shared(page, session, parse_link(memory.address)),
    }


def take_down(page: Page, *, session: Session, remembered: Any) -> Outputs:
    """Forget the painting that was chosen in the strip."""
    left = [m for place, m in enumerate(judged(remembered)) if place != session.selected]
    session.selected = -1
    return {
        page.remembered: _kept(left),
        page.after.strip: _strip(left),
        page.after.take_down: gr.Button(visible=False),
    }


def compared(painting: Painting) -> tuple[str, str]:
    """Photo and painting, for the slider."""
    return str(painting.before), str(painting.file)


def make_film(page: Page, *, session: Session) -> Outputs:
    """The making-of, as MP4 to see and as both to take along, and a JPEG of the painting."""
    painting = page.app_state.store.find(session.painting)
    if painting is None or not painting.frames:
        return gr.skip()
    frames, painting.frames = painting.frames, []
    film, animation, jpeg = (painting.file.with_suffix(s) for s in (".mp4", ".webp", ".jpeg"))
    try:
        save_image(open_image(painting.file), jpeg)
        write_film(frames, film)
        write_animation(frames, animation)
    except (OSError, ImageError):  # it has made room for others meanwhile, or the disk is full
        for file in (film, animation, jpeg):
            file.unlink(missing_ok=True)
        return gr.skip()
    return {
        page.canvas.film: gr.Video(str(film), visible=True),
        page.after.jpeg: gr.DownloadButton(value=jpeg, interactive=True),
        page.canvas.film_button: gr.DownloadButton(value=film, interactive=True),
        page.canvas.animation_button: gr.DownloadButton(value=animation, interactive=True),
    }


def file_of(page: Page, session: Session) -> Path | None:
    """The file of the painting on the canvas, if it is still here."""
    painting = page.app_state.store.find(session.painting)
    return painting.file if painting else None
