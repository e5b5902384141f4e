"""ZeroGPU: a GPU that a Space has only while a visitor's run lasts."""

import math
from collections.abc import Callable, Generator
from typing import Any

from PIL import Image

from nst.job import Job
from nst.network.vgg import Backbone
from nst.optimise.schedule import pixel_steps
from nst.optimise.stylize import Frame, stylize
from nst.settings import Settings

PACE = 1e7
"""Pixel-steps a second, a cautious guess."""
SET_UP = 20
"""Seconds until the first step."""
MOST_SECONDS = 120
"""That are asked for: more would cost a visitor's share of a day at once."""


def on_zero_gpu(backbone: Backbone) -> Callable[[Job], Generator[Frame, None, None]]:
    """What paints a job in a process that has the GPU. Call it before the page is served.

    Settings and pictures travel to that process; the network is there already.
    """
    import spaces

    def seconds(
        photo: Image.Image, styles: Any, settings: Settings, mask: Any, start: Image.Image | None
    ) -> int:
        work = pixel_steps(settings, photo.size, max(start.size) if start else 0)
        return min(MOST_SECONDS, math.ceil(SET_UP + work / PACE))

    @spaces.GPU(duration=seconds)  # type: ignore[untyped-decorator]
    def paint(
        photo: Image.Image, styles: Any, settings: Settings, mask: Any, start: Any
    ) -> Generator[Frame, None, None]:
        yield from stylize(photo, styles, settings, backbone, mask, start)

    def frames(job: Job) -> Generator[Frame, None, None]:
        styles = [str(plate.path) for plate in job.styles]
        yield from paint(job.photo, styles, job.settings, job.mask, job.start)

    return frames
