"""The painting itself: from the click, through the frames, to the finished picture."""

import math
import secrets
from collections.abc import AsyncIterator, Iterator
from typing import Any

import gradio as gr
import pandas as pd

from nst.job import Request
from nst.page.canvas import PRINT
from nst.page.choosing import NO_PHOTO
from nst.page.context import Outputs, Page, in_sight
from nst.page.guard.uploads import drawn_mask, sent_file
from nst.page.paintings import compared, remember
from nst.page.queue_status import places
from nst.page.ui.html import sentence, status_html, user_error
from nst.service.resumable import ResumableRun
from nst.service.runs import NothingYet, Shown, check
from nst.service.session import PaintTask, Session
from nst.service.store import Painting, digest

PLOT_INTERVAL = 1.0
"""Seconds between two drawings of the losses, which cost a browser more than a picture does."""


def begin(page: Page, *, session: Session, **asked: Any) -> Outputs:
    """Take the wish in, and show that the click was heard, or why it leads nowhere."""
    return _begin(page, session, None, **asked)


def begin_on(page: Page, *, session: Session, **asked: Any) -> Outputs:
    """The same, going on from the painting that is on the canvas."""
    before = page.app_state.store.find(session.painting)
    if before is None:
        raise user_error("There is no painting to go on from any more: paint one first")
    return _begin(page, session, before, **asked)


def begin_print(page: Page, *, session: Session, **asked: Any) -> Outputs:
    """The same, going on to the size of a print."""
    return begin_on(page, session=session, **asked | {"size": PRINT})


def _begin(
    page: Page,
    session: Session,
    before: Painting | None,
    *,
    photo: Any,
    chosen: list[str],
    mask: Any,
    recipe: str,
    **knobs: Any,
) -> Outputs:
    try:
        file = sent_file(photo, "the photo")
        if file is None:
            raise ValueError(NO_PHOTO)
        if before and before.photo != digest(file):
            raise ValueError(
                "the painting is of another photo: bring that one back, or paint this one first"
            )
        request = Request(
            photo=file,
            styles=chosen,
            recipe=recipe,
            overrides=in_sight(chosen, knobs),
            mask=drawn_mask(mask),
            start=before.file if before else None,
            sample=page.app_state.sample(file),
        )
        work = check(page.app_state, request, page.styles(session))
    except ValueError as error:
        raise user_error(error) from None
    run = session.run = PaintTask(request, browser=session.browser, work=work)
    page.app_state.enqueue(run)
    return _waiting(page, run)


async def tell_place(page: Page, *, session: Session) -> AsyncIterator[Outputs]:
    """The visitor's place in the line, and how long it will be, until it is their turn."""
    if session.run:
        async for told in places(page.app_state, session.run, page.canvas.status):
            yield told


def take_up(page: Page, *, session: Session, key: Any, remembered: Any) -> Outputs:
    """A page that was reloaded, or cut off, comes back for its run, or for what that has led to."""
    session.browser = session.browser or secrets.token_hex(8)
    runs = (run for run in page.app_state.runs if isinstance(run, PaintTask))
    run = next((run for run in runs if run.key == key), None)
    if run and run.resumable:
        page.app_state.reattach(run, session.browser)
        run.resumable.on_reconnect()
        session.run = run
        photo = {} if run.request.sample else {page.photo.image: str(run.request.photo)}
        return _waiting(page, run) | photo
    painting = page.app_state.store.find_run(str(key))
    if painting is None:
        # There is nothing to go on with, and nothing to tell.
        raise gr.Error("", visible=False, print_exception=False)
    session.painting = painting.token
    page.app_state.store.hand_over(painting, session.key)
    return {
        page.canvas.image: str(painting.file),
        page.canvas.status: status_html("Done", 1.0),
        **_finished(page, session, painting, remembered),
    }


def stop(page: Page, *, session: Session) -> Outputs:
    """Ask the run to end; it keeps the picture as it stands. One that waits gives up its place."""
    run = session.run
    if run is None:
        return idle(page)
    run.stop.set()
    if run.resumable:
        return {page.canvas.stop: gr.Button("Stopping", interactive=False)}
    page.app_state.dequeue(run)
    session.run = None
    return idle(page) | _stopped_early(page)


def show_frames(page: Page, *, session: Session, remembered: Any) -> Iterator[Outputs]:
    """Show each frame, and at the end, or at the visitor's Stop, the finished painting."""
    run = session.run
    if run is None:  # stopped while it waited
        return
    styles = page.styles(session)
    run.resumable = run.resumable or ResumableRun(page.app_state, run, styles, session.key)
    history: list[tuple[int, str, float]] = []
    plotted = 0.0
    try:
        for shown in run.resumable.watch():
            frame = shown.frame
            history += [
                (frame.step, name, math.log10(value))
                for name, value in frame.losses.items()
                if value > 0
            ]
            outputs: Outputs = {
                page.canvas.image: str(shown.file),
                page.canvas.status: _told(page, shown),
            }
            if shown.painting or frame.seconds - plotted >= PLOT_INTERVAL:
                outputs[page.after.losses], plotted = _plot(history), frame.seconds
            if frame.failed:
                gr.Warning(sentence(frame.failed), title="This led nowhere")
            if shown.painting:
                session.painting = shown.painting.token
                outputs |= _finished(page, session, shown.painting, remembered)
            yield outputs
    except NothingYet:
        yield failed(page, session=session) | _stopped_early(page)
    except ValueError as error:
        raise user_error(error) from None
    finally:
        if session.run is run:
            session.run = None


def _finished(page: Page, session: Session, painting: Painting, remembered: Any) -> Outputs:
    seeded = painting.shared.settings.init == "noise"
    return idle(page) | {
        page.after.again: gr.Button(visible=seeded, interactive=True),
        page.session: session,  # what is set counts as used, and does not expire
        page.canvas.compare: compared(painting),
        page.after.download: gr.DownloadButton(value=painting.file, interactive=True),
        page.after.on: gr.Button(interactive=True),
        page.after.print: gr.Button(interactive=True),
        **remember(page, painting, remembered),
    }


def idle(page: Page) -> Outputs:
    """Paint is back, Stop goes, however a run ended."""
    return {
        page.canvas.paint: gr.Button(visible=True),
        page.canvas.stop: gr.Button("Stop", visible=False, interactive=True),
        page.after.again: gr.Button(interactive=True),
        page.after.on: gr.Button(interactive=True),
        page.after.print: gr.Button(interactive=True),
    }


def failed(page: Page, *, session: Session) -> Outputs:
    """After an error: whatever was there before can be gone on with."""
    there = page.app_state.store.find(session.painting) is not None
    return idle(page) | {
        page.after.on: gr.Button(interactive=there),
        page.after.print: gr.Button(interactive=there),
        page.canvas.status: status_html("Nothing was painted"),
    }


def _stopped_early(page: Page) -> Outputs:
    return {page.canvas.status: status_html("Stopped before it began")}


def _waiting(page: Page, run: PaintTask) -> Outputs:
    return {
        page.run_key: run.key,
        page.canvas.tabs: gr.Tabs(selected="painting"),
        page.canvas.paint: gr.Button(visible=False),
        page.canvas.stop: gr.Button("Stop", visible=True, interactive=True),
        page.canvas.image: gr.Image(show_label=False),
        page.after.on: gr.Button(interactive=False),
        page.after.print: gr.Button(interactive=False),
        page.after.again: gr.Button(interactive=False),
        page.canvas.status: status_html("Waiting for the easel"),
    }


def _told(page: Page, shown: Shown) -> str:
    frame = shown.frame
    aside = f"step {frame.step} of {frame.steps} · {shown.job.network}"
    took = f"{frame.seconds:.{0 if frame.seconds >= 3 else 1}f} s"
    if shown.painting is None:
        left = max(1, round(shown.left))
        return status_html(f"Painting, about {left} s left", frame.progress, aside)
    if frame.done:
        return status_html(f"Done in {took}", 1.0, aside)
    told = f"Stopped after {took}"
    if shown.late:
        told = f"Stopped after {took}, the most that is allowed here"
    return status_html(told, 1.0, aside)


def _plot(history: list[tuple[int, str, float]]) -> pd.DataFrame:
    """Step, term and the power of ten of its loss."""
    return pd.DataFrame(history, columns=["step", "term", "loss"])
