"""Which click calls which handler, of what moves: the camera and the film."""

import gradio as gr

from nst.page import clips, live
from nst.page.context import Page
from nst.page.ui import static
from nst.page.ui.html import sentence
from nst.page.wiring import AT_ONCE, QUIET, WAITING, Inputs, bound, engine_line

KNOBS = ("strength", "style_scale", "style_weights")
"""The settings that one pass knows, beside the size."""

BROKEN = "the connection broke off; start the camera again"


def wire_moving(page: Page) -> None:
    """Everything that can happen to cameras and films."""
    style: Inputs = {"session": page.session, "chosen": page.style.chosen}
    asked = style | {name: page.settings.knobs[name] for name in KNOBS}
    _camera(page, asked)
    _film(page, asked)


def _camera(page: Page, asked: Inputs) -> None:
    part = page.live
    session: Inputs = {"session": page.session}
    buttons = [part.start, part.stop, part.snapshot]
    off = static.read("camera_off.js")
    show = static.read("live.js", size=live.SIZE, broken=sentence(BROKEN))
    opened = part.start.click(
        bound(live.open_camera, page),
        js=static.read("camera.js"),
        inputs_kwargs={"denied": part.denied, **asked},
        outputs=[part.token, *buttons],
        **QUIET,
    )
    opened.failure(None, None, js=off, api_visibility="private")
    opened.success(None, part.token, js=show, api_visibility="private")
    part.stop.click(
        bound(live.close_camera, page), js=off, inputs_kwargs=session, outputs=buttons, **AT_ONCE
    )
    part.snapshot.click(
        bound(live.take_snapshot, page),
        js=static.read("snapshot.js"),
        inputs_kwargs={"shot": part.shot, **session},
        outputs=[page.photo.image, page.canvas.tabs, *buttons],
        **QUIET,
    )
    knobs = page.settings.knobs
    gr.on(
        [page.style.chosen.change, knobs["strength"].change, knobs["style_scale"].change],
        bound(live.steer_camera, page),
        inputs_kwargs=asked,
        trigger_mode="always_last",
        **AT_ONCE,
    )


def _film(page: Page, asked: Inputs) -> None:
    part = page.clip
    part.film.upload(
        bound(clips.check_film, page),
        inputs_kwargs={"film": part.film},
        outputs=part.film,
        **QUIET,
    )
    wish: Inputs = {"film": part.film, **asked}
    session: Inputs = {"session": page.session}
    buttons = [part.paint, part.stop, part.status]
    begun = part.paint.click(
        bound(clips.begin_film, page), inputs_kwargs=wish, outputs=buttons, **QUIET
    )
    begun.success(
        bound(clips.tell_place, page), inputs_kwargs=session, outputs=part.status, **WAITING
    )
    run = begun.success(
        bound(clips.show_film, page),
        inputs_kwargs=session,
        outputs=[*buttons, part.painted, part.download],
        show_progress_on=part.status,
        **QUIET | {"show_progress": "minimal"} | engine_line(page),
    )
    run.failure(bound(clips.film_failed, page), outputs=buttons, **AT_ONCE)
    part.stop.click(bound(clips.stop_film, page), inputs_kwargs=session, outputs=buttons, **AT_ONCE)
