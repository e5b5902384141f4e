"""Any style on any picture at once: the second engine, for other people's programs."""

import copy
from pathlib import Path
from typing import Any

import torch
from PIL import Image

from nst.gallery import find_style, load_styles
from nst.images import ImageSource, fit, open_image
from nst.images.tensors import to_image, to_tensor
from nst.network.device import device
from nst.one_pass_network.styles import in_style, read
from nst.optimise.pictures import enough, open_styles
from nst.settings import Settings


class OnePass:
    """Styles that were read once, to paint any number of pictures in; threads may share it.

    A style is a plate's name, a path or a PIL image. Several blend. `given` are of the settings
    `size`, `strength`, `style_scale` and `style_weights`. `where` is a device, such as "cpu";
    without it, that which paints. Raises ImageError or ValueError.
    """

    def __init__(self, *styles: ImageSource, where: str = "", **given: Any) -> None:
        self.settings = Settings(effort="one-pass", **given)
        self._where = torch.device(where) if where else device()
        opened = open_styles([_found(style) for style in styles], self.settings)
        self._style = read(opened, self.settings.style_scale, self._where)

    def with_settings(self, settings: Settings) -> "OnePass":
        """The same encoded styles with another strength; the other settings must be the same."""
        other = copy.copy(self)
        other.settings = settings
        return other

    def __call__(self, photo: ImageSource) -> Image.Image:
        """The photo, of any mode, as a painting of `settings.size` pixels on the longest side."""
        size = self.settings.size
        small = fit(open_image(photo, "the photo", enough(size)), size)
        pixels = to_tensor(small).to(self._where)
        return to_image(in_style(pixels, self._style, self.settings.strength))


def preview(photo: ImageSource, style: ImageSource, size: int = 256) -> Image.Image:
    """The photo in a style, in a fraction of a second."""
    return OnePass(style, size=size)(photo)


def _found(style: ImageSource) -> ImageSource:
    if isinstance(style, str) and not Path(style).is_file():
        return find_style(style, load_styles()).path
    return style
