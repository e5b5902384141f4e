"""The methods of other papers: `Settings.method`, unless it is "gram"."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

from PIL import Image
from torch import Tensor

from nst.errors import InputError
from nst.network.memory import return_freed_memory
from nst.optimise import cnnmrf, nnst, strotss
from nst.optimise.objective import Evaluate, LossTensors, loss_gradient, with_total
from nst.optimise.optimizers import descend, descend_pyramid
from nst.optimise.recorder import Finish
from nst.optimise.regions import Region, Styles
from nst.optimise.scene import Scene, Terms
from nst.optimise.schedule import LARGE
from nst.optimise.start import start_scale
from nst.settings import Settings


class Method(NamedTuple):
    """A method: its start and its losses at a scale, and how its optimiser works."""

    start: Callable[[Scene], Tensor]
    losses: Callable[[Scene], Terms]
    memory: tuple[float, float]  # bytes in all and bytes per pixel, besides those of `needed_memory`
    changes_at: Callable[[int], bool] = lambda _: True  # as `Objective.changes_at`; each step samples other positions
    pyramid_levels: int = 0  # levels of the Laplacian pyramid that is optimised; 0: pixels are
    last_rate: float = 1.0  # learning rate at the last scale, relative to the others


METHODS = {
    "strotss": Method(
        start=strotss.strotss_start,
        losses=strotss.strotss_losses,
        memory=(0.6e9, 1000),
        pyramid_levels=strotss.PYRAMID_LEVELS,
        last_rate=strotss.LAST_RATE,
    ),
    "nnst": Method(
        start=nnst.nnst_start, losses=nnst.nnst_losses, memory=(0.4e9, 3000), pyramid_levels=nnst.PYRAMID_LEVELS
    ),
    "cnnmrf": Method(
        start=cnnmrf.cnnmrf_start, losses=cnnmrf.cnnmrf_losses, memory=(0.2e9, 500), changes_at=cnnmrf.searches_at
    ),
}

MAX_LAYERS = 10  # of the style, because memory and time grow with them


def check_method(settings: Settings, masked: bool) -> None:
    """Raise ValueError if the method does not support the settings, or a mask or cut-out where there is one."""
    name = settings.method
    if name not in METHODS:
        return
    if settings.in_one_pass:
        raise InputError(f"method is {name}, which an optimiser paints; choose the effort quick, normal or fine")
    if settings.size > LARGE:
        raise InputError(f"size is {settings.size!r}; with the method {name} it takes 64 to {LARGE}")
    if settings.optimizer == "lbfgs" and METHODS[name].pyramid_levels:
        raise InputError(f"optimizer is 'lbfgs'; with the method {name} choose adam or rmsprop")
    if settings.style_scale > 1:
        raise InputError(f"style_scale is {settings.style_scale}; with the method {name} it takes up to 1")
    if len(settings.style_layers) > MAX_LAYERS:
        raise InputError(f"style_layers has {len(settings.style_layers)} layers; the method {name} takes {MAX_LAYERS}")
    if not any(weight for _, weight in settings.style_layers):
        raise InputError(f"style_layers is empty; the method {name} needs at least one, with a weight above 0")
    if masked:
        raise InputError(f"method is {name}, which paints whole photos; leave the mask or the transparency out")


def method_start(scene: Scene) -> Tensor:
    """The picture that a scale starts from, 1 x 3 x H x W in 0..1.

    It is the method's own if `Settings.init` asks for the photo, and the photo itself at strength 0.
    """
    settings, photo = scene.settings, scene.photo
    if settings.from_photo and not settings.strength:
        return photo.clone()
    coarser = scene.coarser
    if coarser is not None and max(coarser.shape[2:]) > max(photo.shape[2:]):
        return start_scale(photo, coarser, [Region(scene.styles)], settings)
    if coarser is None and not settings.from_photo:
        return start_scale(photo, None, [Region(scene.styles)], settings)
    return METHODS[settings.method].start(scene)


class MethodObjective:
    """The losses of a method at one scale, and their gradient; it is called as `Objective` is."""

    def __init__(self, scene: Scene) -> None:
        return_freed_memory(scene.backbone.device)
        method = METHODS[scene.settings.method]
        self.changes_at = method.changes_at
        self._terms, self._dtype = method.losses(scene), scene.backbone.arithmetic.dtype
        self._evaluations = 0

    def __call__(self, pixels: Tensor) -> tuple[LossTensors, Tensor]:
        pixels = pixels.detach().requires_grad_()
        terms = self._terms(pixels, self._evaluations)
        self._evaluations += 1
        losses = with_total(terms)
        gradient = loss_gradient(losses["total"], pixels, self._dtype)
        return {name: loss.detach() for name, loss in losses.items()}, gradient


def method_steps(
    pixels: Tensor, evaluate: Evaluate, count: int, settings: Settings, is_last: bool
) -> Iterator[tuple[Tensor, LossTensors]]:
    """`count` steps of Adam or RMSprop, with pixels or the levels of their Laplacian pyramid as variables."""
    method = METHODS[settings.method]
    rate = settings.learning_rate * (method.last_rate if is_last else 1)
    if method.pyramid_levels:
        return descend_pyramid(pixels, evaluate, count, rate, settings.optimizer, method.pyramid_levels)
    return descend(pixels, evaluate, count, rate, settings.optimizer)


def finish_method(finish: Finish, photo: Image.Image, styles: Styles, settings: Settings) -> Finish:
    """`finish` with the method's own post-processing before it."""
    if settings.method != "nnst" or settings.colour == "photo" or not settings.strength:
        return finish  # with the photo's colours, `finish` replaces all others
    own = nnst.hue_matcher(photo, styles, settings)
    return lambda image: finish(own(image))
