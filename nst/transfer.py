"""The heart: `stylize`, a generator that paints coarse to fine and shows the picture forming."""

import math
import time
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from functools import cache, partial

import torch
import torch.nn.functional as F
from PIL import Image, ImageChops, ImageFilter
from torch import Tensor

from nst.backbone import Backbone, device, free_memory, load_backbone, return_freed_memory
from nst.colour import lightness, match_colours, match_lightness, with_colours_of
from nst.images import (
    LEAST_SIDE,
    ImageError,
    ImageSource,
    fit,
    open_image,
    to_image,
    to_tensor,
)
from nst.objective import Losses, Region, objective
from nst.optimizers import adam, lbfgs
from nst.settings import Settings

FRAME_INTERVALS = 0.33, 1.0
"""Seconds between frames, at least: in the first seconds, which change the most, and after 16 s.
More frames would cost more than anybody sees."""

COARSEST = 128
"""Pixels on the longest side of the first scale, where large forms settle at little cost."""

STEPS = {"quick": (36, 10, 5), "normal": (50, 20, 24), "fine": (100, 50, 50)}
"""Steps at the coarse scales, the last but one and the last, where each costs the most."""

TRIM_INTERVAL = 5
"""Steps after which freed memory is given back, or the holes between blocks would add up."""

FEATHER = 1 / 150
"""Deviation of the blur on a region's edge, as a share of the picture's longest side."""

BYTES_PER_PIXEL = 4000
"""Memory of a run, measured at 1024 x 1024 in float32 on a CPU: 3.1 kB and a reserve."""


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
    if not styles and (settings.style_layers or settings.init == "style"):
        raise ValueError("styles is empty; name at least one style image")
    weights = settings.style_weights or (1.0,) * len(styles)
    if len(weights) != len(styles):
        raise ValueError(
            f"style_weights has {len(weights)} numbers for {len(styles)} styles; give one for each"
        )
    photo = open_image(content, "the photo")
    chosen = [
        (_without_edge(open_image(style, "the style image")), weight / sum(weights))
        for style, weight in zip(styles, weights, strict=True)
        if weight
    ]
    final = fit(photo, settings.size)
    _check_memory(final.size, settings.size)
    finish: Finish = _as_it_is
    canvas = photo
    if settings.colour == "matched":
        chosen = [(match_colours(painting, photo), share) for painting, share in chosen]
    elif settings.colour == "photo":
        chosen = [(match_lightness(painting, photo), share) for painting, share in chosen]
        canvas = lightness(photo).convert("RGB")
        finish = partial(with_colours_of, final)
    regions = [Region(chosen)]
    if mask is not None:
        inside = _feathered(open_image(mask, "the mask"), final.size)
        regions = _regions(chosen, inside)
        if len(regions) == 1:
            finish = partial(_inside_only, finish, final, inside)
    begun = None
    if start is not None:
        begun = open_image(start, "the painting to go on from")
        _check_shape(begun, "the painting to go on from", final.size)
    return _paint(canvas, begun, regions, settings, backbone, finish)


def schedule(settings: Settings, shape: float = 1.0, begun: int = 0) -> list[tuple[int, int]]:
    """Sizes, in pixels on the longest side, from coarse to fine, and the steps to spend at each.

    `shape` is the photo's shorter side by its longer one, `begun` the longest side of a painting
    to go on from.
    """
    sizes = _scales(settings, shape)
    coarse, middle, last = STEPS[settings.effort]
    counts = ([coarse] * len(sizes) + [middle, last])[-len(sizes) :]
    if len(sizes) <= 2:
        counts = [coarse, middle][: len(sizes)]
    left = max(1, sum(size > begun for size in sizes))
    sizes, counts = sizes[-left:], counts[-left:]
    if 0 < begun < sizes[0]:  # a finished painting is further than what one scale hands the next
        counts[0] = round(0.95 * counts[0])
    if settings.steps:
        sizes, counts = sizes[-settings.steps :], counts[-settings.steps :]
        share = settings.steps / sum(counts)
        counts = [max(1, int(count * share)) for count in counts]
        counts[0] += settings.steps - sum(counts)
    return list(zip(sizes, counts, strict=True))


def pixel_steps(settings: Settings, photo: tuple[int, int], begun: int = 0) -> float:
    """The work of a run, in pixels times steps, for a photo of this width and height.

    Time goes with it: a second of two processor cores is about 400 000 of them, and a step costs
    the same for a pixel of a small picture and of a large one.
    """
    shape = min(photo) / max(photo)
    return sum(count * size**2 * shape for size, count in schedule(settings, shape, begun))


Finish = Callable[[Image.Image], Image.Image]
"""What the engine painted, at the final size -> what is delivered."""


def _as_it_is(image: Image.Image) -> Image.Image:
    return image


def _inside_only(
    finish: Finish, photo: Image.Image, inside: Image.Image, image: Image.Image
) -> Image.Image:
    return Image.composite(finish(image), photo, inside)


def _check_shape(image: Image.Image, name: str, size: tuple[int, int]) -> None:
    if not 0.97 < image.width / image.height / (size[0] / size[1]) < 1.03:
        raise ImageError(
            f"{name} is {image.width}x{image.height}, another shape than the photo; "
            "make it from this photo"
        )


def _feathered(mask: Image.Image, size: tuple[int, int]) -> Image.Image:
    """The mask in grey at this size, with soft edges."""
    _check_shape(mask, "the mask", size)
    grey = mask.convert("L").resize(size, Image.Resampling.BILINEAR)
    if grey.getextrema() == (0, 0):
        raise ImageError("the mask is black everywhere; paint the part that counts in white")
    return grey.filter(ImageFilter.GaussianBlur(FEATHER * max(size)))


def _regions(paintings: list[tuple[Image.Image, float]], inside: Image.Image) -> list[Region]:
    if len(paintings) > 2:
        raise ValueError(
            f"with a mask there are one style or two, not {len(paintings)}: the first inside, "
            "the second outside"
        )
    masks = (inside, ImageChops.invert(inside))
    return [
        Region([(painting, 1.0)], mask)
        for (painting, _), mask in zip(paintings, masks, strict=False)
    ]


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
        evaluate = objective(target, regions, size, settings, backbone)
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


def _check_memory(final: tuple[int, int], size: int) -> None:
    need, free = final[0] * final[1] * BYTES_PER_PIXEL, free_memory(device())
    if need > free:
        fitting = max(64, int(size * math.sqrt(free / need)) // 64 * 64)
        raise ValueError(
            f"size is {size}, which needs about {need / 1e9:.1f} GB of memory where "
            f"{free / 1e9:.1f} GB are free; choose {fitting} or less"
        )


def _without_edge(painting: Image.Image) -> Image.Image:
    """The painting less a thirtieth on each side: a scan's margin would be painted as a frame."""
    margin = max(painting.size) // 30
    if min(painting.size) <= 4 * margin:
        return painting
    return painting.crop((margin, margin, painting.width - margin, painting.height - margin))


def _scales(settings: Settings, shape: float) -> list[int]:
    """Longest sides from coarse to fine, each twice the one before: 512 -> [128, 256, 512]."""
    coarsest = max(COARSEST, 2 * LEAST_SIDE / shape)  # a ribbon has fewer scales
    count = 1 + max(0, math.floor(math.log2(settings.size / coarsest)))
    if settings.scales:
        count = min(count, settings.scales)
    return [round(settings.size / 2**k) for k in range(count - 1, -1, -1)]


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
        painting, _ = regions[0].paintings[0]
        resized = painting.resize((shape[1], shape[0]), Image.Resampling.LANCZOS)
        return to_tensor(resized).to(target.device)
    return target.clone()


@cache
def _default_backbone() -> Backbone:
    return load_backbone()
