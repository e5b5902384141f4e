"""What one pass makes of a visitor's photo before anything is painted: on the canvas, and in the
gallery."""

import secrets
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import gradio as gr

from nst.instant import OnePass
from nst.page.context import Outputs, Page, in_sight
from nst.page.drafter import WHERE
from nst.page.parts import offered
from nst.page.session import Session
from nst.page.uploads import sent_file

SIZE = 512
"""Pixels on the longest side of a draft."""


def draft_anew(page: Page, *, session: Session, **asked: Any) -> Outputs:
    """Another photo or style: its draft takes the canvas from a painting, which the strip keeps."""
    return _draft(page, session, session.run is not None, **asked)


def draft_on(page: Page, *, session: Session, **asked: Any) -> Outputs:
    """Another strength or stroke size: the draft follows, and a painting stays."""
    return _draft(page, session, session.run is not None or bool(session.painting), **asked)


def _draft(
    page: Page, session: Session, taken: bool, *, photo: Any, chosen: list[str], **knobs: Any
) -> Outputs:
    """The photo in the styles chosen; `taken` tells that the canvas belongs to a painting."""
    known = {plate.name: plate for plate in page.styles(session)}
    plates = [known[name] for name in chosen if name in known]
    if taken or not plates or photo is None:
        return gr.skip()
    wanted, painting = in_sight(chosen, knobs), session.painting
    drawn = _drawn(
        photo,
        lambda file: page.machine.drafter.draft(
            file,
            lambda: OnePass(*(plate.path for plate in plates), size=SIZE, where=WHERE, **wanted),
        ),
    )
    if not drawn or session.run is not None or session.painting != painting:  # Paint was quicker
        return gr.skip()
    files = _kept(page, session, "draft", drawn)
    if not files:
        return gr.skip()
    session.painting = ""
    return {
        page.canvas.image: gr.Image(str(files[0]), label="A first draft", show_label=True),
        page.after.download: gr.DownloadButton(interactive=False),
        page.after.on: gr.Button(interactive=False),
    }


def show_gallery(page: Page, *, session: Session, photo: Any, on_photo: bool) -> Outputs:
    """Every style as it looks on the photo, or as it is."""
    plates = page.styles(session)
    as_they_are: Outputs = {
        page.style.on_photo: gr.Checkbox(visible=photo is not None),
        page.style.gallery: gr.Gallery(offered(plates)),
    }
    if photo is None or not on_photo:
        return as_they_are

    styles = [plate.path for plate in plates]
    drawn = _drawn(photo, lambda file: page.machine.drafter.thumbnails(file, styles))
    files = _kept(page, session, "gallery", drawn)
    if not files:
        return as_they_are
    shown = [(str(file), plate.title) for file, plate in zip(files, plates, strict=True)]
    return as_they_are | {page.style.gallery: gr.Gallery(shown)}


def _drawn(photo: Any, draw: Callable[[Path], list[bytes]]) -> list[bytes]:
    """What is drawn of the photo. What is wrong with it, or the settings, is told elsewhere."""
    try:
        file = sent_file(photo, "the photo")
        return draw(file) if file else []
    except ValueError:
        return []


def _kept(page: Page, session: Session, what: str, drawn: Sequence[bytes]) -> list[Path]:
    """The pictures as files, in place of the visitor's before; none where the disk is full."""
    for file in session.drafts.get(what, []):
        file.unlink(missing_ok=True)
    folder = page.machine.store.root / "drafts"
    files = [folder / f"{secrets.token_hex(8)}.webp" for _ in drawn]
    session.drafts[what] = files
    try:
        folder.mkdir(exist_ok=True)
        for file, data in zip(files, drawn, strict=True):
            file.write_bytes(data)
    except OSError:  # the disk is full, and paintings need what is left
        return []
    return files
