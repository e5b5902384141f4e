"""What a run will cost, before it has begun: by its layers, sizes, styles and strokes.

In pixel-steps: what a step of the default settings costs for a pixel.
"""

from typing import NamedTuple

from nst.network.weights import ARCHITECTURES
from nst.optimise.objective import MATCH_LAYERS
from nst.optimise.schedule import schedule
from nst.optimise.targets import content_layers
from nst.settings import Settings

STEP = 8_000
"""Pixel-steps that a step costs besides its pixels, measured from 128^2 to 1024^2 pixels: 16 000 on
two cores of a Zen 4 with bfloat16 (0.03 s), 5 000 on two of a Zen 1 (0.07 s)."""

LOOK = 0.4
"""Of a step: to pass a picture through the network once, without the way back."""

ONE_PASS = 0.25
"""Of a step: what a picture in one pass costs, the styles read."""

MIN_SHARE = 0.15
"""Of the default layers' cost: however shallow the layers, there are the pixels themselves."""

_WIDTHS = 3, 64, 128, 256, 512, 512


class Scale(NamedTuple):
    """A size of `schedule` with its steps, and their work: what comes before the first, the study
    of the pictures, and each."""

    size: int
    steps: int
    study: float
    step: float

    @property
    def work(self) -> float:
        """All of it."""
        return self.study + self.steps * self.step


def run_work(settings: Settings, photo: tuple[int, int], begun: int = 0, styles: int = 1) -> float:
    """The work of a run, for a photo of this width and height; `begun` is as in `schedule`."""
    return sum(scale.work for scale in plan_work(settings, photo, begun, styles))


def plan_work(
    settings: Settings, photo: tuple[int, int], begun: int = 0, styles: int = 1
) -> list[Scale]:
    """The same, size by size.

    A style is taken to be square; one that was studied before costs nothing.
    """
    shape = min(photo) / max(photo)
    plan = schedule(settings, shape, begun)
    if settings.in_one_pass:
        return [Scale(*plan[0], 0.0, ONE_PASS * (STEP + settings.size**2 * shape))]
    depth, pictures = depth_share(settings), shape + styles * settings.style_scale**2
    return [
        Scale(size, steps, LOOK * depth * size**2 * pictures, depth * (STEP + size**2 * shape))
        for size, steps in plan
    ]


def depth_share(settings: Settings) -> float:
    """The cost of a step with these layers, by that of the default ones.

    That is the share of the multiplications down to the deepest layer.
    """
    layers = {*dict(settings.style_layers), *content_layers(settings)}
    layers |= set(MATCH_LAYERS) if settings.coherence else set()
    deepest = max((_cost(layer) for layer in layers), default=0.0)
    return max(MIN_SHARE, deepest / _cost("relu5_1"))


def _cost(layer: str) -> float:
    """Multiplications for a pixel of the picture, down to a layer such as "relu4_2"."""
    last_block, last_number = (int(part) for part in layer[4:].split("_"))
    cost = 0.0
    for block, length in enumerate(ARCHITECTURES["VGG-19"][:last_block], 1):
        for number in range(1, (last_number if block == last_block else length) + 1):
            before = _WIDTHS[block - 1] if number == 1 else _WIDTHS[block]
            cost += 9 * before * _WIDTHS[block] / 4 ** (block - 1)
    return cost
