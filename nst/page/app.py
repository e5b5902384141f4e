"""The page: what it is made of, and how it is served."""

import os
import shutil
import signal
import socket
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import gradio as gr
from fastapi import FastAPI
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from nst.errors import InputError
from nst.gallery import EXAMPLES
from nst.page import device
from nst.page.api import Api
from nst.page.clip import ClipTab
from nst.page.estimate import Estimate
from nst.page.events import DIRECT, QUEUED, Context, run_script
from nst.page.guard import gradio_patches
from nst.page.guard.middleware import RequestQuota, SecurityHeaders, UploadQuota
from nst.page.guard.request_filter import OpenStreams, RequestFilter
from nst.page.history import History
from nst.page.live import LiveCamera
from nst.page.painting import PaintControls
from nst.page.photo import PhotoInput
from nst.page.preview import Preview
from nst.page.result import Result
from nst.page.settings import SettingsPanel
from nst.page.social_card import TITLE, SocialCard, card_route
from nst.page.style import StylePicker
from nst.page.ui import static
from nst.page.ui.theme import make_theme
from nst.page.ui.translations import words_route
from nst.page.welcome import Welcome
from nst.service.app_state import AppState
from nst.service.metrics import health_route, metrics_route
from nst.service.session import Session

HEADER = """<header id="header"><h1>nst</h1>
<p>Drop in a photo, pick a style, and watch it become a painting.</p></header>"""

MAX_SESSIONS = 1000  # sessions whose state Gradio keeps; the one that was idle for longest is dropped first
STOP_SECONDS, FETCH_SECONDS = 3.0, 2.0  # time at shutdown for a run to end, and for its visitor to fetch the picture


@dataclass(frozen=True, kw_only=True)
class Page:
    """The page's features, by name."""

    app_state: AppState
    session: gr.State
    photo: PhotoInput
    settings: SettingsPanel
    style: StylePicker
    welcome: Welcome
    result: Result
    history: History
    painting: PaintControls
    preview: Preview
    live: LiveCamera
    clip: ClipTab
    estimate: Estimate
    api: Api


def build(app_state: AppState) -> tuple[gr.Blocks, Page]:
    """The page for a process that is set up, and its features."""
    seconds = app_state.config.keep_hours * 3600
    gr.set_static_paths([app_state.site, *(photo.path for photo in app_state.photos)])
    with gr.Blocks(title=TITLE, delete_cache=(3600, int(seconds)), analytics_enabled=False) as blocks:
        gr.HTML(HEADER)
        gr.Button(elem_id="denied").click(report_denial, **QUEUED)
        session = gr.State(
            Session(), time_to_live=seconds, delete_callback=lambda session: release(app_state, session)
        )
        page = _features(Context(app_state, session))
        _place(page)
        _wire(blocks, page)

        def unload(request: gr.Request) -> None:
            app_state.on_session_closed(str(request.session_hash))

        blocks.unload(unload)
    return blocks, page


def _features(context: Context) -> Page:
    """Every feature receives those that its handlers change."""
    photo = PhotoInput(context)
    settings = SettingsPanel(context, photo)
    style = StylePicker(context, photo, settings)
    result = Result(context)
    history = History(context, style, result)
    painting = PaintControls(context, photo, style, settings, result, history)
    return Page(
        app_state=context.app_state,
        session=context.session,
        photo=photo,
        settings=settings,
        style=style,
        welcome=Welcome(context, style),
        result=result,
        history=history,
        painting=painting,
        preview=Preview(context, photo, style, settings, result),
        live=LiveCamera(context, style, result),
        clip=ClipTab(context, style),
        estimate=Estimate(context, painting),
        api=Api(context),
    )


def _place(page: Page) -> None:
    """The layout: what the visitor brings on the left, what becomes of it on the right."""
    with gr.Row(equal_height=False, elem_id="desk"):
        with gr.Column(scale=4, min_width=300, elem_id="asked"):
            page.photo.column.render()
            page.style.column.render()
            page.settings.column.render()
        with gr.Column(scale=6, min_width=320, elem_id="made"):
            page.painting.column.render()
            page.result.tabs.render()  # type: ignore[no-untyped-call]
            with page.result.tabs:
                page.result.painting_tab.render()
                page.result.compare_tab.render()
                page.result.film_tab.render()
                page.live.tab.render()
                page.clip.tab.render()
            with page.result.painting_tab:
                page.welcome.column.render()
            page.result.column.render()
            page.history.column.render()
            page.result.losses_fold.render()


def _wire(blocks: gr.Blocks, page: Page) -> None:
    """Connect the events of all features."""
    run_script(blocks.load, static.read("label_elements.js"))
    run_script(blocks.load, static.read("open_channel.js"))
    sources = page.style.sources_of(Session())
    run_script(blocks.load, static.read("device.js", address=device.address(), sources=sources))
    blocks.load(
        page.history.load_history,
        inputs_kwargs={"remembered": page.history.remembered},
        outputs=[page.history.strip, page.history.remove],
        **DIRECT,
    )
    loaded, opened = page.welcome.wire(blocks)
    run_script(loaded.then, static.read("find_run.js"))
    page.photo.wire()
    settings_changed = page.settings.wire(page.style.chosen)
    clicked, listed, added, dropped = page.style.wire()
    page.preview.wire(clicked, listed, added, settings_changed)
    page.result.wire()
    page.painting.wire()
    page.live.wire()
    page.clip.wire()
    page.api.wire()
    page.estimate.wire(loaded, opened, dropped, page.history.wire())


def report_denial() -> None:
    """The browser has denied the page something that no feature handles (`browser.js`)."""
    gr.Warning(
        "The browser doesn't give this page what this needs: allow it in the browser's settings, and try again."
    )


def left_route(app_state: AppState) -> Route:
    """A page reports that it closes or reloads: its run waits only for a short while."""

    async def left(request: Request) -> Response:
        key = request.path_params["key"]
        run = app_state.find_run(key)
        if run and run.resumable:
            run.resumable.on_page_close(key)
        return Response(status_code=204)

    return Route("/left/{key}", left, methods=["POST"])


def release(app_state: AppState, session: Session) -> None:
    """A visitor has gone: remove what was theirs."""
    if session.run and session.run.resumable:  # a duplicate of the page may watch it
        session.run.resumable.on_disconnect(session.run_key)
    elif session.run:
        session.run.stop.set()
    if session.clip:
        session.clip.stop.set()
    app_state.store.release(session.key)
    for folder in session.previews.values():
        shutil.rmtree(folder, ignore_errors=True)


def launch(blocks: gr.Blocks, app_state: AppState) -> None:
    """Serve the page until the process receives SIGTERM; ValueError if its port is taken."""
    config, terminated = app_state.config, termination_event()
    check_port(config.host, config.port)
    blocks.launch(
        **_options(blocks, app_state),
        state_session_capacity=MAX_SESSIONS,
        server_name=config.host,
        server_port=config.port,
        prevent_thread_lock=True,
    )
    with suppress(KeyboardInterrupt):
        terminated.wait()
    painting = bool(app_state.runs)
    app_state.close(STOP_SECONDS)
    if painting:
        time.sleep(FETCH_SECONDS)
    blocks.close(verbose=False)


def mounted(blocks: gr.Blocks, app_state: AppState) -> FastAPI:
    """The page as an ASGI application, for another server."""
    blocks.state_session_capacity = MAX_SESSIONS
    return gr.mount_gradio_app(FastAPI(), blocks, "/", **_options(blocks, app_state))


def _options(blocks: gr.Blocks, app_state: AppState) -> dict[str, Any]:
    """How the page is served, wherever that is; starts the background work."""
    config, streams = app_state.config, OpenStreams()
    blocks.queue(max_size=None, api_open=False)  # the patches below have limits of their own
    gradio_patches.apply(blocks, config, streams)
    app_state.queued_sessions = lambda: gradio_patches.queued_sessions(blocks)
    app_state.start(lambda: gradio_patches.forget_removed_files(blocks))
    routes = [
        card_route(),
        health_route(app_state.engine.busy),
        words_route(),
        left_route(app_state),
        device.web_route(),
    ]
    if config.metrics:
        routes.append(metrics_route(app_state.metrics))
    max_bytes = config.max_upload_megabytes * 2**20
    return {
        "app_kwargs": {
            "middleware": [
                Middleware(RequestQuota, config=config),
                Middleware(GZipMiddleware, compresslevel=6),
                Middleware(SecurityHeaders),
                Middleware(RequestFilter, max_bytes=max_bytes, streams=streams, check_file=app_state.uploads.file),
                Middleware(UploadQuota, store=app_state.store, config=config),
                Middleware(SocialCard),
            ],
            "routes": routes,
        },
        "css_paths": [static.FOLDER / "page.css"],
        "theme": make_theme(),
        "favicon_path": str(EXAMPLES / "favicon.png"),
        "max_file_size": f"{config.max_upload_megabytes}mb",
        "mcp_server": True,
        "ssr_mode": False,  # Node would stand before the request filter
        "enable_monitoring": False,
    }


def check_port(host: str, port: int) -> None:
    """ValueError if the port is taken; Gradio would only say that it found no free port."""
    try:
        family, *_, address = socket.getaddrinfo(host.strip("[]"), port)[0]
        with socket.socket(family) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
            probe.listen(1)
    except OSError as error:
        raise InputError(
            f"port {port} of {host} can't be had ({error.strerror}); set GRADIO_SERVER_PORT to another"
        ) from None


def termination_event() -> threading.Event:
    """Set by SIGTERM from now on, instead of ending the process at once."""
    event = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: event.set())
    # A worker of ZeroGPU is forked from this process and ends by SIGTERM as usual.
    os.register_at_fork(after_in_child=lambda: signal.signal(signal.SIGTERM, signal.SIG_DFL))
    return event
