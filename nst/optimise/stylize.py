"""`stylize`: optimises the pixels coarse to fine and yields frames of the picture as it forms.

The method is that of Gatys, Ecker and Bethge 2016, "Image Style Transfer Using Convolutional Neural Networks":
gradient descent on the pixels. Going from coarse to fine is from Gatys et al. 2017, "Controlling Perceptual Factors in
Neural Style Transfer", section 6.
"""

import math
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from functools import cache, partial

import torch
from PIL import Image
from torch import Tensor

from nst.colour import ColourMap, in_tones, lightness, match_colours, match_lightness, tone_map, with_colours_of
from nst.errors import InputError
from nst.images import ImageSource, fit, fitted_size
from nst.images.tensors import to_image, to_tensor
from nst.network.device import default_device
from nst.network.isolation import isolated, isolated_steps
from nst.network.memory import free_memory, needed_memory, return_freed_memory, tiled_memory
from nst.network.vgg import Backbone, load_backbone
from nst.optimise.cost import plan_work, remaining, scale_of
from nst.optimise.graphs import with_graph
from nst.optimise.lbfgs import COARSE_FIRST_STEP, FIRST_STEP, lbfgs
from nst.optimise.likeness import with_likeness
from nst.optimise.methods import METHODS, MethodObjective, finish_method, method_start, method_steps
from nst.optimise.objective import Evaluate, LossTensors, Objective
from nst.optimise.optimizers import descend
from nst.optimise.palette import match_palette
from nst.optimise.pictures import Pictures, open_pictures
from nst.optimise.preview import blend_preview, preview_pixels
from nst.optimise.recorder import Finish, Frame, Recorder, RunOptions
from nst.optimise.regions import Region, Styles, binary_mask, feather, restrict, split_by_mask
from nst.optimise.scene import Scene
from nst.optimise.schedule import LARGE
from nst.optimise.start import start_scale
from nst.optimise.targets import CheckCancelled, never_cancelled
from nst.optimise.temporal import with_temporal_loss
from nst.optimise.tiled import TiledObjective
from nst.settings import Settings

_default_backbone = cache(load_backbone)


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
    options: RunOptions | None = None,
    check_cancelled: CheckCancelled = never_cancelled,
) -> Generator[Frame, None, None]:
    """`stylize` for opened pictures.

    Where a cut-out is transparent, nothing is painted. `check_cancelled` is called between steps and between parts of
    the set-up; an exception that it raises ends the run.
    """
    options = options or RunOptions()
    original = fit(pictures.photo, settings.size)
    photo, styles, finish = _prepare_colours(pictures, original, settings.colour, check_cancelled)
    photo = fit(photo, settings.size)
    # Recipes of other papers use the photo, and its colours, unchanged.
    other_paper = settings.content_loss != "relative" or settings.method in METHODS
    if styles and not other_paper:
        finish = partial(_in_tones, finish, tone_map(styles), settings.strength)
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
    _check_memory(original.size, regions, backbone, settings.method)
    check_cancelled()
    if settings.method in METHODS:
        finish = finish_method(finish, photo, styles, settings)
    elif not other_paper and settings.strength:
        regions = with_likeness(photo, regions, backbone)
        photo = match_palette(photo, regions, settings.strength)
    start = pictures.start
    if start and settings.colour == "photo":
        start = lightness(start).convert("RGB")  # `finish` has coloured it
    return isolated_steps(_optimise(photo, start, regions, settings, backbone, finish, options, check_cancelled))


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
        return lightness(photo).convert("RGB"), matched, partial(_colour_as, original)
    return photo, matched, lambda image: image


def _in_tones(finish: Finish, tones: ColourMap | None, strength: float, image: Image.Image) -> Image.Image:
    return finish(in_tones(image, tones, strength))


def _paste_inside(finish: Finish, photo: Image.Image, inside: Image.Image, image: Image.Image) -> Image.Image:
    return Image.composite(finish(image), _resized(photo, image.size), _resized(inside, image.size))


def _colour_as(photo: Image.Image, image: Image.Image) -> Image.Image:
    return with_colours_of(_resized(photo, image.size), image)


def _resized(image: Image.Image, size: tuple[int, int]) -> Image.Image:
    return image if image.size == size else image.resize(size, Image.Resampling.BICUBIC)


def _needed(
    size: tuple[int, int], regions: Sequence[Region], backbone: Backbone, method: str = "gram"
) -> tuple[float, float]:
    """Bytes that a picture of this width and height needs, computed as a whole and in tiles."""
    masks = sum(region.mask is not None for region in regions)
    dtype, pixels = backbone.arithmetic.dtype, math.prod(size)
    whole, tiled = (f(pixels, dtype, backbone.device, masks) for f in (needed_memory, tiled_memory))
    if method in METHODS:
        fixed, per_pixel = METHODS[method].memory
        styles = [style for region in regions for style, _ in region.styles]  # computed as a whole, like the photo
        pixels = max(pixels, *(round(max(size) ** 2 * min(s.size) / max(s.size)) for s in styles))
        return whole + fixed + pixels * per_pixel, math.inf  # none of them computes in tiles
    return whole, tiled


def _in_tiles(size: tuple[int, int], final: tuple[int, int], regions: Sequence[Region], backbone: Backbone) -> bool:
    """Whether a scale of this width and height is computed in tiles, in a run that ends at the size `final`.

    It is if it does not fit into the memory, or needs more than the last scale of a picture above LARGE.
    """
    whole, _ = _needed(size, regions, backbone)
    most = _needed(final, regions, backbone)[1] if max(final) > LARGE else math.inf
    return whole > min(most, free_memory(backbone.device))


def _check_memory(final: tuple[int, int], regions: Sequence[Region], backbone: Backbone, method: str) -> None:
    """Raise ValueError, with a size that fits, if this width and height need too much memory even in tiles."""
    size, aspect, free = max(final), min(final) / max(final), free_memory(backbone.device)

    def needed(side: int) -> float:
        return min(_needed((side, round(side * aspect)), regions, backbone, method))

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
    options: RunOptions,
    check_cancelled: CheckCancelled,
) -> Generator[Frame, None, None]:
    """Coarse to fine; at each scale: starting picture, objective, optimiser steps, frames."""
    styles, follows = sum(len(region.styles) for region in regions), options.confidence is not None
    resumes = options.first_step > 0 or follows
    plan = plan_work(settings, photo.size, max(start.size) if start and not resumes else 0, styles)
    # A painting to continue has its large forms already, so a preview would add nothing.
    preview_scale = plan[:2][-1] if settings.init == "preview" and not start and plan[:2][-1].size <= LARGE else None
    styled = bool(regions[0].styles)
    recorder = Recorder(plan=plan, settings=settings, styled=styled, size=photo.size, finish=finish, options=options)
    if start and resumes:
        size = photo.size if follows else fitted_size(photo.size, scale_of(plan, options.first_step).size)
        start = start.resize(size, Image.Resampling.LANCZOS)
    pixels = to_tensor(start).to(backbone.device) if start else None
    for scale, done in remaining(plan, options.first_step):
        target = to_tensor(fit(photo, scale.size)).to(backbone.device)
        scene = Scene(
            photo=target,
            coarser=pixels if settings.method in METHODS and not (done and scale is plan[0]) else None,
            styles=regions[0].styles,
            size=scale.size,
            is_last=scale is plan[-1],
            settings=settings,
            backbone=backbone,
            check_cancelled=check_cancelled,
        )
        if pixels is None or not (done or follows):
            pixels = _start(scene, pixels, regions)
            check_cancelled()
        if scale is preview_scale and not done:
            pixels = blend_preview(pixels, target, regions, settings, backbone)
            check_cancelled()
        pixels = pixels.contiguous()  # the optimiser would copy it in each step
        recorder.start_scale(scale, pixels)
        return_freed_memory()
        objective = _make_objective(scene, regions, photo.size)
        return_freed_memory()
        check_cancelled()
        evaluate = with_graph(objective, pixels)
        if options.confidence is not None:
            confidence = torch.from_numpy(options.confidence)[None, None].to(backbone.device)
            evaluate = with_temporal_loss(evaluate, pixels, confidence)
        steps = _optimizer(pixels, evaluate, objective.changes_at, scale.steps - done, scene)
        for pixels, losses in steps:
            check_cancelled()
            yield from recorder.record(pixels, losses)
        del steps, evaluate, objective  # frees their tensors before the next scale makes its own


def _start(scene: Scene, coarser: Tensor | None, regions: list[Region]) -> Tensor:
    if scene.settings.method in METHODS:
        return method_start(scene)
    return start_scale(scene.photo, coarser, regions, scene.settings, scene.check_cancelled)


def _make_objective(scene: Scene, regions: list[Region], final: tuple[int, int]) -> Objective | MethodObjective:
    """The objective of a scale, in a run that ends at the width and height `final`."""
    if scene.settings.method in METHODS:
        return MethodObjective(scene)
    size = scene.photo.shape[3], scene.photo.shape[2]
    kind = TiledObjective if _in_tiles(size, final, regions, scene.backbone) else Objective
    return kind(scene.photo, regions, scene.size, scene.settings, scene.backbone, scene.check_cancelled)


def _optimizer(
    pixels: Tensor, evaluate: Evaluate, changes_at: Callable[[int], bool], count: int, scene: Scene
) -> Iterator[tuple[Tensor, LossTensors]]:
    settings = scene.settings
    if settings.optimizer == "lbfgs":
        return lbfgs(pixels, evaluate, count, changes_at, FIRST_STEP if scene.is_last else COARSE_FIRST_STEP)
    if settings.method in METHODS:
        return method_steps(pixels, evaluate, count, settings, scene.is_last)
    return descend(pixels, evaluate, count, settings.learning_rate, settings.optimizer)
