"""A visitor's film, painted picture by picture."""

import time
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr

from nst.clip import Clip, open_clip, paint_clip
from nst.config import Config
from nst.one_pass import OnePass
from nst.page.context import Outputs, Page, in_sight
from nst.page.drafts import plates_of, read_styles, replaced
from nst.page.guard.uploads import sent_file
from nst.page.queue_status import places
from nst.page.ui.html import duration, sentence, status_html, user_error
from nst.service.runs import CLOSING
from nst.service.session import QueuedTask, Session
from nst.sharing import file_name

SIZE = 512
"""Pixels on the longest side of a painted film."""

MAX_RATE = 60
"""Pictures a second: a film that has more is longer than it says."""

MAX_PIXELS = 9_000_000
"""Of one picture: 4K, and a little."""

NO_FILM = "add a film first: drop one in, or click to choose one"


def check_film(page: Page, *, film: Any) -> Outputs:
    """Say at once what is wrong with a film."""
    try:
        judged(film, page.app_state.config)
    except ValueError as error:
        gr.Warning(sentence(error), title="This film can't be painted")
        return {page.clip.film: None}
    return gr.skip()


@dataclass(eq=False)
class ClipTask(QueuedTask):
    """A film that waits for its turn or is being painted, and its name when it is."""

    clip: Clip
    paint: OnePass
    name: str = "painted.mp4"


def begin_film(
    page: Page, *, session: Session, film: Any, chosen: list[str], **knobs: Any
) -> Outputs:
    """Take the wish in, and show that the click was heard, or why it leads nowhere."""
    try:
        clip = judged(film, page.app_state.config)
        paint = read_styles(page, session, chosen, size=SIZE, **in_sight(chosen, knobs))
    except ValueError as error:
        raise user_error(error) from None
    styles = " and ".join(plate.name for plate in plates_of(page, session, chosen))
    name = file_name(f"{clip.path.stem} after {styles}", ".mp4")
    left = clip.pictures * page.app_state.previewer.seconds
    session.clip_task = ClipTask(clip, paint, name, browser=session.browser, left=left)
    page.app_state.enqueue(session.clip_task)
    return {
        page.clip.paint: gr.Button(visible=False),
        page.clip.stop: gr.Button(visible=True),
        page.clip.status: status_html("Waiting for the easel"),
    }


async def tell_place(page: Page, *, session: Session) -> AsyncIterator[Outputs]:
    """The film's place in the line, and how long it will be, until its turn has come."""
    if session.clip_task:
        async for told in places(page.app_state, session.clip_task, page.clip.status):
            yield told


def show_film(page: Page, *, session: Session) -> Iterator[Outputs]:
    """Tell how far the film is, and show it at the end, or at the visitor's Stop, as it is then."""
    asked = session.clip_task
    if asked is None:
        return
    clip, done = asked.clip, 0
    try:
        out = replaced(page, session, "clip") / asked.name
        for done in painted(page, asked, out):
            if done % 5 == 1:
                aside = f"picture {done} of {clip.pictures}" if clip.pictures else f"picture {done}"
                told = status_html("Painting", min(1.0, done / max(1, clip.pictures)), aside)
                yield {page.clip.status: told}
    except ValueError as error:
        raise user_error(error) from None
    finally:
        page.app_state.dequeue(asked)
        if session.clip_task is asked:
            session.clip_task = None
    stopped = asked.stop.is_set()
    told = f"Stopped after {done} pictures" if stopped else f"Done after {done} pictures"
    yield idle(page) | {
        page.clip.status: status_html(told, 1.0),
        page.clip.painted: gr.Video(str(out), visible=True),
        page.clip.download: gr.DownloadButton(value=out, interactive=True),
    }


def stop_film(page: Page, *, session: Session) -> Outputs:
    """Ask the film to end; it is kept as far as it has come."""
    if session.clip_task:
        session.clip_task.stop.set()
    return idle(page)


def idle(page: Page) -> Outputs:
    """The button is back, however it ended."""
    return {
        page.clip.paint: gr.Button(visible=True),
        page.clip.stop: gr.Button(visible=False),
    }


def film_failed(page: Page) -> Outputs:
    """After an error."""
    return idle(page) | {page.clip.status: status_html("Nothing was painted")}


def judged(film: Any, config: Config) -> Clip:
    """What a visitor has sent as a film; ValueError where it is none, or too long, or too large."""
    if not config.clip_seconds:
        raise ValueError("the owner of this page has switched films off")
    file = sent_file(film, "the film")
    if file is None:
        raise ValueError(NO_FILM)
    clip = open_clip(file)
    if clip.seconds > config.clip_seconds * 1.05:
        raise ValueError(
            f"the film takes {duration(clip.seconds)}, and {duration(config.clip_seconds)} are "
            "allowed here: cut it, and choose it again"
        )
    if clip.size[0] * clip.size[1] > MAX_PIXELS:
        across, down = clip.size
        raise ValueError(f"the film is too large, {across} x {down}: save it in 4K or smaller")
    return clip


def painted(page: Page, clip_task: ClipTask, out: Path) -> Iterator[int]:
    """Paint it to the file `out`, until it ends, or has as many pictures, or has taken as long, as
    is allowed.

    Yields how many are done. Raises ValueError.
    """
    app_state, clip, paint = page.app_state, clip_task.clip, clip_task.paint
    if app_state.closing.is_set():
        raise ValueError(CLOSING)
    most, previewer = app_state.config.clip_seconds * MAX_RATE, app_state.previewer
    begun = time.monotonic()
    with (
        app_state.running(clip_task),
        app_state.metrics.run() as record,
        closing(
            paint_clip(clip, out, lambda picture: previewer.in_the_end(lambda: paint(picture)))
        ) as counts,
    ):
        record.outcome, record.size, record.recipe = "failed", paint.settings.size, "film"
        for done in counts:
            yield done
            taken = time.monotonic() - begun
            previewer.seconds = taken / done
            clip_task.left = max(0, clip.pictures - done) * previewer.seconds
            over = done >= most or taken > app_state.config.max_seconds
            if clip_task.stop.is_set() or app_state.closing.is_set() or over:
                break
        record.outcome = "stopped" if clip_task.stop.is_set() else "done"
