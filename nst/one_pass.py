"""Any style on any picture, at once: the one-pass network for Python programs."""

import copy
from pathlib import Path
from typing import Any

import torch
from PIL import Image

from nst.gallery import find_style, load_styles
from nst.images import ImageSource, fit, open_image
from nst.images.tensors import to_image, to_tensor
from nst.network.device import device
from nst.one_pass_network.styles import style_parameters, stylize
from nst.optimise.pictures import enough, open_styles
from nst.settings import Settings


class OnePass:
    """Styles, encoded once, to paint any number of pictures in; threads may share it.

    A style is an id or title of the gallery, a path or a PIL image; several blend. The settings are
    ONE_PASS_SETTINGS: `size`, `strength`, `style_scale` and `style_weights`. `where` is a torch
    device such as "cpu"; by default the fastest. Raises ImageError or ValueError.
    """

    def __init__(self, *styles: ImageSource, where: str = "", **settings: Any) -> None:
        self.settings = Settings(effort="one-pass", **settings)
        self._device = torch.device(where) if where else device()
        images = open_styles([_style_source(style) for style in styles], self.settings)
        self._parameters = style_parameters(images, self.settings.style_scale, self._device)

    def with_settings(self, settings: Settings) -> "OnePass":
        """The same encoded styles with another strength; the other settings must be the same."""
        other = copy.copy(self)
        other.settings = settings
        return other

    def __call__(self, photo: ImageSource) -> Image.Image:
        """The photo, of any mode, as a painting with `settings.size` pixels on the longest side."""
        size = self.settings.size
        small = fit(open_image(photo, "the photo", enough(size)), size)
        pixels = to_tensor(small).to(self._device)
        return to_image(stylize(pixels, self._parameters, self.settings.strength))


def preview(photo: ImageSource, style: ImageSource, size: int = 256) -> Image.Image:
    """The photo in a style, in a fraction of a second."""
    return OnePass(style, size=size)(photo)


def _style_source(style: ImageSource) -> ImageSource:
    if isinstance(style, str) and not Path(style).is_file():
        return find_style(style, load_styles()).path
    return style
