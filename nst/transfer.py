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

from nst.backbone import Backbone, load_backbone
from nst.images import LEAST_SIDE, ImageSource, fit, open_image, to_image, to_tensor
from nst.losses import content_loss, gram, style_loss, total_variation
from nst.settings import Settings

FRAME_INTERVAL = 0.33
"""Seconds between frames, at least: more would cost more than anybody sees."""

COARSEST = 128
"""Pixels on the longest side of the first scale, where large forms settle at little cost."""

STEPS = {"quick": (40, 16, 6), "normal": (80, 40, 14), "fine": (120, 80, 50)}
"""Steps at the coarse scales, the last but one and the last, where each costs the most."""


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
    fit(photo, settings.size)
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
    content_weight, style_weight = _balance(settings.strength)
    with torch.no_grad():
        photo = backbone(target, content_layers, settings.pooling)
        manner = {layer: torch.zeros(()) for layer in style_layers}
        for painting in paintings:
            image = _fit_style(painting, size * settings.style_scale).to(backbone.device)
            found = backbone(image, style_layers, settings.pooling)
            manner = {
                k: manner[k].to(f.device) + gram(f) / len(paintings) for k, f in found.items()
            }

    def objective(pixels: Tensor) -> tuple[dict[str, float], Tensor]:
        pixels = pixels.detach().requires_grad_()
        found = backbone(pixels, [*content_layers, *style_layers], settings.pooling)
        zero = pixels.new_zeros(())
        content = sum(
            (w * content_loss(found[k], photo[k]) for k, w in content_layers.items()), zero
        )
        style = sum(
            (w * style_loss(gram(found[k]), manner[k]) for k, w in style_layers.items()), zero
        )
        terms = {
            "content": content_weight * content / (sum(content_layers.values()) or 1),
            "style": style_weight * style / (sum(style_layers.values()) or 1),
            "tv": settings.smoothness * total_variation(pixels),
        }
        total = LOSS_SCALE * sum(terms.values(), zero)
        (gradient,) = torch.autograd.grad(total, pixels)
        losses = {"total": float(total.detach())}
        losses |= {name: LOSS_SCALE * float(term.detach()) for name, term in terms.items()}
        return losses, gradient

    return objective


LOSS_SCALE = 1e3


def _balance(strength: float) -> tuple[float, float]:
    """Weights of content and style. On a log scale steps feel even; near 0 the style fades out."""
    return 2.0 * 10 ** (-2 * strength), min(1.0, 4 * strength)


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
        return (larger + DETAIL * detail).clamp(0, 1)
    if settings.init == "noise":
        random = torch.Generator().manual_seed(settings.seed)
        return torch.rand(target.shape, generator=random).to(target.device)
    if settings.init == "style":
        resized = painting.resize((shape[1], shape[0]), Image.Resampling.LANCZOS)
        return to_tensor(resized).to(target.device)
    return target.clone()


DETAIL = 1.0


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
    for _ in range(count):
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


HISTORY = 15
FIRST_STEP = 0.01
LONGEST_STEP = 0.1


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
