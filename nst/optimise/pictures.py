"""The pictures that a run is made of, each opened once, no larger than it is of use."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image

from nst.images import ImageError, ImageSource, open_cutout, open_image, open_mask
from nst.optimise.regions import Styles, check_shape
from nst.optimise.targets import without_edge
from nst.settings import Settings

SPARE = 2
"""A picture is decoded so many times as large as it is painted, or at the next size above."""

MIN_ENOUGH = 1200
"""Pixels on the longest side; less is hardly faster."""

STYLE_MARGIN = 1.1
"""A style is a little larger: `without_edge` cuts something off."""


@dataclass(frozen=True)
class Pictures:
    """What a run is made of.

    `photo`, `start` and the styles are RGB; styles come with their shares, which add up to 1.
    `mask` is grey, white where to paint. `opaque` is grey, too, of the photo's size: how opaque a
    cut-out is, and None of a photo that is to be painted everywhere.
    """

    photo: Image.Image
    styles: Styles
    mask: Image.Image | None = None
    start: Image.Image | None = None
    opaque: Image.Image | None = None


def open_pictures(
    photo: ImageSource,
    styles: Sequence[ImageSource],
    settings: Settings,
    mask: ImageSource | None = None,
    start: ImageSource | None = None,
    keep_alpha: bool = False,
) -> Pictures:
    """Everything opened and checked; ImageError or ValueError says what is wrong.

    Several styles blend by `settings.style_weights`; one of weight 0 is not opened. With a mask
    nothing blends, and weights are refused. With `keep_alpha`, where the photo is transparent
    counts.
    """
    if mask is not None and len(styles) > 1 and settings.style_weights:
        raise ValueError(
            "style_weights is for styles that blend, and with a mask each has a part of the "
            "picture of its own; leave the weights or the mask out"
        )
    least = enough(settings.size)
    content, opaque = open_cutout(photo, "the photo", least) if keep_alpha else (None, None)
    content = content or open_image(photo, "the photo", least)
    if opaque and opaque.getextrema() == (0, 0):
        raise ImageError("the photo is transparent everywhere; there is nothing to paint")
    chosen = open_styles(styles, settings)
    inside = None if mask is None else open_mask(mask, "the mask", least)
    begun = None if start is None else open_image(start, "the painting to go on from", least)
    for image, name in ((inside, "the mask"), (begun, "the painting to go on from")):
        if image is not None:
            check_shape(image, name, content.size)
    return Pictures(content, chosen, inside, begun, opaque)


def open_styles(styles: Sequence[ImageSource], settings: Settings) -> Styles:
    """The styles that have a weight, with their shares; errors are as `open_pictures` has them."""
    weights = _style_weights(settings, len(styles))
    largest = enough(settings.size * max(1, settings.style_scale) * STYLE_MARGIN)
    return [
        (without_edge(open_image(style, "the style image", largest)), weight / sum(weights))
        for style, weight in zip(styles, weights, strict=True)
        if weight
    ]


def enough(size: float) -> int:
    """Pixels on the longest side that a picture needs to be painted at this size."""
    return max(MIN_ENOUGH, math.ceil(SPARE * size))


def _style_weights(settings: Settings, count: int) -> tuple[float, ...]:
    """One weight for each of `count` styles."""
    needed = settings.style_layers or settings.init == "style" or settings.in_one_pass
    if not count and needed:
        raise ValueError("styles is empty; name at least one style image")
    weights = settings.style_weights or (1.0,) * count
    if len(weights) != count:
        raise ValueError(
            f"style_weights has {len(weights)} numbers for {count} styles; give one for each"
        )
    if math.isinf(sum(weights)):
        return tuple(weight / max(weights) for weight in weights)
    return weights
