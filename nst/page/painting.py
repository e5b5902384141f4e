"""The painting itself: from the click, through the frames, to the finished picture."""

import math
from collections.abc import Iterator
from typing import Any

import gradio as gr
import pandas as pd

from nst.job import Request
from nst.page.canvas import PRINT
from nst.page.choosing import NO_PHOTO
from nst.page.context import Outputs, Page, in_sight
from nst.page.html import sentence, status_html, user_error
from nst.page.paintings import compared, remember
from nst.page.running import Shown, check, follow
from nst.page.session import Run, Session
from nst.page.store import Painting, digest
from nst.page.uploads import drawn_mask, sent_file

PLOT_INTERVAL = 1.0
"""Seconds between two drawings of the losses, which cost a browser more than a picture does."""


def begin(page: Page, *, session: Session, **asked: Any) -> Outputs:
    """Take the wish in, and show that the click was heard, or why it leads nowhere."""
    session.run = Run(_request(page, session, **asked), session.browser)
    return _waiting(page)


def begin_on(page: Page, *, session: Session, **asked: Any) -> Outputs:
    """The same, going on from the painting that is on the canvas."""
    before = page.machine.store.find(session.painting)
    if before is None:
        raise user_error("There is no painting to go on from any more: paint one first")
    session.run = Run(_request(page, session, before, **asked), session.browser)
    return _waiting(page)


def begin_print(page: Page, *, session: Session, **asked: Any) -> Outputs:
    """The same, going on to the size of a print."""
    return begin_on(page, session=session, **asked | {"size": PRINT})


def _request(
    page: Page,
    session: Session,
    before: Painting | None = None,
    *,
    photo: Any,
    chosen: list[str],
    mask: Any,
    recipe: str,
    **knobs: Any,
) -> Request:
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
            given=in_sight(chosen, knobs),
            mask=drawn_mask(mask),
            start=before.file if before else None,
            sample=page.machine.sample(file),
        )
        check(page.machine, request, page.styles(session))
    except ValueError as error:
        raise user_error(error) from None
    return request


def stop(page: Page, *, session: Session) -> Outputs:
    """Ask the run to end; it keeps the picture as it stands. One that waits gives up its place."""
    run = session.run
    if run is None:
        return idle(page)
    run.stop.set()
    if run.began:
        return {page.canvas.stop: gr.Button("Stopping", interactive=False)}
    session.run = None
    return idle(page) | {page.canvas.status: status_html("Stopped before it began")}


def show_frames(page: Page, *, session: Session, remembered: Any) -> Iterator[Outputs]:
    """Show each frame, and at the end, or at the visitor's Stop, the finished painting."""
    run = session.run
    if run is None or run.began:  # stopped while it waited: its place is another's
        return
    run.began = True
    history: list[tuple[int, str, float]] = []
    plotted = 0.0
    try:
        for shown in follow(page.machine, run, page.styles(session), session.key):
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
    there = page.machine.store.find(session.painting) is not None
    return idle(page) | {
        page.after.on: gr.Button(interactive=there),
        page.after.print: gr.Button(interactive=there),
        page.canvas.status: status_html("Nothing was painted"),
    }


def _waiting(page: Page) -> Outputs:
    return {
        page.canvas.paint: gr.Button(visible=False),
        page.canvas.stop: gr.Button("Stop", visible=True, interactive=True),
        page.canvas.image: gr.Image(show_label=False),
        page.after.on: gr.Button(interactive=False),
        page.after.print: gr.Button(interactive=False),
        page.after.again: gr.Button(interactive=False),
        page.canvas.status: status_html("Waiting for the easel"),
    }


def _told(page: Page, shown: Shown) -> str:
    frame, aside = shown.frame, f"step {shown.frame.step} of {shown.frame.steps}"
    aside += f" · {shown.job.network}"
    took = f"{frame.seconds:.{0 if frame.seconds >= 3 else 1}f} s"
    if shown.painting is None:
        left = frame.seconds * (1 - frame.progress) / max(frame.progress, 1e-6)
        return status_html(f"Painting, about {max(1, round(left))} s left", frame.progress, aside)
    if frame.done:
        return status_html(f"Done in {took}", 1.0, aside)
    why = ", the most that is allowed here" if shown.late else ""
    return status_html(f"Stopped after {took}{why}", 1.0, aside)


def _plot(history: list[tuple[int, str, float]]) -> pd.DataFrame:
    """Step, term and the power of ten of its loss."""
    return pd.DataFrame(history, columns=["step", "term", "loss"])
