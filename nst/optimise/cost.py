"""The cost of a run, estimated before it starts from its layers, sizes, styles and steps.

The unit is the pixel-step: the cost per pixel of one optimiser step with the default settings.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from nst.network.weights import ARCHITECTURES
from nst.optimise.objective import MATCH_LAYERS
from nst.optimise.schedule import LARGE, schedule
from nst.optimise.targets import content_layers
from nst.settings import Settings

STEP_OVERHEAD = 8_000
"""Pixel-steps that a step costs whatever its size. Measured from 128^2 to 1024^2 pixels: 16 000 on two cores of a Zen
4 with bfloat16 (0.03 s), 5 000 on two cores of a Zen 1 (0.07 s)."""

FORWARD_SHARE = 0.4  # cost of a forward pass through the network, as a share of a step
ONE_PASS_SHARE = 0.25  # cost of a picture by the one-pass network, as a share of a step; its styles are encoded
TILED_COST = 1.6  # cost of a step of the objective in tiles, relative to that of the whole picture
METHOD_STEP = {"strotss": 100_000, "nnst": 10_000}
"""Pixel-steps that a step of these methods costs besides the network, whatever its size: distances of sampled
positions. Measured at 128 and 256 pixels."""

METHOD_STUDY = {"nnst": 7.0}  # pixel-steps per pixel of the photo before the first step: the search for neighbours

MIN_DEPTH_SHARE = 0.15  # lower bound of `depth_share`: the pixels themselves cost something with the shallowest layers

_CHANNELS = 3, 64, 128, 256, 512, 512


class Scale(NamedTuple):
    """A size of `schedule`, its steps, and their work in pixel-steps."""

    size: int
    steps: int
    study: float  # work before the first step: features of the photo and the styles
    step: float  # work of each step

    @property
    def work(self) -> float:
        """Work of the whole scale, in pixel-steps."""
        return self.study + self.steps * self.step


def run_work(settings: Settings, photo: tuple[int, int], start_size: int = 0, styles: int = 1) -> float:
    """Work of a run in pixel-steps, for a photo's width and height; arguments as `plan_work`."""
    return sum(scale.work for scale in plan_work(settings, photo, start_size, styles))


def plan_work(settings: Settings, photo: tuple[int, int], start_size: int = 0, styles: int = 1) -> list[Scale]:
    """The scales of a run from coarse to fine, with their work.

    `photo` is a width and height, `start_size` the longest side of a painting to continue, 0 for
    none. Styles are assumed to be square, and not to be in the backbone's cache.
    """
    aspect = min(photo) / max(photo)
    plan = schedule(settings, aspect, start_size)
    if settings.in_one_pass:
        step = ONE_PASS_SHARE * (STEP_OVERHEAD + settings.size**2 * aspect)
        return [Scale(*plan[0], study=0.0, step=step)]
    whole = LARGE if settings.size <= LARGE else LARGE / 2  # see `stylize._in_tiles`
    depth, pictures = depth_share(settings), aspect + styles * settings.style_scale**2
    return [
        Scale(
            size,
            steps,
            study=FORWARD_SHARE * depth * size**2 * pictures + METHOD_STUDY.get(settings.method, 0) * size**2 * aspect,
            step=depth * (STEP_OVERHEAD + size**2 * aspect) * (TILED_COST if size > whole else 1)
            + METHOD_STEP.get(settings.method, 0),
        )
        for size, steps in plan
    ]


def finished(plan: Sequence[Scale], step: int) -> Iterator[tuple[Scale, int]]:
    """Each scale with the number of its steps among the first `step` of the plan."""
    for scale in plan:
        done = min(step, scale.steps)
        yield scale, done
        step -= done


def remaining(plan: Sequence[Scale], step: int) -> list[tuple[Scale, int]]:
    """The scales that are not finished after the first `step` steps, with the number of steps done."""
    return [(scale, done) for scale, done in finished(plan, step) if done < scale.steps]


def scale_of(plan: Sequence[Scale], step: int) -> Scale:
    """The scale of a step, counted from 1."""
    return [scale for scale, done in finished(plan, step) if done][-1]


def depth_share(settings: Settings) -> float:
    """Cost of a step with the layers of these settings, relative to the default layers.

    It is estimated as the ratio of multiplications down to the deepest layer.
    """
    layers = {*dict(settings.style_layers), *content_layers(settings)}
    layers |= set(MATCH_LAYERS) if settings.coherence else set()
    deepest = max((_multiplications(layer) for layer in layers), default=0.0)
    return max(MIN_DEPTH_SHARE, deepest / _multiplications("relu5_1"))


def _multiplications(layer: str) -> float:
    """Multiplications per pixel of the picture, down to a layer such as "relu4_2"."""
    last_block, last_number = (int(part) for part in layer[4:].split("_"))
    total = 0.0
    for block, length in enumerate(ARCHITECTURES["VGG-19"][:last_block], 1):
        for number in range(1, (last_number if block == last_block else length) + 1):
            inputs = _CHANNELS[block - 1] if number == 1 else _CHANNELS[block]
            total += 9 * inputs * _CHANNELS[block] / 4 ** (block - 1)
    return total
