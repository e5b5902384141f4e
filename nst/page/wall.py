"""The wall, where visitors hang their paintings for everybody to see."""

from typing import Any

import gradio as gr

from nst.images import ImageError, open_image
from nst.page.context import Outputs, Page, show_shared
from nst.page.html import user_error
from nst.page.hub_wall import WallError, hang, latest
from nst.page.paintings import SMALL
from nst.page.session import Session
from nst.sharing import from_file


def hang_up(page: Page, *, session: Session) -> None:
    """Upload the painting on the canvas, with its recipe; only when asked to."""
    made = page.machine.store.find(session.painting)
    if made is None:
        raise user_error("There is no painting to hang: paint one first")
    try:
        hang(page.machine.config.wall, made.file)
    except WallError as error:
        raise user_error(error) from None
    gr.Info("It hangs on the wall.")


def look(page: Page, *, session: Session) -> Outputs:
    """The latest paintings of everybody."""
    try:
        found = latest(page.machine.config.wall)
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
