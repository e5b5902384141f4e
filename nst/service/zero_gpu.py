"""ZeroGPU: a Space gets a GPU only while a visitor's run lasts."""

import math
import threading
from collections.abc import Generator

from nst.job import RemoteBackbone, pictures_work
from nst.network.vgg import Backbone
from nst.optimise import stylize
from nst.optimise.pictures import Pictures
from nst.optimise.recorder import Frame, RunOptions
from nst.settings import Settings

PACE = 1e7  # pixel-steps per second, a cautious guess
SET_UP_SECONDS = 20  # time until the first step
MAX_SECONDS = 120  # upper bound of a request: more would use up a visitor's daily quota at once


def on_zero_gpu(backbone: Backbone) -> RemoteBackbone:
    """The backbone in the process that has the GPU. Call it before the page is served.

    Settings and pictures are sent to that process, which is a fork and has the network already.
    """
    import spaces

    @spaces.GPU(duration=_duration)  # type: ignore[untyped-decorator]
    def paint(pictures: Pictures, settings: Settings, options: RunOptions) -> Generator[Frame, None, None]:
        yield from stylize.run(pictures, settings, backbone, options)

    def frames(
        pictures: Pictures, settings: Settings, options: RunOptions, _: threading.Event
    ) -> Generator[Frame, None, None]:
        return paint(pictures, settings, options)  # closing it ends its worker

    return RemoteBackbone(backbone.name, frames)


def _duration(pictures: Pictures, settings: Settings, options: RunOptions) -> int:
    """Seconds of GPU time to request for a run."""
    return min(MAX_SECONDS, math.ceil(SET_UP_SECONDS + pictures_work(pictures, settings) / PACE))
