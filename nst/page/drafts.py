"""What one pass makes of a visitor's photo before anything is painted: on the canvas, and in the
gallery."""

import shutil
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import gradio as gr

from nst.gallery import Style
from nst.one_pass import OnePass
from nst.page.choosing import or_first
from nst.page.context import Outputs, Page, in_sight
from nst.page.guard.uploads import sent_file
from nst.page.parts import offered
from nst.service.runs import MAX_STYLES, NO_STYLE
from nst.service.session import Session

SIZE = 512
"""Pixels on the longest side of a draft."""

Drawn = TypeVar("Drawn")


def draft_anew(
    page: Page, *, session: Session, chosen: list[str], recipe: str, **asked: Any
) -> Outputs:
    """Another photo or style: its draft takes the canvas from a painting, which the strip keeps."""
    names, best = or_first(page, chosen, recipe, asked)
    return _draft(page, session, session.run is not None, chosen=names, **asked | best)


def draft_on(page: Page, *, session: Session, **asked: Any) -> Outputs:
    """Another strength or stroke size: the draft follows, and a painting stays."""
    return _draft(page, session, session.run is not None or bool(session.painting), **asked)


def _draft(
    page: Page, session: Session, taken: bool, *, photo: Any, chosen: list[str], **knobs: Any
) -> Outputs:
    """The photo in the styles chosen; `taken` tells that the canvas belongs to a painting."""
    plates = plates_of(page, session, chosen)
    if taken or not plates or photo is None:
        return gr.skip()
    wanted, painting = in_sight(chosen, knobs), session.painting
    paint = painter(page, plates, size=SIZE, **wanted)
    drawn = _drawn(photo, lambda file: page.app_state.previewer.draft(file, paint))
    if not drawn or session.run is not None or session.painting != painting:  # Paint was quicker
        return gr.skip()
    files = _kept(page, session, "draft", [drawn])
    if not files:
        return gr.skip()
    session.painting = ""
    return {
        page.canvas.image: gr.Image(str(files[0]), label="A first draft", show_label=True),
        page.after.download: gr.DownloadButton(interactive=False),
        page.after.jpeg: gr.DownloadButton(interactive=False),
        page.after.on: gr.Button(interactive=False),
        page.after.print: gr.Button(interactive=False),
    }


def plates_of(page: Page, session: Session, chosen: Sequence[str]) -> list[Style]:
    """The styles chosen, of those that this visitor is shown; as many as a painting may have."""
    known = {plate.name: plate for plate in page.styles(session)}
    return [known[name] for name in chosen[:MAX_STYLES] if name in known]


def read_styles(page: Page, session: Session, chosen: Sequence[str], **how: Any) -> OnePass:
    """What paints the styles chosen in one pass; ValueError where that can't be, or none is."""
    plates = plates_of(page, session, chosen)
    if not plates:
        raise ValueError(NO_STYLE)
    return page.app_state.previewer.in_the_end(painter(page, plates, **how))


def painter(page: Page, plates: Sequence[Style], **how: Any) -> Callable[[], OnePass]:
    """What makes the painter of these styles, in the drafter's thread."""
    return partial(page.app_state.previewer.painter, *(plate.path for plate in plates), **how)


def show_gallery(page: Page, *, session: Session, photo: Any, on_photo: bool) -> Outputs:
    """Every style as it looks on the photo, or as it is."""
    plates = page.styles(session)
    as_they_are: Outputs = {
        page.style.on_photo: gr.Checkbox(visible=photo is not None),
        page.style.gallery: gr.Gallery(offered(plates, page.app_state.small)),
    }
    if photo is None or not on_photo:
        return as_they_are

    styles = [plate.path for plate in plates]
    drawn = _drawn(photo, lambda file: page.app_state.previewer.thumbnails(file, styles))
    files = _kept(page, session, "gallery", drawn or [])
    if not files:
        return as_they_are
    shown = [(str(file), plate.title) for file, plate in zip(files, plates, strict=True)]
    return as_they_are | {page.style.gallery: gr.Gallery(shown)}


def _drawn(photo: Any, draw: Callable[[Path], Drawn]) -> Drawn | None:
    """What is drawn of the photo. What is wrong with it, or the settings, is told elsewhere."""
    try:
        file = sent_file(photo, "the photo")
        return draw(file) if file else None
    except ValueError:
        return None


def _kept(page: Page, session: Session, what: str, drawn: Sequence[bytes]) -> list[Path]:
    """The pictures as files, in place of the visitor's before; none where the disk is full."""
    try:
        folder = replaced(page, session, what)
        files = [folder / f"{number}.webp" for number in range(len(drawn))]
        for file, data in zip(files, drawn, strict=True):
            file.write_bytes(data)
    except OSError:  # the disk is full, and paintings need what is left
        return []
    return files


def replaced(page: Page, session: Session, what: str) -> Path:
    """An empty folder for what is shown to a visitor, in place of the one before."""
    if before := session.drafts.pop(what, None):
        shutil.rmtree(before, ignore_errors=True)
    folder = session.drafts[what] = page.app_state.store.new_folder()
    return folder
