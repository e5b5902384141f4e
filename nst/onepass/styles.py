"""Styles are read once; then each picture takes one pass, whatever the style."""

import math
from functools import cache

import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from nst.images.tensors import to_tensor
from nst.network.shipped import read_shipped
from nst.onepass.network import MULTIPLE, READER_MULTIPLE, Numbers, paint, read_style

READ_SIZE = 256
"""Pixels on the side of a square style; of any other, the side of a square as large."""

_FILE, _DIGEST = "anystyle.safetensors", "3ad7609d83cd8d239f123e67e2d446d9"
_LONGEST = 2048
_USUAL = 0.5


@cache
def numbers(where: torch.device) -> Numbers:
    """The network's, on a device. Raises WeightsError where the file is not as it was shipped."""
    shipped = read_shipped(_FILE, _DIGEST)
    return {
        name: value.to(where, memory_format=torch.channels_last)
        if value.dim() == 4
        else value.to(where)
        for name, value in shipped.items()
    }


def read(
    styles: list[tuple[Image.Image, float]], style_scale: float, where: torch.device
) -> Tensor:
    """Numbers that tell a style, 1 x STYLE, for RGB images with their shares, which add up to 1.

    The larger a style is looked at, the larger are its strokes.
    """
    with torch.no_grad():
        looks = [
            share * read_style(_ready(style, style_scale).to(where), numbers(where))
            for style, share in styles
        ]
        return torch.stack(looks).sum(0)


def in_style(photo: Tensor, styles: Tensor, strength: float) -> Tensor:
    """The photo, 1 x 3 x H x W in 0..1, in each of N styles (N x STYLE): N x 3 x H x W in 0..1.

    At strength 0 that is the photo, at 0.5 the style as the network knows it; beyond that, a style
    is what sets it apart from the photo, the more so the stronger.
    """
    height, width = photo.shape[2:]
    with torch.no_grad():
        known = numbers(photo.device)
        if strength > _USUAL:
            own = read_style(_resized(photo, _read_size(width, height, 1.0)), known)
            styles = own + (strength + 1 - _USUAL) * (styles - own)
        beyond = (0, -width % MULTIPLE, 0, -height % MULTIPLE)
        padded = F.pad(photo, beyond, mode="reflect")
        padded = padded.contiguous(memory_format=torch.channels_last)
        painted = paint(padded, styles, known)[:, :, :height, :width]
        share = min(1.0, strength / _USUAL)
        return photo + share * (painted - photo)


def _ready(style: Image.Image, style_scale: float) -> Tensor:
    size = _read_size(*style.size, style_scale)
    return to_tensor(style.resize(size, Image.Resampling.LANCZOS))


def _read_size(width: int, height: int, style_scale: float) -> tuple[int, int]:
    """Width and height to look at a picture at: its own shape, as far as the reader takes it."""
    factor = READ_SIZE * style_scale / math.sqrt(width * height)
    units = (max(1, round(side * factor / READER_MULTIPLE)) for side in (width, height))
    across, down = (min(_LONGEST, unit * READER_MULTIPLE) for unit in units)
    return across, down


def _resized(photo: Tensor, size: tuple[int, int]) -> Tensor:
    return F.interpolate(photo, size[::-1], mode="bilinear", antialias=True)
