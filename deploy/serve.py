"""Runs nst on several machines with Ray Serve: a page, and workers that paint.

    python -m deploy.serve --painters 4

It joins the Ray cluster of this machine, or starts one. Each worker has a core or a GPU. Ray starts more workers while
visitors wait, and stops them later.
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
from nst.optimise.recorder import Frame, RunOptions
from nst.page.app import build, mounted
from nst.service.app_state import open_app_state
from nst.service.engine import RemoteEngine
from nst.settings import Settings

log = logging.getLogger("nst")

NAME = "nst"
MAX_ATTEMPTS = 3  # workers that one run may lose and use
MAX_REQUESTS = 1000  # requests that one page process handles at a time: most of them are streams that wait


class Painter:
    """A worker: one network, which paints one picture at a time."""

    def __init__(self) -> None:
        tune_allocator()
        # One thread computes: OpenMP keeps a team of threads for each that does.
        self._thread = ThreadPoolExecutor(1)
        weights = fetch_vgg19()
        self._backbone = self._thread.submit(load_backbone, weights, Config.from_env()).result()

    def name(self) -> str:
        """The name of the network."""
        return self._backbone.name

    async def paint(self, pictures: Pictures, settings: Settings, options: RunOptions) -> AsyncGenerator[Frame, None]:
        """The frames; if the call is cancelled, the run ends within a step."""
        frames = stylize.run(pictures, settings, self._backbone, options)
        loop = asyncio.get_running_loop()
        try:
            while frame := await loop.run_in_executor(self._thread, next, frames, None):
                yield frame
        finally:
            self._thread.submit(frames.close)


def paint(
    painters: DeploymentHandle, pictures: Pictures, settings: Settings, options: RunOptions, stop: threading.Event
) -> Generator[Frame, None, None]:
    """The frames of a run on one of the workers.

    If the worker is lost, another starts again. Frames that were shown are skipped: the run is deterministic. Setting
    `stop` cancels the run.
    """
    started, seen = time.monotonic(), 0
    for _ in range(MAX_ATTEMPTS):
        lost = time.monotonic() - started  # counts towards the time limit
        answers = painters.options(stream=True).paint.remote(pictures, settings, options)
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
            log.warning("a worker was lost during a run")
        except RayTaskError as error:
            raise error.cause from None
        finally:
            answers.cancel()
    raise ValueError("the painting broke off: press Paint once more")


def _cancel_when_set(answers: DeploymentResponseGenerator[Frame], stop: threading.Event) -> None:
    stop.wait()
    answers.cancel()


def page_application(most_painters: int) -> FastAPI:
    """The page of one process; call it in a process of Serve."""
    logging.getLogger("nst").setLevel(logging.INFO)
    painters = serve.get_deployment_handle("Painter", NAME)
    with ThreadPoolExecutor(1) as aside:  # this thread runs Serve's event loop
        name = aside.submit(lambda: painters.name.remote().result()).result()
    engine = RemoteEngine(RemoteBackbone(name, partial(paint, painters)), most_painters)
    blocks, page = build(open_app_state(Config.from_env(), engine))
    application = mounted(blocks, page.app_state)
    application.add_middleware(Sticky)
    return application


def application(most_painters: int, pages: int, gpus: float) -> Any:
    """The application for Ray Serve: workers and pages."""
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
        max_ongoing_requests=MAX_REQUESTS,
        ray_actor_options={"num_cpus": 0},
        request_router_config=RequestRouterConfig(request_router_class=router),
    )
    return page.bind(painters.bind())


def main() -> None:
    """Serve until the process ends."""
    parser = argparse.ArgumentParser(prog="python -m deploy.serve", description=__doc__)
    parser.add_argument("--painters", type=int, default=os.cpu_count(), help="at most (%(default)s)")
    parser.add_argument("--pages", type=int, default=1, help="processes for the page (%(default)s)")
    parser.add_argument("--gpus", type=float, default=0, help="of a GPU for each painter")
    parser.add_argument("--host", default="127.0.0.1", help="address to serve at (%(default)s)")
    parser.add_argument("--port", type=int, default=7860, help="(%(default)s)")
    options = parser.parse_args()
    os.environ["RAY_SERVE_SESSION_ID_HEADER_KEY"] = HEADER
    ray.init(include_dashboard=False)
    serve.start(http_options=HTTPOptions(host=options.host, port=options.port))
    with suppress(KeyboardInterrupt):
        serve.run(application(options.painters, options.pages, options.gpus), name=NAME, blocking=True)


if __name__ == "__main__":
    main()
