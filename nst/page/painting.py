"""A run on the page: from the click, through its frames, to the finished painting."""

import secrets
from collections.abc import AsyncIterator, Iterator
from typing import Any

import gradio as gr

from nst.errors import InputError
from nst.job import Request
from nst.messages import duration
from nst.page.events import DIRECT, QUEUED, REATTACHING, WAITING, Context, Inputs, Outputs, run_script
from nst.page.history import History
from nst.page.photo import NO_PHOTO, PhotoInput
from nst.page.queue_status import queue_positions
from nst.page.result import PRINT_SIZE, Result, loss_table
from nst.page.settings import SettingsPanel, share_link, status_key, visible_values
from nst.page.style import StylePicker
from nst.page.ui import static
from nst.page.ui.html import status_html, toast_html, user_error
from nst.service.resumable import ResumableRun
from nst.service.runs import NothingPainted, Progress, create_task
from nst.service.session import Session
from nst.service.store import Painting
from nst.service.tasks import PaintTask

PLOT_INTERVAL = 1.0  # seconds between two drawings of the losses, which cost a browser more than a picture does

FORGET_RUN = "() => { sessionStorage.removeItem('nst-run'); window.nst.run = undefined; }"


class PaintControls:
    """Paint and Stop, and how far the run is.

    `column` is placed by the page. `run_key` lets a page that was reloaded find its run again.
    """

    def __init__(
        self,
        context: Context,
        photo: PhotoInput,
        style: StylePicker,
        settings: SettingsPanel,
        result: Result,
        history: History,
    ) -> None:
        self.app, self.session = context.app_state, context.session
        self.engine_queue = context.engine_queue
        self.photo, self.style, self.settings = photo, style, settings
        self.result, self.history = result, history
        self.run_key = gr.Textbox(visible=False)
        with gr.Column(render=False, elem_id="act") as self.column:
            with gr.Row():
                self.paint = gr.Button("Paint", variant="primary", size="lg", elem_id="paint")
                self.stop = gr.Button("Stop", variant="stop", size="lg", visible=False, elem_id="stop")
            self.status = gr.HTML(elem_id="status")
            self.reattach = gr.Button(elem_id="reattach")

    def start_painting(self, *, session: Session, **values: Any) -> Outputs:
        """Begin a run, or say why it can't begin."""
        return self._start(session, None, **values)

    def go_on(self, *, session: Session, **values: Any) -> Outputs:
        """Begin a run that goes on from the painting on the canvas."""
        painting = self.app.store.find(session.painting)
        if painting is None:
            raise user_error("There is no painting to go on from any more: paint one first")
        return self._start(session, painting, **values)

    def go_on_to_print(self, *, session: Session, **values: Any) -> Outputs:
        """The same, to the size of a print."""
        return self.go_on(session=session, **values | {"size": min(PRINT_SIZE, self.app.config.max_size)})

    def new_seed(self) -> Outputs:
        """Another seed, for another picture from the same settings."""
        return {self.settings.controls["seed"]: secrets.randbelow(10_000)}

    def _start(
        self,
        session: Session,
        previous: Painting | None,
        *,
        photo: Any,
        chosen: list[str],
        mask: Any,
        recipe: str,
        **values: Any,
    ) -> Outputs:
        try:
            upload = self.app.uploads.photo(photo)
            if upload is None:
                raise InputError(NO_PHOTO)
            if previous and previous.photo != upload.digest:
                raise InputError("the painting is of another photo: bring that one back, or paint this one first")
            request = Request(
                photo=upload.path,
                styles=chosen,
                recipe=recipe,
                overrides=visible_values(chosen, values),
                mask=self.app.uploads.mask(mask),
                start=previous.file if previous else None,
                sample=upload.sample,
            )
            styles = self.app.styles_for(session)
            run = create_task(self.app, request, upload, styles, session.session_hash)
        except InputError as error:
            raise user_error(error) from None
        session.run, session.run_key = run, run.add_page(session.session_hash)
        session.status_key = status_key(upload, share_link(upload, chosen, recipe, values))
        self.app.enqueue(run)
        return self._waiting(session, run)

    async def show_queue_position(self, *, session: Session) -> AsyncIterator[Outputs]:
        """The place in the queue, and how long it takes, until the run begins."""
        if session.run:
            async for outputs in queue_positions(self.app, session.run, self.status):
                yield outputs

    def reattach_run(self, *, session: Session, key: Any) -> Outputs:
        """A page that was reloaded or cut off returns to its run, or to that run's painting."""
        session.session_hash = session.session_hash or secrets.token_hex(8)
        run = self.app.find_run(key)
        if run and run.resumable:
            session.run, session.run_key = run, self.app.reattach(run, session.session_hash)
            run.resumable.on_reconnect(session.run_key)
            photo = {} if run.photo.sample else {self.photo.image: str(run.photo.path)}
            return self._waiting(session, run) | photo
        painting = self.app.store.find_run(str(key))
        if painting is None:  # nothing to return to, and nothing to say
            raise gr.Error("", visible=False, print_exception=False)
        self.app.store.hand_over(painting, session.key)
        return {self.status: status_html("Done", 1.0), **self._finished(session, painting)}

    def stop_run(self, *, session: Session) -> Outputs:
        """End the run and keep the picture as it stands; one that waits leaves the queue."""
        run = session.run
        if run is None:
            return self.buttons(session)
        run.stop.set()
        if run.resumable:
            return {self.stop: gr.Button("Stopping", interactive=False)}
        self.app.dequeue(run)
        session.run = None
        return self.buttons(session) | {self.status: status_html("Stopped before it began")}

    def show_frames(self, *, session: Session) -> Iterator[Outputs]:
        """Show each frame; at the end, or at the visitor's Stop, the finished painting."""
        run = session.run
        if run is None:  # stopped while it waited
            return
        styles = self.app.styles_for(session)
        run.resumable = run.resumable or ResumableRun(self.app, run, styles, session.key)
        plotted = 0.0
        try:
            for progress in run.resumable.watch(session.run_key):
                frame = progress.frame
                outputs: Outputs = {self.result.image: str(progress.file), self.status: self._status(progress)}
                if frame.seconds - plotted >= PLOT_INTERVAL:
                    outputs[self.result.losses], plotted = loss_table([*progress.losses]), frame.seconds
                if frame.failed:
                    gr.Warning(toast_html(frame.failed), title="This led nowhere")
                if progress.painting:
                    outputs |= self._finished(session, progress.painting)
                yield outputs
        except NothingPainted:
            yield self.show_failure(session=session) | {self.status: status_html("Stopped before it began")}
        except InputError as error:
            raise user_error(error) from None
        finally:
            if session.run is run:
                session.run = None

    def _finished(self, session: Session, painting: Painting) -> Outputs:
        session.painting = session.unlisted = painting.token
        files = str(painting.before), str(painting.file)
        return {
            self.session: session,  # what is set counts as used, and does not expire
            **self.result.show(session, str(painting.file), files, painting.losses),
            **self.buttons(session),
        }

    def buttons(self, session: Session, running: bool = False) -> Outputs:
        """Paint or Stop, and the buttons below the canvas."""
        return {
            self.paint: gr.Button(visible=not running),
            self.stop: gr.Button("Stop", visible=running, interactive=True),
            **self.result.buttons(session, running),
        }

    def show_failure(self, *, session: Session) -> Outputs:
        """After an error: whatever was on the canvas before can be used."""
        return self.buttons(session) | {self.status: status_html("Nothing was painted")}

    def _waiting(self, session: Session, run: PaintTask) -> Outputs:
        return {
            self.run_key: session.run_key,
            self.result.tabs: gr.Tabs(selected="painting"),
            self.status: status_html("Waiting for a free engine"),
            **self.buttons(session, running=True),
            self.result.image: gr.Image(show_label=False),
        }

    def _status(self, progress: Progress) -> str:
        frame = progress.frame
        detail = f"step {frame.step} of {frame.steps} · {progress.job.network}"
        seconds = f"{frame.seconds:.{0 if frame.seconds >= 3 else 1}f} s"
        if progress.painting is None:
            left = duration(progress.seconds_left)
            return status_html(f"Painting, about {left} left", frame.progress, detail)
        if frame.done:
            return status_html(f"Done in {seconds}", 1.0, detail)
        limit = ", the most that is allowed here" if progress.timed_out else ""
        return status_html(f"Stopped after {seconds}{limit}", 1.0, detail)

    def wire(self) -> None:
        """Connect the events: paint, go on, paint again, stop, and what follows a run."""
        session: Inputs = {"session": self.session}
        inputs: Inputs = {
            **session,
            "photo": self.photo.image,
            "chosen": self.style.chosen,
            "mask": self.settings.mask,
            "recipe": self.settings.recipe,
            **self.settings.controls,
        }
        buttons = [self.paint, self.stop, self.status, *self.result.outputs]
        started = [*buttons, self.result.tabs, self.run_key]
        reseeded = self.result.again.click(self.new_seed, outputs=[self.settings.controls["seed"]], **DIRECT)
        for trigger, start in (
            (self.paint.click, self.start_painting),
            (self.result.go_on.click, self.go_on),
            (self.result.print.click, self.go_on_to_print),
            (reseeded.success, self.start_painting),
        ):
            run = trigger(start, inputs_kwargs=inputs, outputs=started, **QUEUED)
            run_script(run.success, static.read("store_run_key.js"), self.run_key)
            run.success(self.show_queue_position, inputs_kwargs=session, outputs=self.status, **WAITING)
            self._wire_run(run, buttons, self.engine_queue)
        reattached = self.reattach.click(
            self.reattach_run,
            js=static.read("read_run_key.js"),
            inputs_kwargs={"key": self.run_key, **session},
            outputs=[*started, self.session, self.photo.image],
            **QUEUED,
        )
        run_script(reattached.success, static.read("store_run_key.js"), self.run_key)
        self._wire_run(reattached, buttons, REATTACHING)
        for button in (self.paint, self.result.go_on, self.result.print, self.result.again):
            run_script(button.click, static.read("scroll_to_canvas.js"))
        self.stop.click(self.stop_run, inputs_kwargs=session, outputs=buttons, **DIRECT)

    def _wire_run(self, started: Any, buttons: list[Any], queue: dict[str, Any]) -> None:
        session: Inputs = {"session": self.session}
        run = started.success(
            self.show_frames,
            inputs_kwargs=session,
            outputs=[*buttons, self.session],
            trigger_mode="multiple",
            **QUEUED | queue,
        )
        run_script(run.then, FORGET_RUN)
        run.failure(self.show_failure, inputs_kwargs=session, outputs=buttons, **DIRECT)
        self.history.add_after(run)
        run.success(self.result.make_film, inputs_kwargs=session, outputs=self.result.film_outputs, **QUEUED)
