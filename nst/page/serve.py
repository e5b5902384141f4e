"""Builds the page and serves it."""

import os
import shutil
import signal
import socket
import threading
import time
from contextlib import suppress
from types import MethodType
from typing import Any

import gradio as gr
from fastapi import FastAPI
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from nst.gallery import EXAMPLES
from nst.page.api import api_part
from nst.page.canvas import after_part, canvas_part
from nst.page.context import Page
from nst.page.events import wire
from nst.page.guard.gradio_patches import (
    calm,
    forget_what_is_gone,
    forget_what_was_sent,
    in_line,
    line_up,
    spare_log,
)
from nst.page.guard.middleware import SecurityHeaders, UploadQuota
from nst.page.guard.request_filter import OpenStreams, RequestFilter
from nst.page.live import live_route
from nst.page.parts import HEADER, offered, photo_part, settings_part, style_part
from nst.page.social_card import TITLE, SocialCard, card_route
from nst.page.ui.static import FOLDER
from nst.page.ui.theme import make_theme
from nst.page.ui.translations import words_route
from nst.page.welcome import sample_html, sample_routes
from nst.service.app_state import AppState
from nst.service.metrics import health_route, metrics_route
from nst.service.session import Session

BROWSER_SECRET = "nst-paintings"
"""Not a secret: with one that changes, a browser could not read its own memory after a restart."""

MAX_SESSIONS = 1000
"""That Gradio keeps what was sent of; whoever was away for longest is forgotten first."""
LAST_SECONDS, TO_FETCH = 3.0, 2.0
"""That a run may take to end when the process is asked to, and its visitor to fetch the picture."""


def build(app_state: AppState) -> tuple[gr.Blocks, Page]:
    """The page for a machine that has been opened, and its parts by name."""
    config = app_state.config
    with gr.Blocks(
        title=TITLE,
        delete_cache=(3600, int(config.keep_hours * 3600)),
        analytics_enabled=False,
    ) as blocks:
        gr.HTML(HEADER)
        session = gr.State(
            Session(),
            time_to_live=config.keep_hours * 3600,
            delete_callback=lambda gone: release(app_state, gone),
        )
        remembered = gr.BrowserState([], storage_key="nst-paintings", secret=BROWSER_SECRET)
        address, asked_at = gr.Textbox(visible=False), gr.Number(visible=False)
        run_key = gr.Textbox(visible=False)
        with gr.Row(equal_height=False, elem_id="desk"):
            with gr.Column(scale=4, min_width=300, elem_id="asked"):
                photo = photo_part(offered(app_state.photos, app_state.small))
                style = style_part(offered(app_state.styles, app_state.small))
                settings = settings_part()
            with gr.Column(scale=6, min_width=320, elem_id="made"):
                canvas, live, clip = canvas_part(config, sample_html(app_state))
                after = after_part()
        program = api_part()
        page = Page(
            app_state,
            session,
            remembered,
            address,
            asked_at,
            run_key,
            photo,
            style,
            settings,
            canvas,
            live,
            clip,
            after,
        )
        wire(blocks, page, program)
        blocks.unload(MethodType(_left, app_state))
    return blocks, page


def _left(app_state: AppState, request: gr.Request) -> None:
    app_state.on_session_closed(str(request.session_hash))


def left_route(app_state: AppState) -> Route:
    """A page says that it closes, or is reloaded: its run waits for a short while only."""

    async def left(request: Request) -> Response:
        for run in app_state.runs:
            if run.resumable and run.key == request.path_params["key"]:
                run.resumable.on_page_close()
        return Response(status_code=204)

    return Route("/left/{key}", left, methods=["POST"])


def release(app_state: AppState, session: Session) -> None:
    """A visitor has gone: what was theirs goes, too."""
    if session.run:
        session.run.stop.set()
    if session.clip_task:
        session.clip_task.stop.set()
    app_state.cameras.close(session.camera)
    app_state.store.release(session.key)
    for folder in session.drafts.values():
        shutil.rmtree(folder, ignore_errors=True)


def launch(blocks: gr.Blocks, app_state: AppState) -> None:
    """Serve the page until the process is asked to end; ValueError if its port is taken."""
    config, asked = app_state.config, asked_to_end()
    check_port(config.host, config.port)
    blocks.launch(
        **_options(blocks, app_state),
        state_session_capacity=MAX_SESSIONS,
        server_name=config.host,
        server_port=config.port,
        prevent_thread_lock=True,
    )
    with suppress(KeyboardInterrupt):
        asked.wait()
    painting = bool(app_state.runs)
    app_state.close(LAST_SECONDS)
    if painting:
        time.sleep(TO_FETCH)
    blocks.close(verbose=False)


def mounted(blocks: gr.Blocks, app_state: AppState) -> FastAPI:
    """The page as an ASGI application, for a server of one's own."""
    blocks.state_session_capacity = MAX_SESSIONS
    return gr.mount_gradio_app(FastAPI(), blocks, "/", **_options(blocks, app_state))


def _options(blocks: gr.Blocks, app_state: AppState) -> dict[str, Any]:
    """How the page is served, wherever that is; the machine starts to work."""
    config = app_state.config
    open_streams = OpenStreams()
    blocks.queue(max_size=None, api_open=False)  # `line_up` has limits of its own
    calm(blocks)
    line_up(blocks, config, open_streams)
    app_state.line = lambda: in_line(blocks)
    spare_log(blocks)
    forget_what_was_sent()
    app_state.start(lambda: forget_what_is_gone(blocks))
    busy = app_state.engine.busy
    routes = [card_route(), health_route(busy), *sample_routes(app_state), words_route()]
    routes.append(left_route(app_state))
    routes.append(live_route(app_state.cameras, app_state.previewer, busy, config.live_seconds))
    if config.metrics:
        routes.append(metrics_route(app_state.metrics))
    most = config.max_upload_megabytes * 2**20
    return {
        "app_kwargs": {
            "middleware": [
                Middleware(GZipMiddleware, compresslevel=6),
                Middleware(SecurityHeaders),
                Middleware(RequestFilter, most_bytes=most, open_streams=open_streams),
                Middleware(UploadQuota, store=app_state.store, config=config),
                Middleware(SocialCard),
            ],
            "routes": routes,
        },
        "css_paths": [FOLDER / "page.css"],
        "theme": make_theme(),
        "favicon_path": str(EXAMPLES / "favicon.png"),
        "max_file_size": f"{config.max_upload_megabytes}mb",
        "mcp_server": True,
        "ssr_mode": False,  # Node would stand in front: between visitors and all that judges them
        "enable_monitoring": False,
    }


def check_port(host: str, port: int) -> None:
    """ValueError if somebody listens there; Gradio would only say that it found no empty port."""
    try:
        family, *_, address = socket.getaddrinfo(host.strip("[]"), port)[0]
        with socket.socket(family) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
            probe.listen(1)
    except OSError as error:
        raise ValueError(
            f"port {port} of {host} can't be had ({error.strerror}); "
            "set GRADIO_SERVER_PORT to another"
        ) from None


def asked_to_end() -> threading.Event:
    """What SIGTERM sets from now on, instead of ending the process at once."""
    asked = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: asked.set())
    # A worker of ZeroGPU is forked from here, and ends as it always did.
    os.register_at_fork(after_in_child=lambda: signal.signal(signal.SIGTERM, signal.SIG_DFL))
    return asked
