"""The heart: `stylize`, a generator that paints coarse to fine and shows the picture forming."""

import math
import time
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from functools import cache, partial

import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from nst.colour import lightness, match_colours, match_lightness, with_colours_of
from nst.images import ImageSource, fit, open_image, to_image, to_tensor
from nst.network.device import device
from nst.network.memory import free_memory, return_freed_memory
from nst.network.vgg import Backbone, load_backbone
from nst.optimise.objective import Losses, Objective
from nst.optimise.optimizers import adam, lbfgs
from nst.optimise.regions import Region, Styles, check_shape, divide, feathered
from nst.optimise.schedule import pixel_steps, schedule
from nst.optimise.targets import without_edge
from nst.settings import Settings

FRAME_INTERVALS = 0.33, 1.0
"""Seconds between frames, at least: in the first seconds, which change the most, and after 16 s.
More frames would cost more than anybody sees."""

TRIM_INTERVAL = 5
"""Steps after which freed memory is given back, or the holes between blocks would add up."""

BYTES_PER_PIXEL = 4000
"""Memory of a run, measured at 1024 x 1024 in float32 on a CPU: 3.1 kB and a reserve."""

Finish = Callable[[Image.Image], Image.Image]
"""What the engine painted, at the final size -> what is delivered."""


@dataclass(frozen=True)
class Frame:
    """The painting as it stands.

    `image` is RGB at the final size, in coarse scales too; `step` of `steps` over the whole
    schedule; `progress` the share of the work done (0..1: a fine step weighs more than a coarse
    one); `losses` this step's "total", "content", "style" and "tv"; `log` the losses of every step
    since the frame before, this one's last; `seconds` since the start; `done` on the last frame,
    exactly once.
    """

    image: Image.Image
    step: int
    steps: int
    progress: float
    losses: Losses
    log: tuple[Losses, ...]
    seconds: float
    done: bool


def stylize(
    content: ImageSource,
    styles: Sequence[ImageSource],
    settings: Settings | None = None,
    backbone: Backbone | None = None,
    mask: ImageSource | None = None,
    start: ImageSource | None = None,
) -> Generator[Frame, None, None]:
    """Paint the photo `content` in the manner of `styles`, and yield frames on the way.

    Images are paths or PIL images of any mode. Several styles blend by `settings.style_weights`;
    none is needed where the settings have no style layers. With a mask (of the photo's shape, white
    where to paint) one style is painted there and the rest stays the photo, or the first of two is
    painted there and the second around it. `start` is a painting to go on from: only scales above
    its size are painted, or the last one again. Without a backbone, the best on this machine is
    used. Raises ImageError or ValueError at once, before anything is computed. Closing the
    generator ends the work.
    """
    settings = settings or Settings()
    weights = _style_weights(settings, len(styles))
    photo = open_image(content, "the photo")
    chosen = [
        (without_edge(open_image(style, "the style image")), weight / sum(weights))
        for style, weight in zip(styles, weights, strict=True)
        if weight
    ]
    final = fit(photo, settings.size)
    _check_memory(final.size, settings.size, backbone.device if backbone else device())
    canvas, chosen, finish = _coloured(photo, chosen, final, settings.colour)
    regions = [Region(chosen)]
    if mask is not None:
        inside = feathered(open_image(mask, "the mask"), final.size)
        regions = divide(chosen, inside)
        if len(regions) == 1:
            finish = partial(_inside_only, finish, final, inside)
    begun = None
    if start is not None:
        begun = open_image(start, "the painting to go on from")
        check_shape(begun, "the painting to go on from", final.size)
    return _paint(canvas, begun, regions, settings, backbone, finish)


def _style_weights(settings: Settings, count: int) -> tuple[float, ...]:
    """One weight for each of `count` styles."""
    if not count and (settings.style_layers or settings.init == "style"):
        raise ValueError("styles is empty; name at least one style image")
    weights = settings.style_weights or (1.0,) * count
    if len(weights) != count:
        raise ValueError(
            f"style_weights has {len(weights)} numbers for {count} styles; give one for each"
        )
    return weights


def _check_memory(final: tuple[int, int], size: int, where: torch.device) -> None:
    need, free = final[0] * final[1] * BYTES_PER_PIXEL, free_memory(where)
    if need > free:
        fitting = max(64, int(size * math.sqrt(free / need)) // 64 * 64)
        raise ValueError(
            f"size is {size}, which needs about {need / 1e9:.1f} GB of memory where "
            f"{free / 1e9:.1f} GB are free; choose {fitting} or less"
        )


def _coloured(
    photo: Image.Image, styles: Styles, final: Image.Image, colour: str
) -> tuple[Image.Image, Styles, Finish]:
    """The photo and the styles as the engine sees them, and what is done to what it paints."""
    if colour == "matched":
        return photo, [(match_colours(style, photo), share) for style, share in styles], _as_it_is
    if colour == "photo":
        grey = [(match_lightness(style, photo), share) for style, share in styles]
        return lightness(photo).convert("RGB"), grey, partial(with_colours_of, final)
    return photo, styles, _as_it_is


def _as_it_is(image: Image.Image) -> Image.Image:
    return image


def _inside_only(
    finish: Finish, photo: Image.Image, inside: Image.Image, image: Image.Image
) -> Image.Image:
    return Image.composite(finish(image), photo, inside)


def _paint(
    photo: Image.Image,
    begun: Image.Image | None,
    regions: list[Region],
    settings: Settings,
    backbone: Backbone | None,
    finish: Finish,
) -> Generator[Frame, None, None]:
    start = shown = time.perf_counter()
    backbone = backbone or _default_backbone()
    final = fit(photo, settings.size).size
    shape = min(final) / max(final)
    size = max(begun.size) if begun else 0
    plan, work = schedule(settings, shape, size), pixel_steps(settings, final, size)
    steps = sum(count for _, count in plan)
    step, worked = 0, 0.0
    log: list[Losses] = []
    pixels = to_tensor(begun).to(backbone.device) if begun else None
    for size, count in plan:
        target = to_tensor(fit(photo, size)).to(backbone.device)
        pixels = _start(target, pixels, regions, settings)
        return_freed_memory()
        evaluate = Objective(target, regions, size, settings, backbone)
        return_freed_memory()
        if settings.optimizer == "lbfgs":
            optimizer = lbfgs(pixels, evaluate, count)
        else:
            optimizer = adam(pixels, evaluate, count, settings.learning_rate)
        for pixels, losses in optimizer:
            step, worked = step + 1, worked + size**2 * shape
            if step % TRIM_INTERVAL == 0:
                return_freed_memory()
            log.append(losses)
            now = time.perf_counter()
            often, seldom = FRAME_INTERVALS
            if step == steps or now - shown >= min(seldom, max(often, (now - start) / 16)):
                image = finish(to_image(pixels).resize(final, Image.Resampling.BICUBIC))
                done, since = step == steps, now - start
                yield Frame(
                    image, step, steps, min(1, worked / work), losses, tuple(log), since, done
                )
                log.clear()
                shown = time.perf_counter()
        del optimizer, evaluate  # what they hold would stay until the next ones are made


def _start(
    target: Tensor, coarser: Tensor | None, regions: Sequence[Region], settings: Settings
) -> Tensor:
    """The picture a scale starts from, 1 x 3 x H x W like `target`."""
    shape = target.shape[2:]
    if coarser is not None:
        larger = F.interpolate(coarser, shape, mode="bicubic", align_corners=False)
        if settings.init != "photo":
            return larger.clamp(0, 1)
        # What the coarse picture could not hold is lent by the photo, not left blurred.
        small = F.interpolate(target, coarser.shape[2:], mode="bilinear", antialias=True)
        detail = target - F.interpolate(small, shape, mode="bicubic", align_corners=False)
        return (larger + detail).clamp(0, 1)
    if settings.init == "noise":
        random = torch.Generator().manual_seed(settings.seed)
        return torch.rand(target.shape, generator=random).to(target.device)
    if settings.init == "style":
        style, _ = regions[0].styles[0]
        resized = style.resize((shape[1], shape[0]), Image.Resampling.LANCZOS)
        return to_tensor(resized).to(target.device)
    return target.clone()


@cache
def _default_backbone() -> Backbone:
    return load_backbone()
