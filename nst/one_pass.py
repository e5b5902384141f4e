"""The one-pass network for programs: any style on any picture in a fraction of a second."""

import copy
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from nst.colour import ColourMap, in_tones, tone_map
from nst.gallery import find_style, load_photos, load_styles
from nst.images import ImageSource, fit, open_image
from nst.images.tensors import to_image, to_tensor
from nst.network.device import default_device
from nst.network.isolation import isolated, isolated_steps
from nst.network.memory import return_freed_memory
from nst.network.vgg import load_backbone
from nst.one_pass_network.styles import encode, style_parameters, stylize
from nst.optimise.fine_tuning import fine_tune
from nst.optimise.pictures import decoded_size, open_styles
from nst.settings import Settings


class OnePass:
    """Encodes styles once and paints any number of pictures in them; threads may share it.

        painter = OnePass("swirling_night", size=512)
        painter("photo.jpg").save("painting.png")

        painter = OnePass("my_painting.jpg", size=512)
        painter.fine_tune()  # six seconds, for a style that is not built in
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
        sources = [_style_source(style) for style in styles]
        opened = open_styles(sources, self.settings)
        cin = encode(opened, self.settings.style_scale, self._device)
        self._encoded = _EncodedStyles(sources, cin, tone_map(opened))

    def with_settings(self, settings: Settings) -> "OnePass":
        """The same encoded styles with other settings; fast, because nothing is encoded again.

        Only `strength` and `size` may differ: the encoded styles depend on `style_scale` and
        `style_weights`.
        """
        other = copy.copy(self)
        other.settings = settings
        return other

    @property
    def cin(self) -> NDArray[np.float32]:
        """The CIN parameters of the styles' blend, CIN_SIZE numbers."""
        return self._encoded.cin[0].cpu().numpy()

    @property
    def fine_tuned(self) -> bool:
        """Whether `fine_tune` has been done."""
        return self._encoded.fine_tuned

    def fine_tune(self) -> None:
        """Fine-tune the network for those styles that are not built in: paintings come closer to the style.

        It takes six seconds a style on two cores with AMX. Painters that `with_settings` has made of this one, or this
        one of, are fine-tuned, too. Opens the styles again, which must be as before; raises ImageError where that is
        impossible.
        """
        for _ in self.fine_tuning():
            pass

    def fine_tuning(self) -> Generator[int, None, None]:
        """`fine_tune`, step by step: yields the number of each step, and nothing where there is nothing to do."""
        return isolated_steps(self._fine_tune())

    def _fine_tune(self) -> Generator[int, None, None]:
        scale, encoded, step = self.settings.style_scale, self._encoded, 0
        if encoded.fine_tuned:
            return
        opened = open_styles(encoded.sources, self.settings)
        predicted = [style_parameters(style, scale, self._device) for style, _ in opened]
        if not all(built_in for _, built_in in predicted):
            photos = [open_image(photo.path) for photo in load_photos()]
            backbone = load_backbone(device=self._device)
        blend = torch.zeros_like(encoded.cin)
        try:
            for (style, share), (cin, built_in) in zip(opened, predicted, strict=True):
                latest = cin
                if not built_in:
                    for better in fine_tune(cin, style, scale, photos, backbone):
                        latest = better
                        yield (step := step + 1)
                blend += share * latest
            encoded.cin, encoded.fine_tuned = blend, True
        finally:
            return_freed_memory(self._device)

    @isolated
    def __call__(self, photo: ImageSource) -> Image.Image:
        """The photo, of any mode, as a painting with a longest side of `settings.size` pixels."""
        size = self.settings.size
        small = fit(open_image(photo, "the photo", decoded_size(size)), size)
        pixels = to_tensor(small).to(self._device)
        strength = self.settings.strength
        painting = to_image(stylize(pixels, self._encoded.cin, strength))
        return in_tones(painting, self._encoded.tones, strength)


@dataclass
class _EncodedStyles:
    """Styles, which painters with other settings share."""

    sources: list[ImageSource]
    cin: Tensor  # CIN parameters of their blend, 1 x CIN_SIZE
    tones: ColourMap | None  # their `tone_map`
    fine_tuned: bool = False


def preview(photo: ImageSource, style: ImageSource, size: int = 256) -> Image.Image:
    """The photo in a style at `size` pixels, in a fraction of a second."""
    return OnePass(style, size=size)(photo)


def _style_source(style: ImageSource) -> ImageSource:
    if isinstance(style, str) and not Path(style).is_file():
        return find_style(style, load_styles()).path
    return style
