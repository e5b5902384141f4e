"""ZeroGPU: a GPU that a Space has only while a visitor's run lasts."""

import math
import threading
from collections.abc import Generator

from nst.job import RemoteBackbone
from nst.network.vgg import Backbone
from nst.optimise import stylize
from nst.optimise.cost import run_work
from nst.optimise.pictures import Pictures
from nst.optimise.stylize import Frame
from nst.settings import Settings

PACE = 1e7
"""Pixel-steps a second, a cautious guess."""
SET_UP = 20
"""Seconds until the first step."""
MAX_SECONDS = 120
"""That are asked for: more would cost a visitor's share of a day at once."""


def on_zero_gpu(backbone: Backbone) -> RemoteBackbone:
    """The network in a process that has the GPU. Call it before the page is served.

    Settings and pictures travel to that process; the network is there already.
    """
    import spaces

    @spaces.GPU(duration=_seconds)  # type: ignore[untyped-decorator]
    def paint(pictures: Pictures, settings: Settings, every: int) -> Generator[Frame, None, None]:
        yield from stylize.run(pictures, settings, backbone, every)

    def frames(
        pictures: Pictures, settings: Settings, every: int, _: threading.Event
    ) -> Generator[Frame, None, None]:
        return paint(pictures, settings, every)  # its worker ends when this is closed

    return RemoteBackbone(backbone.name, frames)


def _seconds(pictures: Pictures, settings: Settings, every: int) -> int:
    """That a run is to have the GPU for."""
    begun = max(pictures.start.size) if pictures.start else 0
    work = run_work(settings, pictures.photo.size, begun, len(pictures.styles))
    return min(MAX_SECONDS, math.ceil(SET_UP + work / PACE))
