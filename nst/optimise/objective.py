"""The objective of a run: the losses of a picture at one scale, and their gradient."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from nst.network.memory import return_freed_memory
from nst.network.vgg import Backbone
from nst.optimise.losses import CONTENT_FACTORS, add_total_variation, energies, with_weighted_error
from nst.optimise.regions import Region, degree_of_likeness
from nst.optimise.schedule import LARGE
from nst.optimise.targets import CheckCancelled, content_layers, never_cancelled, region_target
from nst.settings import Settings

MATCH_LAYERS = {"relu3_1": 0.5, "relu4_1": 0.5}
COARSE_SIZE, COARSE_MATCH_LAYERS = 256, {"relu3_1": 1.0}
"""Layers of the matching loss for scales below so many pixels. There a position of relu4_1 covers a whole object, and
matching would turn an ear into a boat."""

EARLY_SEARCHES, SEARCH_INTERVAL = (0, 3, 6, 10, 15, 20), 10
"""Numbers of evaluations with a search for nearest neighbours at the last scale, and the interval everywhere.

There the additional searches save five of 27 steps. At coarser scales they would break up faces.
"""

LIKE_CONTENT = 1.0
"""Additional weight of the content, relative to the rest of the picture, where the photo depicts the same as a style.

A small face would otherwise become an eye of the style's large one.
"""

FLOAT16_GRADIENT = 2**-8  # sum of gradients times features over a channel of the picture, to which float16 is scaled

Losses = dict[str, float]
"""By name: "total" and its terms."""

LossTensors = dict[str, Tensor]
"""`Losses` as scalars on the device: a step must not wait for a GPU."""

Evaluate = Callable[[Tensor], tuple[LossTensors, Tensor]]
"""Pixels -> the losses, and the gradient of "total" with respect to the pixels. Without autograd it has no meaning."""


class Objective:
    """The weighted sum of content, style, matching and total variation losses at one scale.

    `photo` is 1 x 3 x H x W, RGB in 0..1, with a longest side of `size` pixels. A call with pixels
    of the same shape returns the losses ("total" and its terms "content", "style" and "tv") and the
    gradient of "total", 1 x 3 x H x W. It counts its evaluations, so each run needs its own.
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
        return_freed_memory(backbone.device)  # blocks of the previous scale don't fit this one
        self._settings, self._backbone = settings, backbone
        self._weights = balance(settings, max(1.0, min(settings.size, LARGE) / size))
        self._style_layers = dict(settings.style_layers)
        self._content_layers = content_layers(settings)
        matching = settings.coherence and any(region.styles for region in regions)
        match_layers = COARSE_MATCH_LAYERS if size < COARSE_SIZE else MATCH_LAYERS
        self._match_layers = match_layers if matching else {}
        self._layers = {*self._content_layers, *self._style_layers, *self._match_layers}
        self._check_cancelled = check_cancelled
        self._regions = regions
        self._is_last = size == settings.size
        with torch.no_grad():
            self._targets = [
                region_target(region, photo, size, settings, self._match_layers, backbone, check_cancelled)
                for region in regions
            ]
            self._study_photo(photo)
        # With a single region, the rest of the picture stays the photo.
        self._movable = self._targets[0].mask if len(self._targets) == 1 else None
        self._evaluations = 0

    @property
    def dtype(self) -> torch.dtype:
        """The number format of the features."""
        return self._backbone.arithmetic.dtype

    def __call__(self, pixels: Tensor) -> tuple[LossTensors, Tensor]:
        renews = self.changes_at(self._evaluations)
        self._evaluations += 1
        return self.evaluate(pixels.detach(), renews)

    def evaluate(self, pixels: Tensor, renews: bool) -> tuple[LossTensors, Tensor]:
        """The losses and the gradient, as a call returns them. If `renews`, matches are searched for before."""
        terms, gradient = self._terms_and_gradient(pixels, renews)
        if self._movable is not None:
            gradient = gradient * self._movable
        return with_total(terms), gradient

    def changes_at(self, evaluation: int) -> bool:
        """Whether an evaluation, counted from 0, renews the matches and with them the loss."""
        searches = evaluation % SEARCH_INTERVAL == 0 or (self._is_last and evaluation in EARLY_SEARCHES)
        return searches and bool(self._match_layers)

    def _study_photo(self, photo: Tensor) -> None:
        """Compute what the content loss compares with."""
        self._photo = self._backbone(photo, self._content_layers, self._settings.pooling)
        self._content_factors = {
            k: self._content_factor(k, energies(features), features.shape[1]) for k, features in self._photo.items()
        }

    def _content_factor(self, layer: str, of_photo: Tensor, channels: int) -> Tensor | float:
        area = sum(target.share for target in self._targets)
        of_styles = sum(t.share * t.styles.mean_energies.get(layer, 0) for t in self._targets) / area
        factor = CONTENT_FACTORS[self._settings.content_loss](of_photo, channels, self._backbone.scale, of_styles)
        if all(region.likeness is None for region in self._regions):
            return factor
        weights = 1 + LIKE_CONTENT * degree_of_likeness(self._regions, of_photo)
        return factor * (weights / weights.mean()).clamp_min(1)

    def _terms_and_gradient(self, pixels: Tensor, renews: bool) -> tuple[LossTensors, Tensor]:
        """The weighted losses, and the gradient of their sum."""
        variable = pixels.detach().requires_grad_()
        terms = self._weighted(*self._feature_losses(variable, renews))
        gradient = loss_gradient(terms["content"] + terms["style"], variable, self.dtype)
        terms["tv"] = self._add_total_variation(pixels, gradient)
        return {name: term.detach() for name, term in terms.items()}, gradient

    def _weighted(self, content: Tensor, style: Tensor, matching: Tensor) -> dict[str, Tensor]:
        content_weight, style_weight, _ = self._weights
        return {
            "content": content_weight * content,
            "style": style_weight * (style + self._settings.coherence * matching),
        }

    def _add_total_variation(self, pixels: Tensor, gradient: Tensor) -> Tensor:
        weight = self._weights[2]
        return weight * add_total_variation(pixels, weight, gradient)

    def _feature_losses(self, pixels: Tensor, renews: bool) -> tuple[Tensor, Tensor, Tensor]:
        """Content, style (Gram matrix) and matching (nearest neighbour) loss: three scalars.

        Each is the weighted sum over layers and, by area, over regions.
        """
        content = matching = pixels.new_zeros(())
        style = [content]

        def add_losses(k: str, features: Tensor) -> Tensor:
            nonlocal content, matching
            if k in self._content_layers:
                features, loss = with_weighted_error(features, self._photo[k], self._content_factors[k])
                content = content + self._content_layers[k] * loss
            for target in self._targets:
                if k in self._style_layers:
                    weight = target.share * self._style_layers[k]
                    features, loss = target.style_loss(k, features, self._settings.style_loss, weight)
                    style.append(loss)
                if k in self._match_layers:
                    if renews:
                        target.find_matches(k, features)
                    features, loss = target.matching_loss(k, features)
                    matching = matching + target.share * self._match_layers[k] * loss
            return features

        self._backbone.visit(pixels, self._layers, add_losses, self._settings.pooling)
        return content, torch.stack(style).sum(), matching


def with_total(terms: LossTensors) -> LossTensors:
    """The terms, and before them their sum."""
    return {"total": torch.stack(list(terms.values())).sum()} | terms


def loss_gradient(total: Tensor, pixels: Tensor, dtype: torch.dtype) -> Tensor:
    """Gradient of the loss with respect to the pixels; `dtype` is the features' number format.

    float16 ends at 65504 and loses digits below 6e-5. A loss of size L has gradients of about L / F
    at features of size F, divided by their number. So the loss is multiplied by a power of two that
    leaves room on both sides, and the gradient is divided by it: loss scaling, Micikevicius et al.
    2018, "Mixed Precision Training".
    """
    if not total.requires_grad:  # all weights are 0, or autograd is off
        return torch.zeros_like(pixels)
    if dtype != torch.float16:
        return torch.autograd.grad(total, pixels)[0]
    factor = (FLOAT16_GRADIENT * pixels.numel() / total.detach()).log2().round().exp2()
    factor = torch.where(total > 0, factor, torch.ones_like(factor))  # a loss of 0 has no gradient to scale
    return torch.autograd.grad(total, pixels, factor)[0].div_(factor)


def balance(settings: Settings, coarser: float = 1.0) -> tuple[float, float, float]:
    """Weights of content, style and total variation (alpha, beta, gamma).

    At a scale `coarser` times smaller than the last, the content weighs so many times more: it
    fixes the layout before the style can put boats on roofs and houses in the sky.

    The strength moves weight from content to style. Content / style is 3, 1 and 1/3 times its value at 0.5 for
    strengths of 0.25, 0.5 and 0.75, which look evenly spaced; at 0 and 1 only one remains. The weight of the total
    variation spans two orders of magnitude: it is 0.7 at the default smoothness, 25 at 1.
    """
    content = settings.content_weight * coarser * 2 * (1 - settings.strength)
    style = settings.style_weight * 2 * settings.strength
    return content, style, 25 * settings.smoothness**3
