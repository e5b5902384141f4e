"""What a run brings down: the losses of a picture at one scale, and their gradient."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from nst.network.memory import return_freed_memory
from nst.network.vgg import Backbone
from nst.optimise.losses import content_loss, total_variation
from nst.optimise.regions import Region
from nst.optimise.targets import CheckCancelled, content_layers, never_cancelled, region_target
from nst.settings import Settings

MATCH_LAYERS = {"relu3_1": 0.5, "relu4_1": 0.5}
COARSE, COARSE_MATCH_LAYERS = 256, {"relu3_1": 1.0}
"""At a size below so many pixels. A position of relu4_1 sees whole things there: matched with the
style's, an ear becomes a boat."""

MATCH_INTERVAL = 10
"""Evaluations between two searches for the nearest neighbours."""

GRADIENT_SUM = 2**-8
"""What gradients times features add up to over a channel of the picture, in float16."""

Losses = dict[str, float]

Evaluate = Callable[[Tensor], tuple[Losses, Tensor]]
"""Pixels -> the losses and the gradient of "total" with respect to the pixels."""


class Objective:
    """What a run at one scale brings down.

    `photo` is 1 x 3 x H x W, RGB in 0..1, at `size` pixels on the longest side. Called with pixels
    of the same shape, it returns the losses, "total" and its terms "content", "style" and "tv", and
    the gradient of "total", 1 x 3 x H x W. Belongs to one run: it counts its evaluations.
    """

    def __init__(
        self,
        photo: Tensor,
        regions: Sequence[Region],
        size: int,
        settings: Settings,
        backbone: Backbone,
        check_cancelled: CheckCancelled = never_cancelled,
    ) -> None:
        return_freed_memory(backbone.device)  # of the scale before: it fits nothing here
        self._settings, self._backbone = settings, backbone
        self._weights = balance(settings, settings.size / size)
        self._style_layers = dict(settings.style_layers)
        self._content_layers = content_layers(settings)
        matched = settings.coherence and any(region.styles for region in regions)
        match_layers = COARSE_MATCH_LAYERS if size < COARSE else MATCH_LAYERS
        self._match_layers = match_layers if matched else {}
        with torch.no_grad():
            self._photo = backbone(photo, self._content_layers, settings.pooling)
            self._targets = [
                region_target(
                    region, photo, size, settings, self._match_layers, backbone, check_cancelled
                )
                for region in regions
            ]
        painted = sum(target.share for target in self._targets)
        self._energies = {
            k: sum(t.share * t.styles.energies.get(k, 0) for t in self._targets) / painted
            for k in self._content_layers
        }
        # One region alone: the rest of the picture stays the photo.
        self._movable = self._targets[0].mask if len(self._targets) == 1 else None
        self._evaluations = 0

    def __call__(self, pixels: Tensor) -> tuple[Losses, Tensor]:
        pixels = pixels.detach().requires_grad_()
        content, style, matched = self._distances(pixels)
        content_weight, style_weight, tv_weight = self._weights
        terms = {
            "content": content_weight * content,
            "style": style_weight * (style + self._settings.coherence * matched),
            "tv": tv_weight * total_variation(pixels),
        }
        total = torch.stack(list(terms.values())).sum()
        gradient = _gradient(total, pixels, self._backbone.arithmetic.dtype)
        if self._movable is not None:
            gradient = gradient * self._movable
        # Here a GPU is waited for, once an evaluation, and it idles until the next step's first
        # kernels are sent; all losses come in one transfer. L-BFGS waits once more in each step.
        values = torch.stack([total, *terms.values()]).tolist()
        return dict(zip(("total", *terms), values, strict=True)), gradient

    def _distances(self, pixels: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """From the photo's content, the styles' Gram matrices and the styles' nearest neighbours.

        Each is summed over layers and regions with their weights.
        """
        content = style = matched = pixels.new_zeros(())
        layers = {*self._content_layers, *self._style_layers, *self._match_layers}
        for k, found in self._backbone.walk(pixels, layers, self._settings.pooling):
            if k in self._content_layers:
                kind, scale = self._settings.content_loss, self._backbone.scale
                distance = content_loss(found, self._photo[k], kind, scale, self._energies[k])
                content = content + self._content_layers[k] * distance
            for target in self._targets:
                if k in self._style_layers:
                    distance = target.style_loss(k, found, self._settings.style_loss)
                    style = style + target.share * self._style_layers[k] * distance
                if k in self._match_layers:
                    if self._evaluations % MATCH_INTERVAL == 0:
                        target.find_matches(k, found)
                    distance = target.matching_loss(k, found)
                    matched = matched + target.share * self._match_layers[k] * distance
        self._evaluations += 1
        return content, style, matched


def _gradient(total: Tensor, pixels: Tensor, dtype: torch.dtype) -> Tensor:
    """Of the loss with respect to the pixels, by way of features in that number format.

    A loss of about L has gradients of L / F at features of the size F, shared by as many as there
    are. In float16, which ends at 65504 and has few digits below 6e-5, it goes back multiplied by
    a power of two that leaves room on both sides, whatever its weights are.
    """
    if dtype != torch.float16:
        return torch.autograd.grad(total, pixels)[0]
    wanted = (GRADIENT_SUM * pixels.numel() / total.detach()).log2().round().exp2()
    factor = torch.where(total > 0, wanted, 1)  # where there is no loss there is no gradient
    return torch.autograd.grad(total, pixels, factor)[0].div_(factor)


def balance(settings: Settings, coarser: float = 1.0) -> tuple[float, float, float]:
    """Weights of content, style and total variation (alpha, beta, gamma).

    At a scale `coarser` times smaller than the last, the content weighs that many times more. It
    settles what is where; a style that rules too early puts boats on roofs and houses in the sky.
    The strength moves weight from content to style: content / style is 3, 1 and 1/3 times its
    middle value at 0.25, 0.5 and 0.75, steps that look even, and either stands alone at the ends.
    What calms the grain spans two orders of magnitude: 0.2 at the default smoothness, 25 at 1.
    """
    content = settings.content_weight * coarser * 2 * (1 - settings.strength)
    style = settings.style_weight * 2 * settings.strength
    return content, style, 25 * settings.smoothness**3
