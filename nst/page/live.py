"""The visitor's camera, painted on the server as it runs.

The page opens a camera and receives a token. Its script then posts one picture after the other to
a route of its own, which answers with the painted picture: Gradio's events would write each of them
to the disk and have the browser fetch it from there.
"""

import io
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import gradio as gr
from PIL import Image
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from nst.errors import InputError
from nst.images import fit
from nst.messages import duration, sentence
from nst.page.events import DIRECT, QUEUED, Context, Inputs, Outputs, run_script
from nst.page.preview import CONTROLS
from nst.page.result import Result
from nst.page.settings import visible_values
from nst.page.style import StylePicker
from nst.page.ui import static
from nst.page.ui.html import user_error
from nst.service.app_state import AppState
from nst.service.cameras import Camera
from nst.service.previews import Previewer, as_webp
from nst.service.session import Session

CAMERA_SIZE = 256  # pixels on the longest side of a camera's picture

NO_CAMERA = "there is no camera, or the browser may not use it; allow it, or take a photo instead"
CONNECTION_LOST = "the connection broke off; start the camera again"

BUSY, EXPIRED = 202, 410
"""Statuses for the script: try again in a moment; stop. Browsers list errors (4xx) in the console,
so BUSY is none."""


class LiveCamera:
    """The Live tab."""

    def __init__(self, context: Context, style: StylePicker, result: Result) -> None:
        self.app, self.session = context.app_state, context.session
        self.style, self.result = style, result
        with gr.Tab("Live", visible=self.app.config.live_seconds > 0, render=False) as self.tab:
            gr.HTML(
                '<div id="scene"><canvas role="img" aria-label="What the camera sees, painted" '
                'hidden></canvas><p role="status">Your camera, painted as it runs: pick a style, '
                "and start.</p></div>"
            )
            with gr.Row():
                self.start = gr.Button("Start the camera", variant="primary", elem_id="live-start")
                self.snapshot = gr.Button("Take this picture", visible=False, elem_id="live-snapshot")
                self.stop = gr.Button("Stop the camera", visible=False, elem_id="live-stop")
            self.denied, self.token = gr.Checkbox(visible=False), gr.Textbox(visible=False)
            self.picture = gr.JSON(visible=False)

    def open_camera(self, *, session: Session, denied: Any, chosen: list[str], **values: Any) -> Outputs:
        """Open the visitor's camera; `denied` means that the browser has none."""
        if denied:
            raise user_error(NO_CAMERA)
        seconds = self.app.config.live_seconds
        if not seconds:
            raise user_error("the owner of this page has switched cameras off")
        self.app.cameras.close(session.camera)
        try:
            stylizer = self.style.stylizer(session, chosen, size=CAMERA_SIZE, **visible_values(chosen, values))
            session.camera = self.app.cameras.open(stylizer, seconds)
        except InputError as error:
            raise user_error(error) from None
        return {self.token: session.camera, **self._buttons(running=True)}

    def follow(self, session: Session, chosen: list[str], values: Mapping[str, Any]) -> None:
        """The camera that runs takes another style, strength or stroke size."""
        camera = self.app.cameras.find(session.camera) if session.camera else None
        if camera:
            options = {name: values[name] for name in CONTROLS}
            with suppress(InputError):  # the status reports it
                camera.paint = self.style.stylizer(session, chosen, size=CAMERA_SIZE, **options)

    def close_camera(self, *, session: Session) -> Outputs:
        """The visitor has stopped the camera, or its time is over."""
        self.app.cameras.close(session.camera)
        return self._buttons(running=False)

    def take_snapshot(self, *, session: Session, picture: Any) -> Outputs:
        """The camera's picture becomes the photo."""
        self.app.cameras.close(session.camera)
        try:
            file = self.app.uploads.file(picture, "the camera's picture")
        except InputError as error:
            raise user_error(error) from None
        if file is None:
            raise user_error("start the camera first")
        return {
            self.style.photo.image: str(file),
            self.result.tabs: gr.Tabs(selected="painting"),
            **self._buttons(running=False),
        }

    def _buttons(self, running: bool) -> Outputs:
        return {
            self.start: gr.Button(visible=not running),
            self.stop: gr.Button(visible=running),
            self.snapshot: gr.Button(visible=running),
        }

    def wire(self) -> None:
        """Connect the events."""
        session: Inputs = {"session": self.session}
        controls = self.style.settings.controls
        inputs = {"denied": self.denied, **session, "chosen": self.style.chosen}  # the script sets the first one
        buttons = [self.start, self.stop, self.snapshot]
        off = static.read("close_camera.js")
        opened = self.start.click(
            self.open_camera,
            js=static.read("open_camera.js"),
            inputs_kwargs=inputs | {name: controls[name] for name in CONTROLS},
            outputs=[self.token, *buttons],
            **QUEUED,
        )
        run_script(opened.failure, off)
        show = static.read("paint_camera.js", size=CAMERA_SIZE, broken=sentence(CONNECTION_LOST))
        run_script(opened.success, show, self.token)
        self.stop.click(self.close_camera, js=off, inputs_kwargs=session, outputs=buttons, **DIRECT)
        self.snapshot.click(
            self.take_snapshot,
            js=static.read("take_snapshot.js"),
            inputs_kwargs={"picture": self.picture, **session},
            outputs=[self.style.photo.image, self.result.tabs, *buttons],
            **QUEUED,
        )


def live_route(app_state: AppState) -> Route:
    """Answers a camera's picture, a JPEG, with the same picture painted, a WebP."""

    async def live(request: Request) -> Response:
        camera = app_state.cameras.find(request.path_params["token"])
        if camera is None:
            seconds = duration(app_state.config.live_seconds)
            return PlainTextResponse(f"The camera has run for {seconds}.", EXPIRED)
        try:
            body = await request.body()
        except ClientDisconnect:
            return Response(status_code=400)
        if app_state.engine.busy():
            message = "A painting is being made: the camera goes on after it."
            return PlainTextResponse(message, BUSY)
        try:
            return await run_in_threadpool(_painted, app_state.previewer, camera, body)
        except (OSError, ValueError, Image.DecompressionBombError):
            return PlainTextResponse("This is no picture of a camera.", 422)

    return Route("/live/{token}", live, methods=["POST"])


def _painted(previewer: Previewer, camera: Camera, body: bytes) -> Response:
    with Image.open(io.BytesIO(body), formats=["JPEG"]) as picture:
        if max(picture.size) > 2 * CAMERA_SIZE:
            raise InputError("too large")
        small = fit(picture.convert("RGB"), CAMERA_SIZE)
    painted = previewer.try_run(lambda: as_webp(camera.paint(small)))
    if painted is None:
        return Response(status_code=BUSY)
    return Response(painted, media_type="image/webp", headers={"cache-control": "no-store"})
