"""The heart: `stylize`, a generator that paints coarse to fine and shows the picture forming."""

import math
import time
from collections import deque
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, partial

import torch
import torch.nn.functional as F
from PIL import Image, ImageChops, ImageFilter
from torch import Tensor

from nst.backbone import Backbone, device, free_memory, load_backbone
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
from nst.losses import (
    content_loss,
    directions,
    gram,
    guide,
    match,
    matching_loss,
    style_loss,
    total_variation,
)
from nst.settings import Settings

FRAME_INTERVAL = 0.33
"""Seconds between frames, at least: more would cost more than anybody sees."""

COARSEST = 128
"""Pixels on the longest side of the first scale, where large forms settle at little cost."""

STEPS = {"quick": (40, 12, 6), "normal": (50, 20, 24), "fine": (100, 50, 50)}
"""Steps at the coarse scales, the last but one and the last, where each costs the most."""

MATCH_LAYERS = {"relu3_1": 0.5, "relu4_1": 0.5}
MATCH_INTERVAL = 10
"""Evaluations between two searches for the nearest neighbours."""
MATCH_SAMPLE = 2048
"""Positions of the styles to choose from, in each layer."""

DETAIL_LAYER = "relu3_1"
"""Where the photo is compared a second time for the knob `detail`: edges and small forms."""

FEATHER = 1 / 150
"""Deviation of the blur on a region's edge, as a share of the picture's longest side."""

TILE = 1024
"""Pixels; a larger style is looked at in parts, since it need not fit into memory at once."""

HISTORY = 15
"""Steps that L-BFGS remembers."""
FIRST_STEP, LONGEST_STEP = 0.01, 0.1
"""Root mean square change of a pixel: before any curvature is known, and at most."""

BYTES_PER_PIXEL = 4500
"""Memory of a run, measured at 1024 x 1024 in float32 on a CPU: 3.6 kB and a reserve."""


Losses = dict[str, float]


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


@dataclass(frozen=True)
class Region:
    """A part of the picture, and the styles for it with their shares, which add up to 1.

    `mask` is grey, of the photo's shape, white where the region is; none: everywhere.
    """

    paintings: list[tuple[Image.Image, float]]
    mask: Image.Image | None = None


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
    begun = open_image(start, "the painting to go on from") if start is not None else None
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


def _feathered(mask: Image.Image, size: tuple[int, int]) -> Image.Image:
    """The mask in grey at this size, with soft edges."""
    if not 0.97 < mask.width / mask.height / (size[0] / size[1]) < 1.03:
        raise ImageError(
            f"the mask is {mask.width}x{mask.height}, another shape than the photo; "
            "paint it on the photo itself"
        )
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
        evaluate = objective(target, regions, size, settings, backbone)
        if settings.optimizer == "lbfgs":
            optimizer = _lbfgs(pixels, evaluate, count)
        else:
            optimizer = _adam(pixels, evaluate, count, settings.learning_rate)
        for pixels, losses in optimizer:
            step, worked = step + 1, worked + size**2 * shape
            log.append(losses)
            now = time.perf_counter()
            if step == steps or now - shown >= FRAME_INTERVAL:
                image = finish(to_image(pixels).resize(final, Image.Resampling.BICUBIC))
                done, since = step == steps, now - start
                yield Frame(
                    image, step, steps, min(1, worked / work), losses, tuple(log), since, done
                )
                log.clear()
                shown = time.perf_counter()


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


Objective = Callable[[Tensor], tuple[Losses, Tensor]]
"""Pixels -> the losses and the gradient of "total" with respect to the pixels."""


@dataclass
class _Goal:
    """What the features in one region are drawn to, at one scale.

    `share` is the region's share of the picture, `mask` 1 x 1 x H x W or none; `guides`, `inside`
    and `matches` hold, by layer, what the first sight of the picture's features tells.
    """

    share: float
    mask: Tensor | None
    grams: dict[str, Tensor]
    offered: dict[str, Tensor]
    guides: dict[str, Tensor] = field(default_factory=dict)
    inside: dict[str, Tensor] = field(default_factory=dict)
    matches: dict[str, Tensor] = field(default_factory=dict)


def objective(
    target: Tensor, regions: Sequence[Region], size: int, settings: Settings, backbone: Backbone
) -> Objective:
    """What a run at one scale brings down, for the photo `target`, 1 x 3 x H x W, at `size`."""
    content_layers, style_layers = dict(settings.content_layers), dict(settings.style_layers)
    if settings.detail:
        content_layers[DETAIL_LAYER] = content_layers.get(DETAIL_LAYER, 0) + settings.detail
    match_layers = MATCH_LAYERS if settings.coherence and any(r.paintings for r in regions) else {}
    content_weight, style_weight = _balance(settings)
    with torch.no_grad():
        photo = backbone(target, content_layers, settings.pooling)
        goals = [
            _goal(region, target, size, settings, backbone, match_layers) for region in regions
        ]
    # One region alone: the rest of the picture stays the photo.
    frozen = goals[0].mask if len(goals) == 1 else None
    evaluations = 0

    def evaluate(pixels: Tensor) -> tuple[Losses, Tensor]:
        nonlocal evaluations
        pixels = pixels.detach().requires_grad_()
        found = backbone(pixels, {*content_layers, *style_layers, *match_layers}, settings.pooling)
        if evaluations % MATCH_INTERVAL == 0:
            with torch.no_grad():
                for goal in goals:
                    for k in match_layers:
                        rows = directions(found[k], _inside(goal, k, found[k]))
                        goal.matches[k] = match(rows, goal.offered[k])
        evaluations += 1
        content = style = matched = pixels.new_zeros(())
        for k, weight in content_layers.items():
            content = content + weight * content_loss(found[k], photo[k], settings.content_loss)
        for goal in goals:
            for k, weight in style_layers.items():
                positions = found[k].shape[2] * found[k].shape[3]
                kept = gram(_guided(goal, k, found[k]))
                distance = style_loss(kept, goal.grams[k], settings.style_loss, positions)
                style = style + goal.share * weight * distance
            for k, weight in match_layers.items():
                distance = matching_loss(found[k], goal.matches[k], goal.inside.get(k))
                matched = matched + goal.share * weight * distance
        terms = {
            "content": content_weight * content,
            "style": style_weight * (style + settings.coherence * matched),
            "tv": settings.smoothness * total_variation(pixels),
        }
        total = torch.stack(list(terms.values())).sum()
        (gradient,) = torch.autograd.grad(total, pixels)
        if frozen is not None:
            gradient = gradient * frozen
        values = torch.stack([total, *terms.values()]).tolist()
        return dict(zip(("total", *terms), values, strict=True)), gradient

    return evaluate


def _goal(
    region: Region,
    target: Tensor,
    size: int,
    settings: Settings,
    backbone: Backbone,
    match_layers: Mapping[str, float],
) -> _Goal:
    style_layers = dict(settings.style_layers)
    grams: dict[str, Tensor] = {}
    strokes: dict[str, list[Tensor]] = {layer: [] for layer in match_layers}
    for painting, share in region.paintings:
        for tile, part in _tiles(_fit_style(painting, size * settings.style_scale)):
            found = backbone(tile.to(target.device), {*style_layers, *strokes}, settings.pooling)
            for k in style_layers:
                grams[k] = share * part * gram(found[k]) + grams.get(k, 0)
            for k in strokes:
                strokes[k].append(_sample(directions(found[k]), share * part, settings.seed))
            del found
    share, mask = 1.0, None
    if region.mask is not None:
        whole = to_tensor(region.mask.convert("RGB"))[:, :1].to(target.device)
        mask = F.interpolate(whole, target.shape[2:], mode="area")
        share = float(mask.mean())
    return _Goal(share, mask, grams, {k: torch.cat(rows) for k, rows in strokes.items()})


def _guided(goal: _Goal, layer: str, features: Tensor) -> Tensor:
    """The features, weighted by the region where it isn't the whole picture."""
    if goal.mask is None:
        return features
    if layer not in goal.guides:
        goal.guides[layer] = guide(goal.mask, features)
    return features * goal.guides[layer]


def _inside(goal: _Goal, layer: str, features: Tensor) -> Tensor | None:
    """The positions of a layer that lie in the region; none where it is the whole picture."""
    if goal.mask is not None and layer not in goal.inside:
        shares = F.interpolate(goal.mask, features.shape[2:], mode="area").flatten()
        goal.inside[layer] = (shares >= min(0.5, float(shares.max()))).nonzero()[:, 0]
    return goal.inside.get(layer)


def _balance(settings: Settings) -> tuple[float, float]:
    """Weights of content and style. On a log scale steps feel even; towards 0 the style fades."""
    content = settings.content_weight * 10 ** (1 - 2 * settings.strength)
    return content, settings.style_weight * min(1.0, 2 * settings.strength)


def _scales(settings: Settings, shape: float) -> list[int]:
    """Longest sides from coarse to fine, each twice the one before: 512 -> [128, 256, 512]."""
    coarsest = max(COARSEST, 2 * LEAST_SIDE / shape)  # a ribbon has fewer scales
    count = 1 + max(0, math.floor(math.log2(settings.size / coarsest)))
    if settings.scales:
        count = min(count, settings.scales)
    return [round(settings.size / 2**k) for k in range(count - 1, -1, -1)]


def _tiles(style: Tensor) -> Iterator[tuple[Tensor, float]]:
    """The style in parts of TILE pixels at most, each with its share of the whole."""
    height, width = style.shape[2:]
    for band in style.chunk(-(-height // TILE), dim=2):
        for tile in band.chunk(-(-width // TILE), dim=3):
            yield tile, tile.shape[2] * tile.shape[3] / (height * width)


def _sample(rows: Tensor, share: float, seed: int) -> Tensor:
    """Positions of one style, drawn at random, as many as its share allows."""
    random = torch.Generator().manual_seed(seed)
    count = max(1, round(MATCH_SAMPLE * share))
    return rows[torch.randperm(len(rows), generator=random)[:count]]


def _fit_style(painting: Image.Image, size: float) -> Tensor:
    """The painting with its longest side at `size` pixels, or more where it got too narrow."""
    least = math.ceil(LEAST_SIDE * max(painting.size) / min(painting.size))
    return to_tensor(fit(painting, max(round(size), least)))


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


def _lbfgs(pixels: Tensor, evaluate: Objective, count: int) -> Iterator[tuple[Tensor, Losses]]:
    """L-BFGS in the box 0..1: a projected step without line search, one evaluation each.

    Nocedal and Wright 2006, algorithm 7.4 (two-loop recursion). Curvature is learnt from the step
    that was really made, after the projection.
    """
    memory: deque[tuple[Tensor, Tensor, Tensor]] = deque(maxlen=HISTORY)
    losses, gradient = evaluate(pixels)
    best = (losses["total"], pixels, losses, gradient)
    stride = FIRST_STEP
    yield pixels, losses
    for _ in range(count - 1):
        # Where a pixel leans on the wall of the box, pushing on would only mislead the others.
        stuck = ((pixels <= 0) & (gradient > 0)) | ((pixels >= 1) & (gradient < 0))
        direction = _two_loop(gradient.masked_fill(stuck, 0), memory)
        direction = direction.masked_fill_(stuck, 0)
        length = direction.square().mean().sqrt().clamp_min(1e-20)
        if memory:
            direction *= (LONGEST_STEP / length).clamp_max(1)
        else:
            direction *= stride / length
        moved = (pixels - direction).clamp_(0, 1)
        losses, new_gradient = evaluate(moved)
        if not math.isfinite(losses["total"]) or losses["total"] > 3 * best[0]:
            memory.clear()
            stride /= 4
            _, pixels, losses, gradient = best
        else:
            s, y = moved - pixels, new_gradient - gradient
            curvature = (s * y).sum()
            # A loss of any magnitude is welcome: what counts is the angle between s and y.
            if curvature > 1e-6 * s.norm() * y.norm():
                memory.append((s, y, curvature))
            pixels, gradient = moved, new_gradient
            if losses["total"] < best[0]:
                best = (losses["total"], pixels, losses, gradient)
        yield pixels, losses


def _two_loop(gradient: Tensor, memory: deque[tuple[Tensor, Tensor, Tensor]]) -> Tensor:
    """The inverse Hessian, as far as `memory` knows it, times the gradient.

    All numbers stay on the device: a GPU is never waited for.
    """
    q = gradient.clone()
    coefficients = []
    for s, y, curvature in reversed(memory):
        a = (s * q).sum() / curvature
        coefficients.append(a)
        q.addcmul_(y, a, value=-1)
    if memory:
        _, y, curvature = memory[-1]
        q *= curvature / y.square().sum()
    for (s, y, curvature), a in zip(memory, reversed(coefficients), strict=True):
        q.addcmul_(s, a - (y * q).sum() / curvature)
    return q


def _adam(
    pixels: Tensor, evaluate: Objective, count: int, learning_rate: float
) -> Iterator[tuple[Tensor, Losses]]:
    """Adam (Kingma and Ba 2015), projected onto the box after each step."""
    pixels = pixels.clone()
    optimizer = torch.optim.Adam([pixels], lr=learning_rate)
    for _ in range(count):
        losses, pixels.grad = evaluate(pixels)
        optimizer.step()
        pixels.clamp_(0, 1)
        yield pixels, losses


@cache
def _default_backbone() -> Backbone:
    return load_backbone()
