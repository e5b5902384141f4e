"""The inputs and the losses of a scale, for the methods of other papers."""

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

from nst.network.vgg import Backbone
from nst.optimise.regions import Styles
from nst.optimise.targets import CheckCancelled
from nst.settings import Settings

Terms = Callable[[Tensor, int], dict[str, Tensor]]
"""Pixels, 1 x 3 x H x W, and the number of the evaluation -> the weighted losses "content", "style" and "tv"."""

Loss = Callable[[Tensor], Tensor]  # pixels -> a scalar


@dataclass(frozen=True)
class Scene:
    """The inputs of one scale."""

    photo: Tensor  # 1 x 3 x H x W, RGB in 0..1
    coarser: Tensor | None
    """The result of the scale before, of any size; None at the first scale, and where the method is "gram". A run that
    resumes within a later scale has the picture of that scale instead."""
    styles: Styles
    size: int  # longest side of the photo, in pixels
    is_last: bool
    settings: Settings
    backbone: Backbone
    check_cancelled: CheckCancelled
