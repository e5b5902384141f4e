"""A visitor's camera, painted as it runs.

The page opens it here, and gets a token; then its script sends picture after picture to an address
of its own, and is answered with each as it is painted. Gradio's events would write every picture
to the disk, and have the browser fetch it from there.
"""

import io
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import gradio as gr
from PIL import Image
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from nst.images import fit
from nst.page.context import Outputs, Page, in_sight
from nst.page.drafts import read_styles
from nst.page.guard.uploads import sent_file
from nst.page.ui.html import duration, user_error
from nst.service.cameras import Camera, Cameras
from nst.service.previews import Previewer, as_webp
from nst.service.session import Session

SIZE = 256
"""Pixels on the longest side of a camera's picture."""

NO_CAMERA = "there is no camera, or the browser may not use it; allow it, or take a photo instead"

NOT_NOW, OVER = 202, 410
"""Statuses that the script understands: go on in a moment, end. What says no lands in the browser's
list of errors."""


def open_camera(
    page: Page, *, session: Session, denied: Any, chosen: list[str], **knobs: Any
) -> Outputs:
    """Open the visitor's camera; `denied` tells that the browser has none."""
    if denied:
        raise user_error(NO_CAMERA)
    most = page.app_state.config.live_seconds
    if not most:
        raise user_error("the owner of this page has switched cameras off")
    page.app_state.cameras.close(session.camera)
    try:
        paint = read_styles(page, session, chosen, size=SIZE, **in_sight(chosen, knobs))
        session.camera = page.app_state.cameras.open(paint, most)
    except ValueError as error:
        raise user_error(error) from None
    return {page.live.token: session.camera, **_buttons(page, runs=True)}


def steer_camera(page: Page, *, session: Session, chosen: list[str], **knobs: Any) -> None:
    """Another style, strength or stroke size, while the camera runs."""
    if camera := page.app_state.cameras.find(session.camera):
        with suppress(ValueError):  # the settings tell of it themselves
            wanted = in_sight(chosen, knobs)
            camera.paint = read_styles(page, session, chosen, size=SIZE, **wanted)


def close_camera(page: Page, *, session: Session) -> Outputs:
    """The visitor has had enough, or the time is over."""
    page.app_state.cameras.close(session.camera)
    return _buttons(page, runs=False)


def take_snapshot(page: Page, *, session: Session, shot: Any) -> Outputs:
    """The camera's picture becomes the photo, and its draft comes to the canvas."""
    page.app_state.cameras.close(session.camera)
    try:
        file = sent_file(shot, "the camera's picture")
    except ValueError as error:
        raise user_error(error) from None
    if file is None:
        raise user_error("start the camera first")
    return {
        page.photo.image: str(file),
        page.canvas.tabs: gr.Tabs(selected="painting"),
        **_buttons(page, runs=False),
    }


def _buttons(page: Page, runs: bool) -> Outputs:
    part = page.live
    return {
        part.start: gr.Button(visible=not runs),
        part.stop: gr.Button(visible=runs),
        part.snapshot: gr.Button(visible=runs),
    }


def live_route(
    cameras: Cameras, previewer: Previewer, busy: Callable[[], float], seconds: float
) -> Route:
    """Answers a camera's picture, a JPEG, with the same picture painted, a WebP."""

    async def live(request: Request) -> Response:
        camera = cameras.find(request.path_params["token"])
        if camera is None:
            return PlainTextResponse(f"The camera has run for {duration(seconds)}.", OVER)
        try:
            sent = await request.body()
        except ClientDisconnect:
            return Response(status_code=400)
        if busy():
            told = "A painting is being made: the camera goes on after it."
            return PlainTextResponse(told, NOT_NOW)
        try:
            return await run_in_threadpool(_painted, previewer, camera, sent)
        except (OSError, ValueError, Image.DecompressionBombError):
            return PlainTextResponse("This is no picture of a camera.", 422)

    return Route("/live/{token}", live, methods=["POST"])


def _painted(previewer: Previewer, camera: Camera, sent: bytes) -> Response:
    with Image.open(io.BytesIO(sent), formats=["JPEG"]) as picture:
        if max(picture.size) > 2 * SIZE:
            raise ValueError("too large")
        small = fit(picture.convert("RGB"), SIZE)
    painted = previewer.decode_slot(lambda: as_webp(camera.paint(small)))
    if painted is None:
        return Response(status_code=NOT_NOW)
    return Response(painted, media_type="image/webp", headers={"cache-control": "no-store"})
