"""Paintings while a visitor moves a slider, on a machine that takes less than a second for one."""

import threading
from collections.abc import Sequence
from dataclasses import replace

from nst.gallery import Style
from nst.job import Request, prepare, resolve_request
from nst.optimise.cost import run_work
from nst.service.app_state import AppState
from nst.service.engine import Engine
from nst.service.previews import PREVIEW_SIZE, as_webp
from nst.service.uploads import Upload

MAX_SECONDS = 1.0


def repaint(app_state: AppState, request: Request, photo: Upload, styles: Sequence[Style]) -> bytes | None:
    """The painting at PREVIEW_SIZE or less, as WebP; ValueError if the request is wrong.

    None if it would take longer than MAX_SECONDS, while someone paints, and on ZeroGPU, where each run uses up a part
    of the visitor's quota.
    """
    engine = app_state.engine
    if not isinstance(engine, Engine) or app_state.runs or app_state.closing.is_set():
        return None
    _, settings, chosen = resolve_request(request, styles)
    settings = replace(settings, size=min(settings.size, PREVIEW_SIZE))
    work = run_work(settings, photo.size, styles=len(chosen))
    if (settings.style_layers and not chosen) or engine.pace.seconds(work) > MAX_SECONDS:
        return None
    picture = app_state.uploads.picture(photo, settings.size)
    sized = replace(request, photo=picture, overrides={**request.overrides, "size": settings.size})
    image = None
    for frame in engine.frames(prepare(sized, styles, engine.backbone, threading.Event())):
        image = frame.image
    return as_webp(image) if image else None
