"""The heart: `stylize`, a generator that paints coarse to fine and shows the picture forming."""

import math
import time
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from functools import cache

import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from nst.backbone import Backbone, device, free_memory, load_backbone
from nst.images import LEAST_SIDE, ImageSource, fit, open_image, to_image, to_tensor
from nst.losses import (
    content_loss,
    directions,
    gram,
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

STEPS = {"quick": (40, 12, 6), "normal": (50, 20, 16), "fine": (100, 50, 50)}
"""Steps at the coarse scales, the last but one and the last, where each costs the most."""

MATCH_LAYERS = {"relu3_1": 1.0, "relu4_1": 1.0}
MATCH_INTERVAL = 5
"""Evaluations between two searches for the nearest neighbours."""
MATCH_SAMPLE = 2048
"""Positions of the styles to choose from, in each layer."""

LOSS_SCALE = 1e3
"""Losses start near this, where float32 and a reader are at ease."""

HISTORY = 15
"""Steps that L-BFGS remembers."""
FIRST_STEP, LONGEST_STEP = 0.01, 0.1
"""Root mean square change of a pixel: before any curvature is known, and at most."""

BYTES_PER_PIXEL = 4500
"""Memory of a run, measured at 1024 x 1024 in float32 on a CPU: 3.6 kB and a reserve."""


@dataclass(frozen=True)
class Frame:
    """The painting as it stands.

    `image` is RGB at the final size, in coarse scales too; `step` of `steps` over the whole
    schedule; `progress` the share of the work done (0..1: a fine step weighs more than a coarse
    one); `losses` this step's "total", "content", "style" and "tv"; `seconds` since the start;
    `done` on the last frame, exactly once.
    """

    image: Image.Image
    step: int
    steps: int
    progress: float
    losses: dict[str, float]
    seconds: float
    done: bool


def stylize(
    content: ImageSource,
    styles: Sequence[ImageSource],
    settings: Settings | None = None,
    backbone: Backbone | None = None,
) -> Generator[Frame, None, None]:
    """Paint the photo `content` in the manner of `styles`, and yield frames on the way.

    Images are paths or PIL images of any mode. Without a backbone, the best on this machine is
    used. Raises ImageError or ValueError at once, before anything is computed. Closing the
    generator ends the work.
    """
    settings = settings or Settings()
    if not styles:
        raise ValueError("styles is empty; name at least one style image")
    photo = open_image(content, "the photo")
    paintings = [_without_edge(open_image(style, "the style image")) for style in styles]
    _check_memory(fit(photo, settings.size).size, settings.size)
    return _paint(photo, paintings, settings, backbone)


def _paint(
    photo: Image.Image, paintings: list[Image.Image], settings: Settings, backbone: Backbone | None
) -> Generator[Frame, None, None]:
    start = shown = time.perf_counter()
    backbone = backbone or _default_backbone()
    final = fit(photo, settings.size).size
    schedule = _schedule(settings, min(final) / max(final))
    steps = sum(count for _, count in schedule)
    work = sum(count * size**2 for size, count in schedule)
    step, worked = 0, 0
    pixels: Tensor | None = None
    for size, count in schedule:
        target = to_tensor(fit(photo, size)).to(backbone.device)
        begun = _start(target, pixels, paintings[0], settings)
        objective = _objective(target, paintings, size, settings, backbone)
        for pixels, losses in _OPTIMIZERS[settings.optimizer](begun, objective, count):
            step, worked = step + 1, worked + size**2
            now = time.perf_counter()
            if step == steps or now - shown >= FRAME_INTERVAL:
                image = to_image(pixels).resize(final, Image.Resampling.BICUBIC)
                yield Frame(
                    image, step, steps, worked / work, losses, now - start, done=step == steps
                )
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


Objective = Callable[[Tensor], tuple[dict[str, float], Tensor]]
"""Pixels -> the losses and the gradient of "total" with respect to the pixels."""


def _objective(
    target: Tensor, paintings: list[Image.Image], size: int, settings: Settings, backbone: Backbone
) -> Objective:
    content_layers, style_layers = dict(settings.content_layers), dict(settings.style_layers)
    match_layers = MATCH_LAYERS if settings.coherence else {}
    content_weight, style_weight = _balance(settings.strength)
    with torch.no_grad():
        photo = backbone(target, content_layers, settings.pooling)
        images = [_fit_style(p, size * settings.style_scale).to(target.device) for p in paintings]
        manners = [
            backbone(image, {*style_layers, *match_layers}, settings.pooling) for image in images
        ]
        grams = {k: torch.stack([gram(m[k]) for m in manners]).mean(0) for k in style_layers}
        strokes = {k: _sample([directions(m[k]) for m in manners], settings) for k in match_layers}
        del images, manners
    matches: dict[str, Tensor] = {}
    evaluations = 0

    def objective(pixels: Tensor) -> tuple[dict[str, float], Tensor]:
        nonlocal evaluations
        pixels = pixels.detach().requires_grad_()
        layers = {*content_layers, *style_layers, *match_layers}
        found = backbone(pixels, layers, settings.pooling)
        if evaluations % MATCH_INTERVAL == 0:
            with torch.no_grad():
                for k in match_layers:
                    matches[k] = match(directions(found[k]), strokes[k])
        evaluations += 1
        distances = {k: content_loss(found[k], photo[k]) for k in content_layers}
        manner = {k: style_loss(gram(found[k]), grams[k]) for k in style_layers}
        matched = {k: matching_loss(found[k], matches[k]) for k in match_layers}
        zero = pixels.new_zeros(())
        terms = {
            "content": content_weight * _mean(distances, content_layers, zero),
            "style": style_weight * _mean(manner, style_layers, zero)
            + style_weight * settings.coherence * _mean(matched, match_layers, zero),
            "tv": settings.smoothness * total_variation(pixels),
        }
        total = LOSS_SCALE * sum(terms.values(), zero)
        (gradient,) = torch.autograd.grad(total, pixels)
        losses = {"total": float(total.detach())}
        losses |= {name: LOSS_SCALE * float(term.detach()) for name, term in terms.items()}
        return losses, gradient

    return objective


def _balance(strength: float) -> tuple[float, float]:
    """Weights of content and style. On a log scale steps feel even; near 0 the style fades out."""
    return 3.0 * 10 ** (-2 * strength), min(1.0, 4 * strength)


def _scales(size: int, shape: float) -> list[int]:
    """Longest sides from coarse to fine, each twice the one before: 512 -> [128, 256, 512].

    `shape` is the shorter side by the longer; a ribbon has fewer scales.
    """
    coarsest = max(COARSEST, 2 * LEAST_SIDE / shape)
    count = max(0, math.floor(math.log2(size / coarsest)))
    return [round(size / 2**k) for k in range(count, -1, -1)]


def _schedule(settings: Settings, shape: float) -> list[tuple[int, int]]:
    """Sizes and the steps to spend at each."""
    sizes = _scales(settings.size, shape)
    coarse, middle, last = STEPS[settings.effort]
    counts = ([coarse] * len(sizes) + [middle, last])[-len(sizes) :]
    if len(sizes) <= 2:
        counts = [coarse, middle][: len(sizes)]
    if settings.steps:
        sizes, counts = sizes[-settings.steps :], counts[-settings.steps :]
        share = settings.steps / sum(counts)
        counts = [max(1, int(count * share)) for count in counts]
        counts[0] += settings.steps - sum(counts)
    return list(zip(sizes, counts, strict=True))


def _mean(terms: dict[str, Tensor], weights: dict[str, float], zero: Tensor) -> Tensor:
    """The mean of the terms by their weights; zero where there are none."""
    total = sum((weights[k] * term for k, term in terms.items()), zero)
    return total / (sum(weights.values()) or 1)


def _sample(rows: list[Tensor], settings: Settings) -> Tensor:
    """Positions of all styles together, each style's share the same."""
    random = torch.Generator().manual_seed(settings.seed)
    share = MATCH_SAMPLE // len(rows)
    return torch.cat([r[torch.randperm(len(r), generator=random)[:share]] for r in rows])


def _fit_style(painting: Image.Image, size: float) -> Tensor:
    """The painting with its longest side at `size` pixels, or more where it got too narrow."""
    least = math.ceil(LEAST_SIDE * max(painting.size) / min(painting.size))
    return to_tensor(fit(painting, max(round(size), least)))


def _start(
    target: Tensor, coarser: Tensor | None, painting: Image.Image, settings: Settings
) -> Tensor:
    """The picture a scale starts from, 1 x 3 x H x W like `target`."""
    shape = target.shape[2:]
    if coarser is not None:
        larger = F.interpolate(coarser, shape, mode="bicubic", align_corners=False)
        # What the coarse picture could not hold is lent by the photo, not left blurred.
        small = F.interpolate(target, coarser.shape[2:], mode="bilinear", antialias=True)
        detail = target - F.interpolate(small, shape, mode="bicubic", align_corners=False)
        return (larger + detail).clamp(0, 1)
    if settings.init == "noise":
        random = torch.Generator().manual_seed(settings.seed)
        return torch.rand(target.shape, generator=random).to(target.device)
    if settings.init == "style":
        resized = painting.resize((shape[1], shape[0]), Image.Resampling.LANCZOS)
        return to_tensor(resized).to(target.device)
    return target.clone()


def _lbfgs(
    pixels: Tensor, objective: Objective, count: int
) -> Iterator[tuple[Tensor, dict[str, float]]]:
    """L-BFGS in the box 0..1: a projected step without line search, one evaluation each.

    Nocedal and Wright 2006, algorithm 7.4 (two-loop recursion). Curvature is learnt from the step
    that was really made, after the projection.
    """
    memory: deque[tuple[Tensor, Tensor, float]] = deque(maxlen=HISTORY)
    losses, gradient = objective(pixels)
    best = (losses["total"], pixels, losses, gradient)
    stride = FIRST_STEP
    yield pixels, losses
    for _ in range(count - 1):
        # Where a pixel leans on the wall of the box, pushing on would only mislead the others.
        stuck = ((pixels <= 0) & (gradient > 0)) | ((pixels >= 1) & (gradient < 0))
        direction = _two_loop(gradient.masked_fill(stuck, 0), memory)
        direction = direction.masked_fill_(stuck, 0)
        length = float(direction.square().mean().sqrt())
        limit = LONGEST_STEP if memory else stride
        if not memory or length > limit:
            direction *= limit / max(length, 1e-20)
        moved = (pixels - direction).clamp_(0, 1)
        losses, new_gradient = objective(moved)
        if not math.isfinite(losses["total"]) or losses["total"] > 3 * best[0]:
            memory.clear()
            stride /= 4
            _, pixels, losses, gradient = best
        else:
            s, y = moved - pixels, new_gradient - gradient
            curvature = float((s * y).sum())
            if curvature > 1e-10 * float(y.square().sum()):
                memory.append((s, y, curvature))
            pixels, gradient = moved, new_gradient
            if losses["total"] < best[0]:
                best = (losses["total"], pixels, losses, gradient)
        yield pixels, losses


def _two_loop(gradient: Tensor, memory: deque[tuple[Tensor, Tensor, float]]) -> Tensor:
    """The inverse Hessian, as far as `memory` knows it, times the gradient."""
    q = gradient.clone()
    coefficients = []
    for s, y, curvature in reversed(memory):
        a = float((s * q).sum()) / curvature
        coefficients.append(a)
        q.sub_(y, alpha=a)
    if memory:
        _, y, curvature = memory[-1]
        q *= curvature / float(y.square().sum())
    for (s, y, curvature), a in zip(memory, reversed(coefficients), strict=True):
        q.add_(s, alpha=a - float((y * q).sum()) / curvature)
    return q


def _adam(
    pixels: Tensor, objective: Objective, count: int
) -> Iterator[tuple[Tensor, dict[str, float]]]:
    """Adam (Kingma and Ba 2015), projected onto the box after each step."""
    pixels = pixels.clone()
    optimizer = torch.optim.Adam([pixels], lr=0.02, betas=(0.9, 0.99))
    for _ in range(count):
        losses, pixels.grad = objective(pixels)
        optimizer.step()
        pixels.clamp_(0, 1)
        yield pixels, losses


_OPTIMIZERS = {"lbfgs": _lbfgs, "adam": _adam}


@cache
def _default_backbone() -> Backbone:
    return load_backbone()
