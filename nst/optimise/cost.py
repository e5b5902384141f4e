"""What a run will cost, before it has begun: by its layers, sizes, styles and strokes.

In pixel-steps: what a step of the default settings costs for a pixel.
"""

from nst.network.weights import ARCHITECTURES
from nst.optimise.objective import MATCH_LAYERS
from nst.optimise.schedule import schedule
from nst.optimise.targets import content_layers
from nst.settings import Settings

STEP = 16_000
"""Pixel-steps that a step costs besides its pixels: 0.03 s of two cores, measured from 128^2 to
1024^2 pixels."""

LOOK = 0.4
"""Of a step: to pass a picture through the network once, without the way back."""

ONE_PASS = 0.25
"""Of a step: what a picture in one pass costs, the styles read."""

LEAST_SHARE = 0.15
"""Of the default layers' cost: however shallow the layers, there are the pixels themselves."""

_WIDTHS = 3, 64, 128, 256, 512, 512


def steps_work(settings: Settings, photo: tuple[int, int], begun: int = 0) -> float:
    """The work of all steps, for a photo of this width and height; `begun` is as in `schedule`."""
    shape = min(photo) / max(photo)
    plan = schedule(settings, shape, begun)
    if settings.in_one_pass:
        return ONE_PASS * (STEP + settings.size**2 * shape)
    return depth_share(settings) * sum(n * (STEP + size**2 * shape) for size, n in plan)


def run_work(settings: Settings, photo: tuple[int, int], begun: int = 0, styles: int = 1) -> float:
    """The same with what comes before the first step of each size: the study of the pictures.

    A style is taken to be square; one that was studied before costs nothing.
    """
    if settings.in_one_pass:
        return steps_work(settings, photo)
    shape = min(photo) / max(photo)
    study = sum(
        size**2 * (shape + styles * settings.style_scale**2)
        for size, _ in schedule(settings, shape, begun)
    )
    return steps_work(settings, photo, begun) + LOOK * depth_share(settings) * study


def depth_share(settings: Settings) -> float:
    """The cost of a step with these layers, by that of the default ones.

    That is the share of the multiplications down to the deepest layer.
    """
    layers = {*dict(settings.style_layers), *content_layers(settings)}
    layers |= set(MATCH_LAYERS) if settings.coherence else set()
    deepest = max((_cost(layer) for layer in layers), default=0.0)
    return max(LEAST_SHARE, deepest / _cost("relu5_1"))


def _cost(layer: str) -> float:
    """Multiplications for a pixel of the picture, down to a layer such as "relu4_2"."""
    last_block, last_number = (int(part) for part in layer[4:].split("_"))
    cost = 0.0
    for block, length in enumerate(ARCHITECTURES["VGG-19"][:last_block], 1):
        for number in range(1, (last_number if block == last_block else length) + 1):
            before = _WIDTHS[block - 1] if number == 1 else _WIDTHS[block]
            cost += 9 * before * _WIDTHS[block] / 4 ** (block - 1)
    return cost
