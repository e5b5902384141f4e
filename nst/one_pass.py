"""The one-pass network for programs: any style on any picture in a fraction of a second."""

import copy
from pathlib import Path
from typing import Any

import torch
from PIL import Image

from nst.colour import in_tones, tone_map
from nst.gallery import find_style, load_styles
from nst.images import ImageSource, fit, open_image
from nst.images.tensors import to_image, to_tensor
from nst.network.device import default_device
from nst.network.isolation import isolated
from nst.one_pass_network.styles import encode, stylize
from nst.optimise.pictures import decoded_size, open_styles
from nst.settings import Settings


class OnePass:
    """Encodes styles once and paints any number of pictures in them; threads may share it.

        painter = OnePass("swirling_night", size=512)
        painter("photo.jpg").save("painting.png")

    A style is the id or title of a built-in one, a path, a PIL image or an array. Several are blended.
    `options` are the settings `size`, `strength`, `style_scale` and `style_weights`. `device` is a
    name such as "cpu"; by default it is the one that the optimiser uses. Raises ImageError for a
    picture that cannot be opened, and ValueError for an unknown style or a wrong option.
    """

    @isolated
    def __init__(self, *styles: ImageSource, device: str = "", **options: Any) -> None:
        self.settings = Settings(effort="one-pass", **options)
        self._device = torch.device(device) if device else default_device()
        opened = open_styles([_style_source(style) for style in styles], self.settings)
        self._cin = encode(opened, self.settings.style_scale, self._device)
        self._tones = tone_map(opened)

    def with_settings(self, settings: Settings) -> "OnePass":
        """The same encoded styles with other settings; fast, because nothing is encoded again.

        Only `strength` and `size` may differ: the encoded styles depend on `style_scale` and
        `style_weights`.
        """
        other = copy.copy(self)
        other.settings = settings
        return other

    @isolated
    def __call__(self, photo: ImageSource) -> Image.Image:
        """The photo, of any mode, as a painting with a longest side of `settings.size` pixels."""
        size = self.settings.size
        small = fit(open_image(photo, "the photo", decoded_size(size)), size)
        pixels = to_tensor(small).to(self._device)
        strength = self.settings.strength
        return in_tones(to_image(stylize(pixels, self._cin, strength)), self._tones, strength)


def preview(photo: ImageSource, style: ImageSource, size: int = 256) -> Image.Image:
    """The photo in a style at `size` pixels, in a fraction of a second."""
    return OnePass(style, size=size)(photo)


def _style_source(style: ImageSource) -> ImageSource:
    if isinstance(style, str) and not Path(style).is_file():
        return find_style(style, load_styles()).path
    return style
