"""The heart: `stylize`, a generator that paints coarse to fine and shows the picture forming."""

import time
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from functools import cache, partial

import torch
from PIL import Image
from torch import Tensor

from nst.colour import in_palette, lightness, match_colours, match_lightness, with_colours_of
from nst.images import ImageSource, fit
from nst.images.tensors import to_image, to_tensor
from nst.network.device import device
from nst.network.memory import free_memory, needed_memory, return_freed_memory
from nst.network.vgg import Backbone, load_backbone
from nst.optimise.cost import plan_work
from nst.optimise.failure import failure_reason
from nst.optimise.objective import Losses, Objective
from nst.optimise.optimizers import adam, lbfgs
from nst.optimise.pictures import Pictures, open_pictures
from nst.optimise.preview import blend_preview, draft
from nst.optimise.regions import Region, Styles, cut_out, divide, feathered, hard
from nst.optimise.start import start_scale
from nst.optimise.targets import CheckCancelled, never_cancelled
from nst.settings import Settings

FRAME_INTERVALS = 0.33, 1.0
"""Seconds between frames, at least: in the first seconds, which change the most, and after 16 s.
More frames would cost more than anybody sees."""

TRIM_INTERVAL = 5
"""Steps after which freed memory is given back, or the holes between blocks would add up."""

Finish = Callable[[Image.Image], Image.Image]
"""What the engine painted, at the final size -> what is delivered."""


@dataclass(frozen=True)
class Frame:
    """The painting as it stands.

    `image` is RGB at the final size, in coarse scales too; `step` of `steps` over the whole
    schedule; `progress` the share of the work done, 0..1, by what `plan_work` says that each part
    costs; `losses` this step's "total", "content", "style" and "tv"; `log` the losses of every step
    since the frame before, this one's last; `seconds` since the start; `done` on the last frame,
    exactly once. `moved` is False while the picture is what the run began with; `failed` says on
    the last frame why the run led nowhere, if it did.
    """

    image: Image.Image
    step: int
    steps: int
    progress: float
    losses: Losses
    log: tuple[Losses, ...]
    seconds: float
    done: bool
    moved: bool = True
    failed: str = ""


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
    where to paint, black or transparent elsewhere) one style is painted there and the rest stays
    the photo, or the first of two is painted there and the second around it. `start` is a painting
    to go on from: only scales above its size are painted, or the last one again. Without a
    backbone, the best on this machine is used. Raises ImageError or ValueError at once, before
    anything is computed. Closing the generator ends the work.
    """
    settings = settings or Settings()
    return run(open_pictures(content, styles, settings, mask, start), settings, backbone)


def run(
    pictures: Pictures,
    settings: Settings,
    backbone: Backbone | None = None,
    every: int = 0,
    check_cancelled: CheckCancelled = never_cancelled,
) -> Generator[Frame, None, None]:
    """`stylize` for pictures that are open; with `every`, each so many steps there is a frame, too.

    Of a cut-out, the ground is not painted. `may_stop` is called between two steps, and between two
    parts of what has to be known before the first: what it raises ends the run.
    """
    photo = pictures.photo
    final = fit(photo, settings.size)
    canvas, styles, finish = _coloured(photo, pictures.styles, final, settings.colour)
    regions = [Region(styles)]
    if pictures.mask is not None:
        inside = feathered(pictures.mask, final.size)
        regions = divide(styles, inside)
        if len(regions) == 1:
            finish = partial(_inside_only, finish, final, inside)
    if pictures.opaque is not None:
        there = hard(fit(pictures.opaque, settings.size))
        regions = cut_out(regions, there)
        finish = partial(_inside_only, finish, final, there)
    if settings.in_one_pass:
        if pictures.start:
            raise ValueError("effort is one-pass, which begins anew; choose quick to paint on")
        where = backbone.device if backbone else device()
        return _at_once(
            fit(canvas, settings.size), regions, settings, where, finish, check_cancelled
        )
    _check_memory(final.size, regions, backbone or _default_backbone())
    canvas = _in_palette(fit(canvas, settings.size), regions, settings)
    return _paint(
        canvas, pictures.start, regions, settings, backbone, finish, every, check_cancelled
    )


def _check_memory(final: tuple[int, int], regions: Sequence[Region], backbone: Backbone) -> None:
    size, shape = max(final), min(final) / max(final)
    masks = sum(region.mask is not None for region in regions)
    free, dtype = free_memory(backbone.device), backbone.arithmetic.dtype

    def need(side: int) -> float:
        return needed_memory(side**2 * shape, dtype, backbone.device, masks)

    if need(size) > free:
        fitting = next((side for side in range(size // 64 * 64, 64, -64) if need(side) <= free), 64)
        raise ValueError(
            f"size is {size}, which needs about {need(size) / 1e9:.1f} GB of memory where "
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


def _in_palette(photo: Image.Image, regions: Sequence[Region], settings: Settings) -> Image.Image:
    """The photo in its styles' palette: as it is at strength 0, wholly in theirs from 0.5 on.

    Content that has the photo's colours holds on to them, above all against a style of few. The
    content losses of others compare with the photo as it is.
    """
    if settings.content_loss != "relative" or settings.strength == 0:
        return photo
    for region in regions:
        if region.styles:
            share = min(1.0, 2 * settings.strength)
            photo = in_palette(photo, region.styles, share, region.mask)
    return photo


def _as_it_is(image: Image.Image) -> Image.Image:
    return image


def _inside_only(
    finish: Finish, photo: Image.Image, inside: Image.Image, image: Image.Image
) -> Image.Image:
    return Image.composite(finish(image), photo, inside)


def _at_once(
    photo: Image.Image,
    regions: list[Region],
    settings: Settings,
    where: torch.device,
    finish: Finish,
    check_cancelled: CheckCancelled,
) -> Generator[Frame, None, None]:
    start = time.perf_counter()
    check_cancelled()
    image = finish(to_image(draft(to_tensor(photo).to(where), regions, settings)))
    yield Frame(image, 1, 1, 1.0, {}, (), time.perf_counter() - start, done=True)


def _paint(
    photo: Image.Image,
    begun: Image.Image | None,
    regions: list[Region],
    settings: Settings,
    backbone: Backbone | None,
    finish: Finish,
    every: int,
    check_cancelled: CheckCancelled,
) -> Generator[Frame, None, None]:
    start = shown = time.perf_counter()
    backbone = backbone or _default_backbone()
    final = fit(photo, settings.size).size
    styles = sum(len(region.styles) for region in regions)
    plan = plan_work(settings, final, max(begun.size) if begun else 0, styles)
    steps, work = sum(scale.steps for scale in plan), sum(scale.work for scale in plan)
    drafted = plan[:2][-1] if settings.init == "preview" and not begun else None
    step, worked, moved, styled = 0, 0.0, False, bool(regions[0].styles)
    log: list[Losses] = []
    pixels = to_tensor(begun).to(backbone.device) if begun else None
    for scale in plan:
        target = to_tensor(fit(photo, scale.size)).to(backbone.device)
        pixels = start_scale(target, pixels, regions, settings)
        if scale is drafted:
            pixels = blend_preview(pixels, target, regions, settings, backbone)
        beginning = pixels
        return_freed_memory()
        evaluate = Objective(target, regions, scale.size, settings, backbone, check_cancelled)
        return_freed_memory()
        optimizer = _optimizer(pixels, evaluate, scale.steps, settings)
        first, coarser_moved, worked = None, moved, worked + scale.study
        for pixels, losses in optimizer:
            check_cancelled()
            step, worked, first = step + 1, worked + scale.step, first or losses
            moved = coarser_moved or pixels is not beginning
            if step % TRIM_INTERVAL == 0:
                return_freed_memory()
            log.append(losses)
            now, done = time.perf_counter(), step == steps
            if done or _is_due(now - shown, now - start) or (every and step % every == 0):
                image = finish(to_image(pixels).resize(final, Image.Resampling.BICUBIC))
                share, since = 1.0 if done else worked / work, now - start
                failed = ""
                if done:
                    here = moved and not torch.equal(pixels, beginning)
                    failed = failure_reason(first, losses, here, styled, settings)
                told = (step, steps, share, losses, tuple(log), since, done, moved, failed)
                yield Frame(image, *told)
                log.clear()
                shown = time.perf_counter()
        del optimizer, evaluate  # what they hold would stay until the next ones are made


def _optimizer(
    pixels: Tensor, evaluate: Objective, count: int, settings: Settings
) -> Iterator[tuple[Tensor, Losses]]:
    if settings.optimizer == "lbfgs":
        return lbfgs(pixels, evaluate, count)
    return adam(pixels, evaluate, count, settings.learning_rate)


def _is_due(since_shown: float, since_start: float) -> bool:
    """Whether it is time for a frame."""
    often, seldom = FRAME_INTERVALS
    return since_shown >= min(seldom, max(often, since_start / 16))


@cache
def _default_backbone() -> Backbone:
    return load_backbone()
