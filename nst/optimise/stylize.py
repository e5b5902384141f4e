"""`stylize`: optimises the pixels coarse to fine and yields frames of the picture as it forms.

The method is that of Gatys, Ecker and Bethge 2016, "Image Style Transfer Using Convolutional Neural Networks":
gradient descent on the pixels. Going from coarse to fine is from Gatys et al. 2017, "Controlling Perceptual Factors in
Neural Style Transfer", section 6.
"""

import time
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from functools import cache, partial

import torch
from PIL import Image
from torch import Tensor

from nst.colour import in_palette, lightness, match_colours, match_lightness, with_colours_of
from nst.errors import InputError
from nst.images import ImageSource, fit
from nst.images.tensors import to_image, to_tensor
from nst.network.device import default_device
from nst.network.isolation import isolated, isolated_steps
from nst.network.memory import HeapTrimmer, free_memory, needed_memory, return_freed_memory
from nst.network.vgg import Backbone, load_backbone
from nst.optimise.cost import Scale, plan_work
from nst.optimise.failure import failure_reason
from nst.optimise.objective import Losses, Objective
from nst.optimise.optimizers import adam, lbfgs
from nst.optimise.pictures import Pictures, open_pictures
from nst.optimise.preview import blend_preview, preview_pixels
from nst.optimise.regions import Region, Styles, binary_mask, feather, restrict, split_by_mask
from nst.optimise.start import start_scale
from nst.optimise.targets import CheckCancelled, never_cancelled
from nst.settings import Settings

FRAME_INTERVALS = 0.33, 1.0
"""Minimum seconds between frames: at first, when the picture changes most, and after 16 s.
More frames would cost more time than they are worth."""

_default_backbone = cache(load_backbone)

Finish = Callable[[Image.Image], Image.Image]
"""Post-processing at the final size: the optimised picture -> the picture that is delivered."""


@dataclass(frozen=True)
class Frame:
    """The painting after a step."""

    image: Image.Image  # RGB at the final size, at every scale
    step: int
    steps: int  # of the whole schedule
    progress: float  # share of the work done, 0..1, by the costs of `plan_work`
    losses: Losses  # "total", "content", "style" and "tv" of this step
    log: tuple[Losses, ...]  # losses of every step since the previous frame
    seconds: float  # since the start
    done: bool  # only the last frame
    moved: bool = True  # False while the picture is the one that the run started with
    failed: str = ""  # on the last frame, why the run did not improve the picture


def stylize(
    content: ImageSource,
    styles: Sequence[ImageSource],
    settings: Settings | None = None,
    backbone: Backbone | None = None,
    mask: ImageSource | None = None,
    start: ImageSource | None = None,
) -> Generator[Frame, None, None]:
    """Paint the photo `content` in `styles` and yield frames of the picture as it forms.

    Images are paths, PIL images of any mode or arrays (see `ImageSource`). Several styles blend by
    `settings.style_weights`; settings without style layers need no style. Closing the generator stops the work.

    backbone: default: the best one on this machine.
    mask: has the photo's aspect ratio; white where to paint, black or transparent elsewhere. One
        style is painted inside, and the photo stays outside; a second style is painted outside.
    start: a painting to continue. Only scales above its size are painted, or the last one again.

    Raises ImageError or ValueError when called, before any computation.
    """
    settings = settings or Settings()
    return run(open_pictures(content, styles, settings, mask, start), settings, backbone)


@isolated
def run(
    pictures: Pictures,
    settings: Settings,
    backbone: Backbone | None = None,
    every: int = 0,
    check_cancelled: CheckCancelled = never_cancelled,
) -> Generator[Frame, None, None]:
    """`stylize` for opened pictures.

    Where a cut-out is transparent, nothing is painted. `every` yields an extra frame after each so many steps; 0:
    none. `check_cancelled` is called between steps and between parts of the set-up; an exception that it raises ends
    the run.
    """
    original = fit(pictures.photo, settings.size)
    photo, styles, finish = _prepare_colours(pictures, original, settings.colour, check_cancelled)
    photo = fit(photo, settings.size)
    regions = [Region(styles)]
    if pictures.mask is not None:
        inside = feather(pictures.mask, original.size)
        regions = split_by_mask(styles, inside)
        if len(regions) == 1:
            finish = partial(_paste_inside, finish, original, inside)
    if pictures.opaque is not None:
        opaque = binary_mask(fit(pictures.opaque, settings.size))
        regions = restrict(regions, opaque)
        finish = partial(_paste_inside, finish, original, opaque)
    if settings.in_one_pass:
        if pictures.start:
            raise InputError("effort is one-pass, which begins anew; choose quick to paint on")
        device = backbone.device if backbone else default_device()
        return isolated_steps(_paint_in_one_pass(photo, regions, settings, device, finish, check_cancelled))
    backbone = backbone or _default_backbone()
    _check_memory(original.size, regions, backbone)
    check_cancelled()
    photo = _match_palette(photo, regions, settings)
    frames = _optimise(photo, pictures.start, regions, settings, backbone, finish, every, check_cancelled)
    return isolated_steps(frames)


def _prepare_colours(
    pictures: Pictures, original: Image.Image, colour: str, check_cancelled: CheckCancelled
) -> tuple[Image.Image, Styles, Finish]:
    """The photo and the styles to optimise with, and the post-processing, for `settings.colour`."""
    photo = pictures.photo
    match = {"matched": match_colours, "photo": match_lightness}.get(colour)
    if match is None:
        return photo, pictures.styles, lambda image: image
    matched = []
    for style, share in pictures.styles:
        check_cancelled()
        matched.append((match(style, photo), share))
    if colour == "photo":
        return lightness(photo).convert("RGB"), matched, partial(with_colours_of, original)
    return photo, matched, lambda image: image


def _paste_inside(finish: Finish, photo: Image.Image, inside: Image.Image, image: Image.Image) -> Image.Image:
    return Image.composite(finish(image), photo, inside)


def _match_palette(photo: Image.Image, regions: Sequence[Region], settings: Settings) -> Image.Image:
    """The photo with its colours moved to the styles': not at strength 0, fully from 0.5 on.

    Otherwise the content loss would preserve the photo's colours, above all against a style of few colours. Only the
    relative loss does this; the losses of other papers use the photo unchanged.
    """
    if settings.content_loss != "relative" or settings.strength == 0:
        return photo
    for region in regions:
        if region.styles:
            share = min(1.0, 2 * settings.strength)
            photo = in_palette(photo, region.styles, share, region.mask)
    return photo


def _check_memory(final: tuple[int, int], regions: Sequence[Region], backbone: Backbone) -> None:
    """Raise ValueError, with a size that fits, if this width and height need too much memory."""
    size, aspect = max(final), min(final) / max(final)
    masks = sum(region.mask is not None for region in regions)
    free, dtype = free_memory(backbone.device), backbone.arithmetic.dtype

    def needed(side: int) -> float:
        return needed_memory(side**2 * aspect, dtype, backbone.device, masks)

    if needed(size) > free:
        smaller = range(size // 64 * 64, 64, -64)
        fitting = next((side for side in smaller if needed(side) <= free), 64)
        raise InputError(
            f"size is {size}, which needs about {needed(size) / 1e9:.1f} GB of memory where "
            f"{free / 1e9:.1f} GB are free; choose {fitting} or less"
        )


def _paint_in_one_pass(
    photo: Image.Image,
    regions: list[Region],
    settings: Settings,
    device: torch.device,
    finish: Finish,
    check_cancelled: CheckCancelled,
) -> Generator[Frame, None, None]:
    """One frame, by the one-pass network instead of the optimiser."""
    start = time.perf_counter()
    check_cancelled()
    image = finish(to_image(preview_pixels(to_tensor(photo).to(device), regions, settings)))
    seconds = time.perf_counter() - start
    yield Frame(image=image, step=1, steps=1, progress=1.0, losses={}, log=(), seconds=seconds, done=True)


def _optimise(
    photo: Image.Image,
    start: Image.Image | None,
    regions: list[Region],
    settings: Settings,
    backbone: Backbone,
    finish: Finish,
    every: int,
    check_cancelled: CheckCancelled,
) -> Generator[Frame, None, None]:
    """Coarse to fine; at each scale: starting picture, objective, optimiser steps, frames."""
    styles = sum(len(region.styles) for region in regions)
    plan = plan_work(settings, photo.size, max(start.size) if start else 0, styles)
    # A painting to continue has its large forms already, so a preview would add nothing.
    preview_scale = plan[:2][-1] if settings.init == "preview" and not start else None
    styled = bool(regions[0].styles)
    recorder = _Recorder(plan=plan, settings=settings, styled=styled, size=photo.size, finish=finish, every=every)
    pixels = to_tensor(start).to(backbone.device) if start else None
    for scale in plan:
        target = to_tensor(fit(photo, scale.size)).to(backbone.device)
        pixels = start_scale(target, pixels, regions, settings, check_cancelled)
        check_cancelled()
        if scale is preview_scale:
            pixels = blend_preview(pixels, target, regions, settings, backbone)
            check_cancelled()
        recorder.start_scale(scale, pixels)
        return_freed_memory()
        objective = Objective(target, regions, scale.size, settings, backbone, check_cancelled)
        return_freed_memory()
        check_cancelled()
        steps = _optimizer(pixels, objective, scale.steps, settings)
        for pixels, losses in steps:
            check_cancelled()
            yield from recorder.record(pixels, losses)
        del steps, objective  # frees their tensors before the next scale makes its own


def _optimizer(
    pixels: Tensor, objective: Objective, count: int, settings: Settings
) -> Iterator[tuple[Tensor, Losses]]:
    if settings.optimizer == "lbfgs":
        return lbfgs(pixels, objective, count, objective.changes_at)
    return adam(pixels, objective, count, settings.learning_rate)


class _Recorder:
    """Counts the steps and the work of a run, and makes its frames when they are due."""

    def __init__(
        self,
        plan: Sequence[Scale],
        settings: Settings,
        styled: bool,
        size: tuple[int, int],
        finish: Finish,
        every: int,
    ) -> None:
        self.settings, self.styled = settings, styled
        self.size, self.finish, self.every = size, finish, every
        self.steps = sum(scale.steps for scale in plan)
        self.total_work = sum(scale.work for scale in plan)
        self.start = self.last_frame = time.perf_counter()
        self.step, self.work, self.moved = 0, 0.0, False
        self.log: list[Losses] = []

    def start_scale(self, scale: Scale, pixels: Tensor) -> None:
        """Call it before the first step of a scale, with the picture that it starts from."""
        self.scale, self.scale_start, self.moved_before = scale, pixels, self.moved
        self.first_losses: Losses = {}
        self.work += scale.study
        self.trim_heap = HeapTrimmer()

    def record(self, pixels: Tensor, losses: Losses) -> Iterator[Frame]:
        """Count a step; one frame if it is due, else none."""
        self.step += 1
        self.work += self.scale.step
        self.first_losses = self.first_losses or losses
        self.moved = self.moved_before or pixels is not self.scale_start
        self.log.append(losses)
        self.trim_heap()
        if self._is_due():
            yield self._frame(pixels, losses)
            self.log.clear()
            self.last_frame = time.perf_counter()

    def _is_due(self) -> bool:
        if self.step == self.steps or (self.every and self.step % self.every == 0):
            return True
        now, (shortest, longest) = time.perf_counter(), FRAME_INTERVALS
        return now - self.last_frame >= min(longest, max(shortest, (now - self.start) / 16))

    def _frame(self, pixels: Tensor, losses: Losses) -> Frame:
        seconds, done, failed = time.perf_counter() - self.start, self.step == self.steps, ""
        if done:
            moved = self.moved and not torch.equal(pixels, self.scale_start)
            failed = failure_reason(self.first_losses, losses, moved, self.styled, self.settings)
        image = to_image(pixels).resize(self.size, Image.Resampling.BICUBIC)
        return Frame(
            image=self.finish(image),
            step=self.step,
            steps=self.steps,
            progress=1.0 if done else self.work / self.total_work,
            losses=losses,
            log=tuple(self.log),
            seconds=seconds,
            done=done,
            moved=self.moved,
            failed=failed,
        )
