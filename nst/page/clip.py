"""A visitor's short film, painted frame by frame with the one-pass network."""

from collections.abc import AsyncIterator, Iterator
from typing import Any

import gradio as gr

from nst.errors import InputError
from nst.page.events import DIRECT, QUEUED, WAITING, Context, Inputs, Outputs
from nst.page.preview import CONTROLS
from nst.page.queue_status import queue_positions
from nst.page.settings import visible_values
from nst.page.style import StylePicker, selected_styles
from nst.page.ui.html import status_html, toast_html, user_error
from nst.service.app_state import AppState
from nst.service.clips import check_clip, paint_clip_task
from nst.service.session import Session
from nst.service.tasks import ClipTask
from nst.sharing import file_name
from nst.video import Clip

CLIP_SIZE = 512  # pixels on the longest side of a painted film

NO_FILM = "add a film first: drop one in, or click to choose one"


class ClipTab:
    """The Clip tab: a film, and the same film painted."""

    def __init__(self, context: Context, style: StylePicker) -> None:
        self.app, self.session, self.style = context.app_state, context.session, style
        self.engine_queue = context.engine_queue
        seconds = self.app.config.clip_seconds
        with gr.Tab("Clip", visible=seconds > 0, render=False) as self.tab:
            # Not a `Video`: browsers would load 30 MB of its editor with the first film.
            self.film = gr.File(
                label=f"A film of up to {seconds:g} seconds", file_types=["video"], height=180, elem_id="clip"
            )
            with gr.Row():
                self.paint = gr.Button("Paint the film", variant="primary", elem_id="clip-paint")
                self.stop = gr.Button("Stop", variant="stop", visible=False, elem_id="clip-stop")
            self.status = gr.HTML(elem_id="clip-status")
            self.painted = gr.Video(
                label="The painted film",
                interactive=False,
                autoplay=True,
                loop=True,
                height=320,
                elem_id="clip-painted",
                visible=False,
            )
            self.download = gr.DownloadButton("Download MP4", interactive=False)

    def check_film(self, *, film: Any) -> Outputs:
        """Report a film that can't be painted."""
        try:
            uploaded_clip(self.app, film, CLIP_SIZE)
        except InputError as error:
            gr.Warning(toast_html(error), title="This film can't be painted")
            return {self.film: None}
        return gr.skip()

    def start_film(self, *, session: Session, film: Any, chosen: list[str], **values: Any) -> Outputs:
        """Put the film into the queue, or say why that can't be."""
        try:
            clip = uploaded_clip(self.app, film, CLIP_SIZE)
            stylizer = self.style.stylizer(session, chosen, size=CLIP_SIZE, **visible_values(chosen, values))
        except InputError as error:
            raise user_error(error) from None
        styles = selected_styles(self.app.styles_for(session), chosen)
        title = f"{clip.path.stem} after {' and '.join(style.name for style in styles)}"
        session.clip = ClipTask(
            clip=clip,
            paint=stylizer,
            name=file_name(title, ".mp4"),
            session_hash=session.session_hash,
            seconds_left=clip.pictures * self.app.previewer.seconds_per_picture,
        )
        self.app.enqueue(session.clip)
        return self._buttons(running=True) | {self.status: status_html("Waiting for a free engine")}

    async def show_queue_position(self, *, session: Session) -> AsyncIterator[Outputs]:
        """The place in the queue, and how long it takes, until the film begins."""
        if session.clip:
            async for outputs in queue_positions(self.app, session.clip, self.status):
                yield outputs

    def show_film(self, *, session: Session) -> Iterator[Outputs]:
        """How many frames are painted; the film at the end, or at Stop as far as it is done."""
        task = session.clip
        if task is None:
            return
        total, done = task.clip.pictures, 0
        try:
            out = self.app.store.replace_folder(session.previews, "clip") / task.name
            for count in paint_clip_task(self.app, task, out):
                before, done = done, count
                if task.fine_tuning:
                    yield {self.status: status_html("Learning the style")}
                if done > before and done % 5 == 1:
                    progress = min(1.0, done / max(1, total))
                    yield {self.status: status_html("Painting", progress, _count(done, total))}
        except InputError as error:
            raise user_error(error) from None
        finally:
            self.app.dequeue(task)
            if session.clip is task:
                session.clip = None
        stopped = task.stop.is_set()
        for warning in task.warnings:
            gr.Warning(toast_html(warning))
        yield self._buttons(running=False) | {
            self.status: status_html("Stopped" if stopped else "Done", 1.0, _count(done, total)),
            self.painted: gr.Video(str(out), visible=True),
            self.download: gr.DownloadButton(value=out, interactive=True),
        }

    def stop_film(self, *, session: Session) -> Outputs:
        """End the film; what is painted of it is kept."""
        if session.clip:
            session.clip.stop.set()
        return self._buttons(running=False)

    def show_failure(self) -> Outputs:
        """After an error."""
        return self._buttons(running=False) | {self.status: status_html("Nothing was painted")}

    def _buttons(self, running: bool) -> Outputs:
        return {self.paint: gr.Button(visible=not running), self.stop: gr.Button(visible=running)}

    def wire(self) -> None:
        """Connect the events."""
        session: Inputs = {"session": self.session}
        controls = self.style.settings.controls
        inputs = session | {"film": self.film, "chosen": self.style.chosen}
        buttons = [self.paint, self.stop, self.status]
        self.film.upload(self.check_film, inputs_kwargs={"film": self.film}, outputs=self.film, **QUEUED)
        started = self.paint.click(
            self.start_film,
            inputs_kwargs=inputs | {name: controls[name] for name in CONTROLS},
            outputs=buttons,
            **QUEUED,
        )
        started.success(self.show_queue_position, inputs_kwargs=session, outputs=self.status, **WAITING)
        run = started.success(
            self.show_film,
            inputs_kwargs=session,
            outputs=[*buttons, self.painted, self.download],
            show_progress_on=self.status,
            **QUEUED | {"show_progress": "minimal"} | self.engine_queue,
        )
        run.failure(self.show_failure, outputs=buttons, **DIRECT)
        self.stop.click(self.stop_film, inputs_kwargs=session, outputs=buttons, **DIRECT)


def _count(done: int, total: int) -> str:
    """How many pictures of a film are painted; some headers do not say how many there are."""
    return f"picture {done} of {total}" if total else f"picture {done}"


def uploaded_clip(app_state: AppState, film: Any, size: int) -> Clip:
    """The film that a visitor has sent; ValueError where it can't be painted at `size` pixels."""
    if not app_state.config.clip_seconds:
        raise InputError("the owner of this page has switched films off")
    file = app_state.uploads.file(film, "the film")
    if file is None:
        raise InputError(NO_FILM)
    return check_clip(file, size, app_state.config)
