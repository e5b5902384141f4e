"""The engine of one process, and how fast it is."""

import logging
import queue
import statistics
import threading
import time
from collections import deque
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from contextvars import copy_context
from itertools import pairwise
from pathlib import Path
from typing import TypeVar

from nst.config import Config
from nst.gallery import load_photos, load_styles
from nst.job import Job, RemoteBackbone, Request, Stopped, prepare
from nst.network.memory import return_freed_memory
from nst.network.vgg import Backbone, load_backbone
from nst.network.weights import fetch_vgg19
from nst.optimise.recorder import Frame, RunOptions
from nst.service.zero_gpu import PACE, on_zero_gpu

log = logging.getLogger("nst")

MIN_SHARE = 0.2  # share of a run's work that has to be measured for an estimate of the pace

MAX_SLOWDOWN, MAX_REMOTE_SLOWDOWN = 2.0, 10.0
"""Upper bound on how much one slow run may raise the time estimate: relative to the fastest run of
this machine, and to a guess for remote machines."""

GUESS = 400_000  # pixel-steps per second on two cores, as a free Space has them
WARM_UP_SIZE = 256  # pixels on the longest side of what the warm-up paints
WARM_UP_SECONDS = 3.0  # duration of the warm-up, if it has shown three frames by then
POLL_INTERVAL = 0.1  # seconds between two checks whether a run was stopped

Result = TypeVar("Result")


class Pace:
    """Seconds per pixel-step, from the machine's own warm-up and then from visitors' runs.

    A run that was slow because the machine was busy must not raise the estimate for long: each run
    counts at most `max_slowdown` times the fastest.
    """

    def __init__(self, guess: float = GUESS, max_slowdown: float = MAX_SLOWDOWN) -> None:
        self._fastest, self._max_slowdown = 1 / guess, max_slowdown
        self._latest: deque[float] = deque(maxlen=9)

    def calibrate(self, job: Job, frames: Sequence[Frame]) -> None:
        """From the warm-up: its fastest interval, which nothing disturbed."""
        intervals = [(b.seconds - a.seconds, b.progress - a.progress) for a, b in pairwise(frames)]
        self._fastest = min(seconds / share for seconds, share in intervals) / job.work
        self._latest.clear()

    def learn(self, job: Job, first: Frame, last: Frame) -> None:
        """From a visitor's run, if it is long enough and uses the default layers.

        A visitor may have chosen the run to mislead, so it can't get other runs rejected.
        """
        share = last.progress - first.progress
        default = type(job.settings)()
        layers = ("style_layers", "content_layers", "coherence")
        if share < MIN_SHARE or any(getattr(job.settings, name) != getattr(default, name) for name in layers):
            return
        pace = (last.seconds - first.seconds) / (share * job.work)
        self._fastest = min(self._fastest, pace)
        self._latest.append(min(pace, self._fastest * self._max_slowdown))

    def seconds(self, work: float) -> float:
        """The expected seconds for so many pixel-steps."""
        return work * statistics.median(self._latest or [self._fastest])


class Engine:
    """Computes one run after the other in one thread of this process.

    OpenMP keeps a team of threads for each thread that computes. With more of them than processors, they sleep instead
    of spinning, which costs a third of the speed.
    """

    workers = 1

    def __init__(self, config: Config) -> None:
        self.pace = Pace()
        self._config = config
        self._thread = ThreadPoolExecutor(1, "engine")
        self._step_started: float | None = None
        self.closing, self._stop_warm_up = threading.Event(), threading.Event()
        self.backbone = self._thread.submit(load_backbone, None, config).result()

    def start(self) -> None:
        """Warm up and look for VGG-19, in the background."""
        threading.Thread(target=self._improve, daemon=True).start()

    def busy(self) -> float:
        """Seconds that the frame being computed has taken so far; 0 if there is none."""
        started = self._step_started
        return 0.0 if started is None else time.monotonic() - started

    def close(self) -> None:
        """The process is about to end: begin no run, and end the warm-up."""
        self.closing.set()
        self._stop_warm_up.set()

    def frames(self, job: Job) -> Generator[Frame, None, None]:
        """The frames of a run, which waits until the one before it has ended.

        Closing the generator or setting the job's `stop` ends the run within a step; the frame before is the last one
        then.
        """
        return _run_in(self._thread, job, self._set_step_started)

    def first_frames(self, job: Job, seconds: float) -> list[Frame]:
        """The frames of a run's first seconds, at least three."""

        def run() -> list[Frame]:
            frames = []
            with closing(job.frames):
                for frame in job.frames:
                    frames.append(frame)
                    if frame.seconds >= seconds and len(frames) >= 3:
                        break
            return frames

        return self.compute(run)

    def compute(self, function: Callable[[], Result]) -> Result:
        """The function's result, computed in the engine's thread."""
        return self._thread.submit(function).result()

    def _set_step_started(self, started: float | None) -> None:
        self._step_started = started

    def _improve(self) -> None:
        photo, style = load_photos()[0].path, load_styles()[0].path
        warm_up(self, photo, style, self._stop_warm_up)
        if self.closing.is_set() or self.backbone.name != "VGG-16":
            return
        if (weights := fetch_vgg19()) and not self.closing.is_set():
            self.backbone = self._thread.submit(load_backbone, weights, self._config).result()
            log.info("VGG-19 is loaded and paints from now on")
            warm_up(self, photo, style, self._stop_warm_up)


class RemoteEngine:
    """Lets other processes compute, `workers` runs at a time."""

    def __init__(self, backbone: RemoteBackbone, workers: int = 1, guess: float = GUESS) -> None:
        self.pace = Pace(guess, MAX_REMOTE_SLOWDOWN)  # no warm-up measures the remote machines
        self.backbone, self.workers = backbone, workers
        self.closing = threading.Event()
        self._threads = ThreadPoolExecutor(workers, "remote")

    def start(self) -> None:
        """Nothing is computed in this process."""

    def close(self) -> None:
        """The process is about to end."""
        self.closing.set()

    def busy(self) -> float:
        """Whoever started the other processes monitors them."""
        return 0.0

    def frames(self, job: Job) -> Generator[Frame, None, None]:
        """The frames of a run, as `Engine.frames` yields them."""
        return _run_in(self._threads, job)


def open_engine(config: Config) -> Engine | RemoteEngine:
    """The engine for this machine."""
    if config.zero_gpu:
        # In the main thread, where `spaces` emulates CUDA. A run's process is forked from this one, so the network
        # can't change later.
        return RemoteEngine(on_zero_gpu(load_backbone(fetch_vgg19(), config)), guess=PACE)
    return Engine(config)


def _run_in(
    executor: ThreadPoolExecutor, job: Job, set_step_started: Callable[[float | None], None] = lambda _: None
) -> Generator[Frame, None, None]:
    """The frames of a run that is computed in the executor, ahead of whoever reads them."""
    frames: queue.Queue[Frame | Exception | None] = queue.Queue(1)

    def put(item: Frame | Exception | None) -> None:
        while not job.stop.is_set():
            with suppress(queue.Full):
                frames.put(item, timeout=POLL_INTERVAL)
                return

    def step() -> Frame | None:
        set_step_started(time.monotonic())
        try:
            return next(job.frames, None)
        finally:
            set_step_started(None)

    def run() -> None:
        try:
            while not job.stop.is_set() and (frame := step()):
                put(frame)
            put(None)
        except Stopped:
            pass
        except Exception as error:  # the reader raises it
            put(error)
        finally:
            job.frames.close()
            return_freed_memory()  # or it would stay allocated until the next run

    context = copy_context()  # ZeroGPU finds the visitor in it
    executor.submit(context.run, run)
    try:
        while not job.stop.is_set():
            try:
                item = frames.get(timeout=POLL_INTERVAL)
            except queue.Empty:
                continue
            if isinstance(item, Exception):
                raise item
            if item is None:
                return
            yield item
    finally:
        job.stop.set()  # do not wait for the run: the server's event loop may close the generator


def warm_up(engine: Engine, photo: Path, style: Path, stop: threading.Event) -> None:
    """A short run that measures the pace."""
    job = _short_run(photo, style, engine.backbone, stop)
    with suppress(Stopped):
        engine.pace.calibrate(job, engine.first_frames(job, WARM_UP_SECONDS))


def expected_seconds(work: float, backbone: Backbone) -> float:
    """How long so much work, in pixel-steps, takes in this process; a short run measures the pace."""
    photo, style = load_photos()[0].path, load_styles()[0].path
    pace, short = Pace(), _short_run(photo, style, backbone, threading.Event())
    pace.calibrate(short, list(short.frames))
    return pace.seconds(work)


def _short_run(photo: Path, style: Path, backbone: Backbone | RemoteBackbone, stop: threading.Event) -> Job:
    overrides = {"size": WARM_UP_SIZE, "scales": 1, "steps": 12}
    # A GPU finishes before a frame is due by time, so request one every three steps.
    request = Request(photo=photo, styles=[style], overrides=overrides, run=RunOptions(frame_every=3))
    return prepare(request, [], backbone, stop)
