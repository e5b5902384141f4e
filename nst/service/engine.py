"""What computes for all visitors, in turn: one thread, one network, and how fast they are."""

import logging
import statistics
import threading
import time
from collections import deque
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, suppress
from contextvars import copy_context
from itertools import pairwise
from pathlib import Path
from typing import Any

from nst.config import Config
from nst.gallery import load_photos, load_styles
from nst.job import Job, RemoteBackbone, Request, Stopped, prepare
from nst.network.memory import return_freed_memory
from nst.network.vgg import load_backbone
from nst.network.weights import fetch_vgg19
from nst.optimise.stylize import Frame
from nst.service.zero_gpu import PACE, on_zero_gpu

log = logging.getLogger("nst")

LEARNT_SHARE = 0.2
"""Of a run's work: what is shorter says little of the pace."""

LEEWAY, FAR_LEEWAY = 2.0, 10.0
"""How many times slower than the best visitors' runs may say that a machine is, or than a guess."""

GUESS = 400_000
"""Pixel-steps a second of two cores, as a free Space has them."""

WARM_UP = 3.0
"""Seconds after which the warm-up ends, once it has shown three frames."""

PATIENCE = 0.1
"""Seconds until one looks whether a run is still wanted."""


class Pace:
    """Seconds for a pixel-step: what a run of the machine's own took, then what visitors' do.

    `guess` are pixel-steps a second, until something is known. What was measured on a machine that
    had other things to do is too slow: it counts within a leeway of the best that was ever seen.
    """

    def __init__(self, guess: float = GUESS, leeway: float = LEEWAY) -> None:
        self._best, self._leeway = 1 / guess, leeway
        self._since: deque[float] = deque(maxlen=9)

    def calibrate(self, job: Job, frames: Sequence[Frame]) -> None:
        """From a run that no visitor has chosen: its fastest stretch, which nothing disturbed."""
        stretches = [(b.seconds - a.seconds, b.progress - a.progress) for a, b in pairwise(frames)]
        self._best = min(seconds / share for seconds, share in stretches) / job.work
        self._since.clear()

    def learn(self, job: Job, first: Frame, last: Frame) -> None:
        """From a visitor's run, which may have been made to mislead.

        It counts only with the default layers. One that was slow can't have the others refused: it
        counts within a leeway of the best.
        """
        share = last.progress - first.progress
        usual = type(job.settings)()
        layers = ("style_layers", "content_layers", "coherence")
        if share < LEARNT_SHARE or any(
            getattr(job.settings, name) != getattr(usual, name) for name in layers
        ):
            return
        found = (last.seconds - first.seconds) / (share * job.work)
        self._best = min(self._best, found)
        self._since.append(min(found, self._best * self._leeway))

    def seconds(self, work: float) -> float:
        """For so many pixel-steps."""
        return work * statistics.median(self._since or [self._best])


class Engine:
    """Paints one job after the other, in this process.

    OpenMP keeps a team for every thread that computes, and with more of them than processors they
    sleep instead of waiting, which costs a third of the speed: one thread computes.
    """

    workers = 1

    def __init__(self, config: Config) -> None:
        self.pace = Pace()
        self._config = config
        self._thread = ThreadPoolExecutor(1, "engine")
        self._latest: tuple[Future[Any], float] | None = None
        self.closing, self.warming = threading.Event(), threading.Event()
        self.backbone = self._thread.submit(load_backbone, None, config).result()

    def start(self) -> None:
        """Warm up and look for VGG-19, behind the visitors' backs."""
        threading.Thread(target=self._improve, daemon=True).start()

    def busy(self) -> float:
        """Seconds since the frame was asked for that is being painted; 0 when nothing is."""
        if self._latest is None or self._latest[0].done():
            return 0.0
        return time.monotonic() - self._latest[1]

    def close(self) -> None:
        """The process is about to end: what is computed for nobody ends now."""
        self.closing.set()
        self.warming.set()

    def frames(self, job: Job) -> Generator[Frame, None, None]:
        """Paint; closing the generator, or setting the job's `stop`, ends the work within a step.

        Then nothing more is waited for: what has been seen last is the picture as it stands.
        """
        return _ahead(job, self._thread, self._note)

    def first(self, job: Job, seconds: float) -> list[Frame]:
        """The frames of a run's first seconds, with nobody else's steps between them."""
        return self._thread.submit(_first, job.frames, seconds).result()

    def _note(self, frame: Future[Any]) -> None:
        self._latest = frame, time.monotonic()

    def _improve(self) -> None:
        photo, style = load_photos()[0].path, load_styles()[0].path
        warm_up(self, photo, style)
        if self.closing.is_set() or self.backbone.name != "VGG-16":
            return
        if (weights := fetch_vgg19()) and not self.closing.is_set():
            self.backbone = self._thread.submit(load_backbone, weights, self._config).result()
            log.info("VGG-19 is here and paints from now on")
            warm_up(self, photo, style)


class RemoteEngine:
    """Has its jobs painted by other processes, `workers` at a time."""

    def __init__(self, backbone: RemoteBackbone, workers: int = 1, guess: float = GUESS) -> None:
        self.pace = Pace(guess, leeway=FAR_LEEWAY)  # nothing is measured elsewhere
        self.backbone, self.workers = backbone, workers
        self.closing = threading.Event()

    def start(self) -> None:
        """Nothing is computed here."""

    def close(self) -> None:
        """The process is about to end."""
        self.closing.set()

    def busy(self) -> float:
        """Those other processes are looked after by whoever started them."""
        return 0.0

    def frames(self, job: Job) -> Generator[Frame, None, None]:
        """As `Engine.frames`; each job has a thread that waits for its frames."""
        thread = ThreadPoolExecutor(1, "far")
        try:
            yield from _ahead(job, thread)
        finally:
            thread.shutdown(wait=False)


def open_engine(config: Config) -> Engine | RemoteEngine:
    """The engine for this machine."""
    if config.zero_gpu:
        # Here, in the main thread, whose CUDA is emulated until a visitor's run has a GPU; the
        # network of a run is the one that was here when the run's process was forked, so that no
        # other may follow.
        return RemoteEngine(on_zero_gpu(load_backbone(fetch_vgg19(), config)), guess=PACE)
    return Engine(config)


def _ahead(
    job: Job, thread: ThreadPoolExecutor, note: Callable[[Future[Any]], None] = lambda _: None
) -> Generator[Frame, None, None]:
    """The frames, made in a thread, one ahead of those who look at them; each is noted."""
    context = copy_context()  # in which ZeroGPU finds whose run it is

    def step() -> Frame | None:
        return next(job.frames, None)

    def end() -> None:
        job.frames.close()
        return_freed_memory()  # or it would stay until the next run

    def ask() -> Future[Frame | None]:
        frame = thread.submit(context.run, step)
        note(frame)
        return frame

    try:
        ahead = ask()
        while frame := _next(job, ahead):
            ahead = ask()
            yield frame
    finally:
        job.stop.set()
        # Nobody waits for it: what closes a generator may be the server's only loop.
        thread.submit(end)


def _next(job: Job, ahead: Future[Frame | None]) -> Frame | None:
    """The frame when it is there; None at the end, and as soon as the job is to stop."""
    while not job.stop.is_set():
        with suppress(TimeoutError, Stopped):  # it may have heard of it sooner than we
            return ahead.result(PATIENCE)
    return None


def _first(frames: Generator[Frame, None, None], seconds: float) -> list[Frame]:
    seen = []
    with closing(frames):
        for frame in frames:
            seen.append(frame)
            if frame.seconds >= seconds and len(seen) >= 3:
                break
    return seen


def warm_up(engine: Engine, photo: Path, style: Path) -> None:
    """A first run in small, until it tells the pace: it makes the kernels, too."""
    given = {"size": 256, "scales": 1, "steps": 12}
    # A GPU is done before a frame is due by time.
    wish = Request(photo, [style], overrides=given, frame_every=3)
    job = prepare(wish, [], engine.backbone, engine.warming)
    with suppress(Stopped):
        engine.pace.calibrate(job, engine.first(job, WARM_UP))
