"""Paintings while a visitor moves a slider, on a machine that takes less than a second for one."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from nst.gallery import Style
from nst.job import Request, Stopped, prepare, resolve_request
from nst.optimise.cost import run_work
from nst.optimise.recorder import Frame
from nst.service.app_state import AppState
from nst.service.engine import Engine
from nst.service.previews import PREVIEW_SIZE, as_webp
from nst.service.runs import MAX_STYLES
from nst.service.uploads import Upload

MAX_SECONDS = 1.0  # that a repainting is expected to take, at most
LIMIT = 2.0  # seconds after which one is ended
MAX_WAITING = 4  # repaintings that may wait; further requests go without

_places = threading.BoundedSemaphore(MAX_WAITING)


def repaint(
    app_state: AppState, request: Request, photo: Upload, styles: Sequence[Style], mask: Callable[[], Any]
) -> bytes | None:
    """The painting at PREVIEW_SIZE or less, as WebP; ValueError if the request is wrong.

    None without a style, or if it takes too long. None while someone paints or too many wait. `mask` is called only if
    there is something to paint. The engine is one of this process.
    """
    engine = app_state.engine
    assert isinstance(engine, Engine)
    if app_state.runs or app_state.closing.is_set():
        return None
    _, settings, chosen = resolve_request(request, styles)
    settings = replace(settings, size=min(settings.size, PREVIEW_SIZE))
    work = run_work(settings, photo.size, styles=len(chosen))
    missing = settings.style_layers and not chosen
    if missing or len(chosen) > MAX_STYLES or engine.pace.seconds(work) > MAX_SECONDS:
        return None
    if not _places.acquire(blocking=False):
        return None
    try:
        picture = app_state.uploads.picture(photo, settings.size)
        overrides = {**request.overrides, "size": settings.size}
        sized = replace(request, photo=picture, mask=mask(), overrides=overrides)
        frame = engine.compute(lambda: _last_frame(sized, styles, engine))
        return as_webp(frame.image) if frame else None
    finally:
        _places.release()


def _last_frame(request: Request, styles: Sequence[Style], engine: Engine) -> Frame | None:
    """None if it takes longer than LIMIT."""
    stop = threading.Event()
    timer = threading.Timer(LIMIT, stop.set)
    timer.daemon = True
    timer.start()
    try:
        *_, frame = prepare(request, styles, engine.backbone, stop).frames
        return frame
    except Stopped:
        return None
    finally:
        timer.cancel()
