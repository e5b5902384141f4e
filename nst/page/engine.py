"""What computes for all visitors, in turn: one thread, one network, and how fast they are."""

import logging
import math
import statistics
import threading
from collections import deque
from collections.abc import Generator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

from nst.config import Config
from nst.gallery import photos, plates
from nst.job import Job, Request, Stopped, prepare
from nst.network.vgg import Backbone, load_backbone
from nst.network.weights import fetch_vgg19
from nst.optimise.stylize import Frame
from nst.page.zero import on_zero_gpu

log = logging.getLogger("nst")

LEARNT_SHARE = 0.2
"""Of a run's work: what is shorter says little of the pace."""


PATIENCE = 0.1
"""Seconds until one looks whether a run is still wanted."""


class Pace:
    """Seconds for a pixel-step: the median of the last runs, so that none rules alone."""

    def __init__(self) -> None:
        self._samples: deque[float] = deque(maxlen=9)

    def learn(self, job: Job, first: Frame, last: Frame) -> None:
        """From the frames of a run: its set-up lies before the first.

        Only runs with the layers of the default count, since others cost more or less.
        """
        share = last.progress - first.progress
        usual = type(job.settings)()
        layers = ("style_layers", "content_layers", "coherence")
        if share < LEARNT_SHARE or any(
            getattr(job.settings, name) != getattr(usual, name) for name in layers
        ):
            return
        self._samples.append((last.seconds - first.seconds) / (share * job.work))

    def seconds(self, work: float) -> float:
        """For so many pixel-steps; nan while nothing is known."""
        return work * statistics.median(self._samples) if self._samples else math.nan


class Engine:
    """Paints one job after the other.

    OpenMP keeps a team for every thread that computes, and with more of them than processors they
    sleep instead of waiting, which costs a third of the speed: one thread computes.
    """

    def __init__(self, config: Config) -> None:
        self.pace = Pace()
        self._config = config
        self._thread = ThreadPoolExecutor(1, "engine")
        self.closing, self.warming = threading.Event(), threading.Event()
        if config.zero_gpu:
            # Here, in the main thread, whose CUDA is emulated until a visitor's run has a GPU; the
            # network of a run is the one that was here when the run's process was forked, so that
            # no other may follow.
            self.backbone: Backbone = load_backbone(fetch_vgg19(), config)
            self._paint = on_zero_gpu(self.backbone)
        else:
            self.backbone = self._thread.submit(load_backbone, None, config).result()
            self._paint = self._ahead

    def start(self) -> None:
        """Warm up and look for VGG-19, behind the visitors' backs."""
        if not self._config.zero_gpu:  # there nothing may compute outside of a visitor's run
            threading.Thread(target=self._improve, daemon=True).start()

    def close(self) -> None:
        """The process is about to end: what is computed for nobody ends now."""
        self.closing.set()
        self.warming.set()

    def frames(self, job: Job) -> Generator[Frame, None, None]:
        """Paint; closing the generator, or setting the job's `stop`, ends the work within a step.

        Then nothing more is waited for: what has been seen last is the picture as it stands.
        """
        return self._paint(job)

    def _ahead(self, job: Job) -> Generator[Frame, None, None]:
        """The frames, computed in the engine's thread, one ahead of those who look at them."""
        try:
            ahead = self._thread.submit(next, job.frames, None)
            while frame := _next(job, ahead):
                ahead = self._thread.submit(next, job.frames, None)
                yield frame
        finally:
            job.stop.set()
            # Nobody waits for it: what closes a generator may be the server's only loop.
            self._thread.submit(job.frames.close)

    def _improve(self) -> None:
        warm_up(self, photos()[0].path, plates()[0].path)
        if self.closing.is_set() or self.backbone.name != "VGG-16":
            return
        if (weights := fetch_vgg19()) and not self.closing.is_set():
            self.backbone = self._thread.submit(load_backbone, weights, self._config).result()
            log.info("VGG-19 is here and paints from now on")


def _next(job: Job, ahead: Future[Frame | None]) -> Frame | None:
    """The frame when it is there; None at the end, and as soon as the job is to stop."""
    while not job.stop.is_set():
        with suppress(TimeoutError, Stopped):  # it may have heard of it sooner than we
            return ahead.result(PATIENCE)
    return None


def warm_up(engine: Engine, photo: Path, style: Path) -> None:
    """A first run in small: it makes the kernels and tells the pace."""
    given = {"size": 256, "scales": 1, "steps": 12}
    job = prepare(Request(photo, [style], given=given), [], engine.backbone, engine.warming)
    if frames := list(engine.frames(job)):
        engine.pace.learn(job, frames[0], frames[-1])
