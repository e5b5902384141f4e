"""Counts the steps of a run and makes its frames."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from nst.images import fitted_size
from nst.images.tensors import remainder, to_image
from nst.network.memory import HeapTrimmer
from nst.optimise.cost import Scale, finished
from nst.optimise.failure import failure_reason
from nst.optimise.objective import Losses, LossTensors
from nst.settings import Settings

FRAME_INTERVALS = 0.33, 1.0
"""Minimum seconds between frames: at first, when the picture changes most, and after 16 s.
More frames would cost more time than they are worth."""

MAX_FRAME = 2048  # longest side, in pixels, to which frames of coarser scales are enlarged

Finish = Callable[[Image.Image], Image.Image]
"""Post-processing at the final size: the optimised picture -> the picture that is delivered."""


@dataclass(frozen=True)
class RunOptions:
    """Details of a run that are no settings of the picture."""

    frame_every: int = 0  # an extra frame after each so many steps; 0: none
    first_step: int = 0  # steps that are done already; the pictures' `start` is the frame after them
    remainder: bool = False  # whether frames have a `remainder`
    confidence: NDArray[np.float32] | None = None  # of a video, H x W in 0..1: in its start, the frame before


@dataclass(frozen=True)
class Frame:
    """The painting after a step."""

    image: Image.Image  # RGB at the final size; at a coarser scale at most MAX_FRAME pixels, or the scale's own size
    step: int
    steps: int  # of the whole schedule
    progress: float  # share of the work done, 0..1, by the costs of `plan_work`
    losses: Losses  # "total", "content", "style" and "tv" of this step; in a video also "temporal"
    log: tuple[Losses, ...]  # losses of every step since the previous frame
    seconds: float  # since the start
    done: bool  # only the last frame
    moved: bool = True  # False while the picture is the one that the run started with
    failed: str = ""  # on the last frame, why the run did not improve the picture
    remainder: NDArray[np.float32] | None = None  # H x W x 3, -0.5..0.5 of 255: `images.tensors.remainder`


class Recorder:
    """Counts the steps and the work of a run, and makes its frames when they are due."""

    def __init__(
        self,
        plan: Sequence[Scale],
        settings: Settings,
        styled: bool,
        size: tuple[int, int],
        finish: Finish,
        options: RunOptions,
    ) -> None:
        self.settings, self.styled = settings, styled
        self.size, self.finish, self.options = size, finish, options
        self.steps = sum(scale.steps for scale in plan)
        self.total_work = sum(scale.work for scale in plan)
        self.start = self.last_frame = time.perf_counter()
        self.step, self.moved = options.first_step, options.first_step > 0
        self.work = sum(
            scale.study * (done == scale.steps) + scale.step * done for scale, done in finished(plan, self.step)
        )
        self.log: list[LossTensors] = []  # of every step since the last frame

    def start_scale(self, scale: Scale, pixels: Tensor) -> None:
        """Call it before the first step of a scale, with the picture that it starts from."""
        self.scale, self.scale_start, self.moved_before = scale, pixels, self.moved
        self.first_losses: LossTensors = {}
        self.work += scale.study
        self.trim_heap = HeapTrimmer()

    def record(self, pixels: Tensor, losses: LossTensors) -> Iterator[Frame]:
        """Count a step; one frame if it is due, else none."""
        self.step += 1
        self.work += self.scale.step
        self.first_losses = self.first_losses or losses
        self.moved = self.moved_before or pixels is not self.scale_start
        self.log.append(losses)
        self.trim_heap()
        if self._is_due():
            yield self._frame(pixels)
            self.log.clear()
            self.last_frame = time.perf_counter()

    def _is_due(self) -> bool:
        every = self.options.frame_every
        if self.step == self.steps or (every and self.step % every == 0):
            return True
        now, (shortest, longest) = time.perf_counter(), FRAME_INTERVALS
        return now - self.last_frame >= min(longest, max(shortest, (now - self.start) / 16))

    def _frame(self, pixels: Tensor) -> Frame:
        first, *log = _as_floats([self.first_losses, *self.log])
        seconds, done, failed = time.perf_counter() - self.start, self.step == self.steps, ""
        if done:
            moved = self.moved and not torch.equal(pixels, self.scale_start)
            failed = failure_reason(first, log[-1], moved, self.styled, self.settings)
        longest = max(self.size)
        size = fitted_size(self.size, min(longest, max(MAX_FRAME, self.scale.size)))
        rounded = to_image(pixels)
        image = self.finish(rounded.resize(size, Image.Resampling.BICUBIC))
        left = None
        if self.options.remainder and rounded.size == size:
            left = remainder(pixels, rounded)
            left[np.asarray(image) != np.asarray(rounded)] = 0  # post-processing replaced these
        return Frame(
            image=image,
            remainder=left,
            step=self.step,
            steps=self.steps,
            progress=1.0 if done else self.work / self.total_work,
            losses=log[-1],
            log=tuple(log),
            seconds=seconds,
            done=done,
            moved=self.moved,
            failed=failed,
        )


def _as_floats(log: Sequence[LossTensors]) -> list[Losses]:
    """The losses of several steps, in one transfer from the device."""
    numbers = iter(torch.stack([loss for losses in log for loss in losses.values()]).tolist())
    return [{name: next(numbers) for name in losses} for losses in log]
