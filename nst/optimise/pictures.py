"""The input pictures of a run, each opened once, and no larger than the run needs."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image

from nst.errors import InputError
from nst.images import ImageError, ImageSource, open_cutout, open_image, open_mask
from nst.optimise.methods import check_method
from nst.optimise.regions import Styles, check_shape
from nst.optimise.targets import CheckCancelled, never_cancelled, without_edge
from nst.settings import Settings

OVERSAMPLING = 2  # minimum size of a decoded picture, relative to the size at which it is painted
MIN_DECODED = 1200  # minimum longest side of a decoded picture, in pixels; a smaller one is hardly faster
STYLE_MARGIN = 1.1  # extra size of a decoded style, because `without_edge` cuts off its margins


@dataclass(frozen=True)
class Pictures:
    """The input pictures of a run."""

    photo: Image.Image  # RGB
    styles: Styles  # RGB, with shares that add up to 1
    mask: Image.Image | None = None  # grey, white where to paint
    start: Image.Image | None = None  # RGB, a painting to continue
    opaque: Image.Image | None = None  # alpha channel of a cut-out, of the photo's size; None: opaque


def open_pictures(
    photo: ImageSource,
    styles: Sequence[ImageSource],
    settings: Settings,
    mask: ImageSource | None = None,
    start: ImageSource | None = None,
    keep_alpha: bool = False,
    check_cancelled: CheckCancelled = never_cancelled,
) -> Pictures:
    """Open and check all pictures; raises ImageError or ValueError.

    Several styles blend by `settings.style_weights`; a style of weight 0 is not opened. With a mask styles don't
    blend, and weights are an error. With `keep_alpha`, transparent parts of the photo are not painted.
    `check_cancelled` is called between pictures.
    """
    check_method(settings, mask is not None)
    if isinstance(styles, str) or not isinstance(styles, Sequence):
        raise InputError(f"styles is of type {type(styles).__name__}; pass a list of pictures, even of one")
    if mask is not None and len(styles) > 1 and settings.style_weights:
        raise InputError(
            "style_weights is for styles that blend, and with a mask each has a part of the "
            "picture of its own; leave the weights or the mask out"
        )
    decoded = decoded_size(settings.size)
    content, opaque = open_cutout(photo, "the photo", decoded) if keep_alpha else (None, None)
    content = content or open_image(photo, "the photo", decoded)
    check_method(settings, opaque is not None)
    if opaque and opaque.getextrema() == (0, 0):
        raise ImageError("the photo is transparent everywhere; there is nothing to paint")
    style_images = open_styles(styles, settings, check_cancelled)
    mask_image = None if mask is None else open_mask(mask, "the mask", decoded)
    check_cancelled()
    painting = "the painting to go on from"
    start_image = None if start is None else open_image(start, painting, decoded)
    for image, name in ((mask_image, "the mask"), (start_image, painting)):
        if image is not None:
            check_shape(image, name, content.size)
    return Pictures(photo=content, styles=style_images, mask=mask_image, start=start_image, opaque=opaque)


def open_styles(
    styles: Sequence[ImageSource], settings: Settings, check_cancelled: CheckCancelled = never_cancelled
) -> Styles:
    """Open the styles of nonzero weight, with their shares; raises as `open_pictures`."""
    weights = _style_weights(settings, len(styles))
    decoded = decoded_size(settings.size * max(1, settings.style_scale) * STYLE_MARGIN)
    opened = []
    for style, weight in zip(styles, weights, strict=True):
        check_cancelled()
        if weight:
            opened.append((without_edge(open_image(style, "the style image", decoded)), weight / sum(weights)))
    return opened


def decoded_size(size: float) -> int:
    """Longest side, in pixels, at which to decode a picture that is painted at `size`."""
    return max(MIN_DECODED, math.ceil(OVERSAMPLING * size))


def _style_weights(settings: Settings, count: int) -> tuple[float, ...]:
    """One weight for each of `count` styles; raises ValueError if their numbers differ."""
    needed = settings.style_layers or settings.init == "style" or settings.in_one_pass
    if not count and needed:
        raise InputError("styles is empty; name at least one style image")
    weights = settings.style_weights or (1.0,) * count
    if len(weights) != count:
        raise InputError(f"style_weights needs as many numbers as there are styles: {count}, not {len(weights)}")
    if math.isinf(sum(weights)):
        return tuple(weight / max(weights) for weight in weights)
    return weights
