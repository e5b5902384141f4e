"""nst past one machine, by Ray Serve: painters that come and go, and the page in front of them.

    python -m deploy.serve --painters 4

It joins the Ray cluster that runs here, or starts one. Each painter has a core, or a GPU, of its
own; Ray starts more of them while visitors wait, and lets them go later.
"""

import argparse
import asyncio
import logging
import os
import threading
import time
from collections.abc import AsyncGenerator, Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import Any

import ray
from fastapi import FastAPI
from ray import serve
from ray.exceptions import RayActorError, RayTaskError, TaskCancelledError
from ray.serve.config import AutoscalingConfig, HTTPOptions, RequestRouterConfig
from ray.serve.exceptions import RequestCancelledError
from ray.serve.handle import DeploymentHandle, DeploymentResponseGenerator

from deploy.sticky import HEADER, Sticky
from nst.config import Config
from nst.job import RemoteBackbone
from nst.network.memory import tune_allocator
from nst.network.vgg import load_backbone
from nst.network.weights import fetch_vgg19
from nst.optimise import stylize
from nst.optimise.pictures import Pictures
from nst.optimise.stylize import Frame
from nst.page.app import build, mounted
from nst.service.app_state import open_app_state
from nst.service.engine import RemoteEngine
from nst.settings import Settings

log = logging.getLogger("nst")

NAME = "nst"
CHANCES = 3
"""Painters that one run may have, should it lose some."""
BUSY_PAGE = 1000
"""Requests that one page process answers at a time: most of them are streams that wait."""


class Painter:
    """One network, which paints one picture at a time."""

    def __init__(self) -> None:
        tune_allocator()
        # One thread computes: OpenMP keeps a team of its own for each that does.
        self._thread = ThreadPoolExecutor(1)
        weights = fetch_vgg19()
        self._backbone = self._thread.submit(load_backbone, weights, Config.from_env()).result()

    def name(self) -> str:
        """Of the network."""
        return self._backbone.name

    async def paint(self, pictures: Pictures, settings: Settings, every: int) -> AsyncGenerator[Frame, None]:
        """The frames; when the call is cancelled, the work ends within a step."""
        frames = stylize.run(pictures, settings, self._backbone, every)
        loop = asyncio.get_running_loop()
        try:
            while frame := await loop.run_in_executor(self._thread, next, frames, None):
                yield frame
        finally:
            self._thread.submit(frames.close)


def paint(
    painters: DeploymentHandle, pictures: Pictures, settings: Settings, every: int, stop: threading.Event
) -> Generator[Frame, None, None]:
    """The frames of a run that one of the painters does.

    If that one is lost, another begins anew, and what has been seen is not shown again: the same
    wish is the same picture. When `stop` is set, the painter is told, whatever it is at.
    """
    begun, seen = time.monotonic(), 0
    for _ in range(CHANCES):
        lost = time.monotonic() - begun  # the time that is allowed goes on
        answers = painters.options(stream=True).paint.remote(pictures, settings, every)
        threading.Thread(target=_cancel_when_set, args=[answers, stop], daemon=True).start()
        try:
            for frame in answers:
                if frame.step > seen:
                    seen = frame.step
                    yield replace(frame, seconds=frame.seconds + lost)
            return
        except (RequestCancelledError, TaskCancelledError, RayActorError):
            if stop.is_set():
                return
            log.warning("a painter was lost in the middle of a run")
        except RayTaskError as error:
            raise error.cause from None
        finally:
            answers.cancel()
    raise ValueError("the painting broke off: press Paint once more")


def _cancel_when_set(answers: DeploymentResponseGenerator[Frame], stop: threading.Event) -> None:
    stop.wait()
    answers.cancel()


def page_application(most_painters: int) -> FastAPI:
    """The page of one process. Call it where Serve runs."""
    logging.getLogger("nst").setLevel(logging.INFO)
    painters = serve.get_deployment_handle("Painter", NAME)
    with ThreadPoolExecutor(1) as aside:  # Serve's own loop runs in this thread
        name = aside.submit(lambda: painters.name.remote().result()).result()
    engine = RemoteEngine(RemoteBackbone(name, partial(paint, painters)), most_painters)
    blocks, page = build(open_app_state(Config.from_env(), engine))
    application = mounted(blocks, page.app_state)
    application.add_middleware(Sticky)
    return application


def application(most_painters: int, pages: int, gpus: float) -> Any:
    """Painters and pages, as Ray Serve runs them."""
    painters = serve.deployment(
        Painter,
        max_ongoing_requests=1,
        ray_actor_options={"num_cpus": 1, "num_gpus": gpus},
        autoscaling_config=AutoscalingConfig(
            min_replicas=1,
            max_replicas=most_painters,
            target_ongoing_requests=1,
            upscale_delay_s=2,
            downscale_delay_s=120,
        ),
    )

    def build_page() -> FastAPI:
        return page_application(most_painters)

    router = "ray.serve.experimental.consistent_hash_router.ConsistentHashRouter"
    page = serve.deployment(
        serve.ingress(build_page)(),
        name="Page",
        num_replicas=pages,
        max_ongoing_requests=BUSY_PAGE,
        ray_actor_options={"num_cpus": 0},
        request_router_config=RequestRouterConfig(request_router_class=router),
    )
    return page.bind(painters.bind())


def main() -> None:
    """Start, and serve until the process ends."""
    parser = argparse.ArgumentParser(prog="python -m deploy.serve", description=__doc__)
    parser.add_argument("--painters", type=int, default=os.cpu_count(), help="at most (%(default)s)")
    parser.add_argument("--pages", type=int, default=1, help="processes for the page (%(default)s)")
    parser.add_argument("--gpus", type=float, default=0, help="of a GPU for each painter")
    parser.add_argument("--host", default="127.0.0.1", help="address to serve at (%(default)s)")
    parser.add_argument("--port", type=int, default=7860, help="(%(default)s)")
    asked = parser.parse_args()
    os.environ["RAY_SERVE_SESSION_ID_HEADER_KEY"] = HEADER
    ray.init(include_dashboard=False)
    serve.start(http_options=HTTPOptions(host=asked.host, port=asked.port))
    with suppress(KeyboardInterrupt):
        serve.run(application(asked.painters, asked.pages, asked.gpus), name=NAME, blocking=True)


if __name__ == "__main__":
    main()
