"""The visitor's camera, painted as it runs by the visitor's own GPU.

All of it happens in the browser (`nst/web/scripts/live.js`): the server receives a picture only when the visitor takes
one as the photo.
"""

from typing import Any

import gradio as gr

from nst.errors import InputError
from nst.page.events import QUEUED, Context, Inputs, Outputs, run_script
from nst.page.result import Result
from nst.page.style import StylePicker
from nst.page.ui import static
from nst.page.ui.html import user_error
from nst.service.session import Session

NO_PICTURE = "the camera's picture did not arrive; start the camera, and take it again"

SCENE = """<div id="scene"><canvas role="img" aria-label="What the camera sees, painted" hidden></canvas>
<p role="status">Your camera, painted as it runs: pick a style, and start.</p>
<p class="numbers"><span></span> <span></span></p></div>"""


class LiveCamera:
    """The Live tab."""

    def __init__(self, context: Context, style: StylePicker, result: Result) -> None:
        self.app, self.session = context.app_state, context.session
        self.style, self.result = style, result
        with gr.Tab("Live", render=False) as self.tab:
            gr.HTML(SCENE)
            with gr.Row(elem_id="live-buttons"):  # page.css shows those that are of use
                self.start = gr.Button("Start the camera", variant="primary", elem_id="live-start")
                self.snapshot = gr.Button("Take this picture", elem_id="live-snapshot")
                self.record = gr.Button("Record", elem_id="live-record")
                self.finish = gr.Button("Stop recording", variant="stop", elem_id="live-finish")
                self.stop = gr.Button("Stop the camera", elem_id="live-stop")
            self.mirror = gr.Checkbox(True, label="Mirror", elem_id="live-mirror")
            self.picture = gr.JSON(visible=False)

    def take_snapshot(self, *, session: Session, picture: Any) -> Outputs:
        """The camera's picture becomes the photo."""
        try:
            file = self.app.uploads.file(picture, "the camera's picture")
        except InputError as error:
            raise user_error(error) from None
        if file is None:
            raise user_error(NO_PICTURE)
        return {self.style.photo.image: str(file), self.result.tabs: gr.Tabs(selected="painting")}

    def wire(self) -> None:
        """Connect the events: all but the snapshot's run in the browser alone."""
        controls = self.style.settings.controls
        style = [self.style.chosen, *(controls[name] for name in ("style_weights", "style_scale", "strength"))]
        follow = static.read("follow_style.js")
        run_script(self.tab.select, static.read("open_live.js"))
        for event in (self.tab.select, self.start.click, *(control.change for control in style)):
            run_script(event, follow, style)
        run_script(self.start.click, on_camera("await live.start(); return live.mirrored"), outputs=self.mirror)
        run_script(self.mirror.input, on_camera("live.mirrored = value"), self.mirror)
        run_script(self.record.click, on_camera("live.record()"))
        run_script(self.finish.click, on_camera("live.finish()"))
        run_script(self.stop.click, on_camera("live.stop()"))
        inputs: Inputs = {"picture": self.picture, "session": self.session}  # the script sets the first one
        self.snapshot.click(
            self.take_snapshot,
            js=static.read("take_snapshot.js"),
            inputs_kwargs=inputs,
            outputs=[self.style.photo.image, self.result.tabs],
            **QUEUED,
        )


def on_camera(statements: str) -> str:
    """JavaScript for an event: `live` is the camera, and `value` what the event sends."""
    return f"async (value) => {{ const live = await window.nst.live; {statements}; }}"
