"""The wall, where visitors hang their paintings for everybody to see."""

import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import gradio as gr

from nst.images import ImageError, open_image, save_image
from nst.page.context import Outputs, Page, show_shared
from nst.page.html import user_error
from nst.page.hub_wall import WallError, hang, latest
from nst.page.paintings import SMALL
from nst.page.session import Session
from nst.page.store import FULL, Painting
from nst.sharing import from_file, to_text

HOUR = 3600.0
MOST_BY_ONE, MOST_BY_ALL = 3, 30
"""Paintings that may be hung in an hour."""


def hang_up(page: Page, *, session: Session) -> None:
    """Upload the painting on the canvas, with its recipe; only when asked to, and not too often."""
    machine = page.machine
    made = machine.store.find(session.painting)
    if made is None:
        raise user_error("There is no painting to hang: paint one first")
    if not (fits(session.hung, MOST_BY_ONE) and fits(machine.hung, MOST_BY_ALL)):
        raise user_error("Enough has been hung for this hour: your painting is still here")
    for times in (session.hung, machine.hung):
        times.append(time.monotonic())
    try:
        hang(machine.config.wall, _for_everybody(made, [plate.name for plate in machine.plates]))
    except WallError as error:
        raise user_error(error) from None
    except ImageError:  # the copy has no room
        raise user_error(FULL) from None
    gr.Info("It hangs on the wall.")


def fits(times: list[float], most: int) -> bool:
    """Whether one more is allowed in the hour that ends now; older ones are forgotten."""
    times[:] = [then for then in times if then > time.monotonic() - HOUR]
    return len(times) < most


def _for_everybody(made: Painting, offered: Sequence[str]) -> Path:
    """The painting as a file that tells nothing of a visitor's own styles."""
    copy = made.folder / "wall.png"
    remembered = from_file(made.file)
    text = {}
    if remembered:
        painted, shared = remembered[0], remembered[0].shared
        prints = dict(zip(shared.styles, painted.styles, strict=False))
        known = tuple(name for name in shared.styles if name in offered)
        if known != shared.styles:
            shared = replace(
                shared, styles=known, settings=replace(shared.settings, style_weights=())
            )
        prints = {name: prints[name] for name in known if name in prints}
        text = to_text(replace(painted, shared=shared, styles=tuple(prints.values())))
    save_image(open_image(made.file), copy, text)
    return copy


def look(page: Page, *, session: Session) -> Outputs:
    """The latest paintings of everybody."""
    try:
        found = latest(page.machine.config.wall, page.machine.store.root / "wall")
    except WallError as error:
        raise user_error(error) from None
    pictures: list[Any] = []
    session.wall = []
    for file in found:
        try:
            small = open_image(file)
        except ImageError:  # whoever may write there may write anything
            continue
        if remembered := from_file(file):
            small.thumbnail((SMALL, SMALL))
            shared = remembered[0].shared
            pictures.append((small, " and ".join(shared.styles)))
            session.wall.append(shared)
    return {page.wall.gallery: gr.Gallery(pictures)}


def repeat(page: Page, event: gr.SelectData, *, session: Session) -> Outputs:
    """The settings of a painting on the wall."""
    place = int(event.index)
    if not 0 <= place < len(session.wall):
        return gr.skip()
    return show_shared(page, session, session.wall[place])
