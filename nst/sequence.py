"""Paints the consecutive frames of a video with the optimiser: Ruder, Dosovitskiy and Brox 2016.

The first frame is painted in full. Each further frame starts from the one before, warped along the optical flow, and
takes a few steps with a temporal loss.
"""

from collections.abc import Sequence
from dataclasses import replace

import cv2
import numpy as np
from PIL import Image

from nst.images import ImageSource, fit, fitted_size
from nst.images.tensors import to_image, to_tensor
from nst.network.vgg import Backbone
from nst.optimise.cost import plan_work
from nst.optimise.pictures import Pictures, open_styles
from nst.optimise.preview import preview_pixels
from nst.optimise.recorder import RunOptions
from nst.optimise.regions import Region
from nst.optimise.schedule import schedule
from nst.optimise.stylize import run
from nst.settings import Settings
from nst.video.flow import warp
from nst.video.motion import CUT, Motion, View, find_motion

STEPS = {"quick": 4, "normal": 8, "fine": 16}
"""Steps of each frame but the first, by effort; at most those of the last scale."""


class SequencePainter:
    """Paints frames of one size in turn. `frame` is RGB; its longest side becomes `settings.size` pixels.

    Raises ImageError or ValueError for a style that can't be opened, or for settings that need too much memory.
    """

    def __init__(self, styles: Sequence[ImageSource], settings: Settings, backbone: Backbone) -> None:
        self._styles, self._settings, self.backbone = open_styles(styles, settings), settings, backbone
        self._before: tuple[View, Image.Image, Motion | None] | None = None

    def continue_from(self, frame: Image.Image, painted: Image.Image) -> None:
        """Let the next frame follow this one, which has been painted before."""
        size = fitted_size(frame.size, self._settings.size)
        self._before = View.of(frame, size), painted.resize(size), None  # a file has even sides only

    def __call__(self, frame: Image.Image) -> Image.Image:
        """The frame, painted."""
        photo = fit(frame, self._settings.size)
        pictures = Pictures(photo=photo, styles=self._styles, mask=None, start=None, opaque=None)
        options = RunOptions()
        view, motion = View.of(photo, photo.size), None
        if self._before:
            before, painted, last_motion = self._before
            motion = find_motion(before, view, last_motion)
            if motion.confidence.mean() >= CUT:
                pictures = replace(pictures, start=self._start(photo, painted, motion))
                options = RunOptions(first_step=first_step(self._settings, photo.size), confidence=motion.confidence)
            else:
                motion = None
        *_, last = run(pictures, self._settings, self.backbone, options)
        self._before = view, last.image, motion
        return last.image

    def work(self, size: tuple[int, int], frames: int) -> float:
        """Work for so many frames of this width and height, in the pixel-steps of `optimise.cost`, without cuts."""
        plan = plan_work(self._settings, size, styles=len(self._styles))
        last = plan[-1]
        steps = sum(scale.steps for scale in plan) - first_step(self._settings, size)
        return sum(scale.work for scale in plan) + (frames - 1) * (last.study + steps * last.step)

    def _start(self, photo: Image.Image, painted: Image.Image, motion: Motion) -> Image.Image:
        """The frame before, warped; where it does not show what this one shows, the one-pass network's painting."""
        moved = warp(np.asarray(painted, dtype=np.float32), motion.places, cv2.INTER_LANCZOS4)
        regions = [Region(self._styles)]
        fresh = to_image(preview_pixels(to_tensor(photo).to(self.backbone.device), regions, self._settings))
        start = np.asarray(fresh) + motion.confidence[:, :, None] * (moved - np.asarray(fresh))
        return Image.fromarray(start.clip(0, 255).round().astype(np.uint8))


def first_step(settings: Settings, size: tuple[int, int]) -> int:
    """The number of the schedule's steps that a frame of this width and height leaves out."""
    counts = [count for _, count in schedule(settings, min(size) / max(size))]
    return sum(counts) - min(STEPS.get(settings.effort, STEPS["quick"]), counts[-1])
