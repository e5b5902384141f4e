"""Styles are read once; then each picture takes one pass, whatever the style."""

import math
from functools import cache

import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from nst.images.tensors import to_tensor
from nst.network.shipped import read_shipped
from nst.one_pass_network.network import (
    MULTIPLE,
    READER_MULTIPLE,
    Numbers,
    cin_parameters,
    encode_style,
    paint,
)

READ_SIZE = 256  # pixels on the side of a square style; of any other, the side of a square as large

NETWORK = "anystyle.safetensors", "6351cc171f017a8a12a2ded6b2994cd7"
LEARNED = "learned.safetensors", "fe4b8639a3b9fc418b8c1d3c53ca6633"
"""Files, and the first half of each one's SHA-256."""

_LONGEST = 2048
_SAME = 0.05  # how far apart, by their length, the reader's words for one style may be

_DEPTH = 0.3
"""How much the large forms of a style count that was not learned. Those are of other styles: more
of them would spoil faces."""

_USUAL = 0.5

LEARNED_AT, _LARGE, _LEAST = 512, 768, 64
"""Pixels. Strokes were learned in pictures whose longest side is the first. In a smaller one, large
forms count less: a face is no larger than a star there. One beyond the second is painted at half
its size and painted over, unless its shortest side is below the third."""

_GRAIN, _TILE = 2 / 255, 256
"""Deviation of the grain that is laid over a photo, and pixels on the side of its pattern.

The network makes strokes of what it sees. Where it sees nothing, as in a drawing's flat parts, its
norms make a grid of rounding errors; grain becomes waves, stars and tesserae.
"""

_OVER = 0.5
"""How much of what is painted over shows: less would be blurred, more would hide the strokes."""


@cache
def numbers(where: torch.device) -> Numbers:
    """The network's, and what was learned of styles, on a device.

    Raises WeightsError where a file is not as it was shipped.
    """
    shipped = read_shipped(*NETWORK) | read_shipped(*LEARNED)
    return {
        name: value.float().to(where, memory_format=torch.channels_last)
        if value.dim() == 4
        else value.float().to(where)
        for name, value in shipped.items()
    }


def read(
    styles: list[tuple[Image.Image, float]], style_scale: float, where: torch.device
) -> Tensor:
    """What the painter needs of a style, 1 x NORMS; RGB images with shares, which add up to 1.

    The larger a style is looked at, the larger are its strokes.
    """
    known = numbers(where)
    with torch.no_grad():
        found = [share * _known_better(style, style_scale, known) for style, share in styles]
        return torch.stack(found).sum(0)


def in_style(photo: Tensor, style: Tensor, strength: float) -> Tensor:
    """The photo, 1 x 3 x H x W in 0..1, in each of N styles (N x NORMS): N x 3 x H x W in 0..1.

    At strength 0 that is the photo, at 0.5 the style as the network knows it; beyond that, a style
    is what sets it apart from the photo, the more so the stronger.
    """
    height, width = photo.shape[2:]
    with torch.no_grad():
        known = numbers(photo.device)
        if strength > _USUAL:
            told = encode_style(_resized(photo, _read_size(width, height, 1.0)), known)
            own = _as_deep(cin_parameters(told, known), style[:, -1:])
            style = own + (strength + 1 - _USUAL) * (style - own)
        share = min(1.0, strength / _USUAL)
        return torch.lerp(photo, _painted(photo, style, known), share)


def _painted(photo: Tensor, style: Tensor, known: Numbers) -> Tensor:
    """As `in_style`, with strokes that are as large in a large picture as in a small one."""
    height, width = photo.shape[2:]
    if max(height, width) > _LARGE and min(height, width) >= _LEAST:
        small = F.interpolate(photo, (height // 2, width // 2), mode="bilinear", antialias=True)
        coarse = _painted(small, style, known)
        coarse = F.interpolate(coarse, (height, width), mode="bicubic").clamp(0, 1)
        return torch.lerp(coarse, _one_pass(coarse, style, known), _OVER)
    return _one_pass(photo, style, known)


def _one_pass(photo: Tensor, style: Tensor, known: Numbers) -> Tensor:
    height, width = photo.shape[2:]
    padded = F.pad(photo, (0, -width % MULTIPLE, 0, -height % MULTIPLE), mode="reflect")
    share = min(1.0, max(height, width) / LEARNED_AT)
    style = _as_deep(style, share * style[:, -1:])
    grain = _grain(padded.shape[2], padded.shape[3], photo.device)
    padded = (padded + grain).clamp(0, 1)
    padded = padded.contiguous(memory_format=torch.channels_last)
    return paint(padded, style, known)[:, :, :height, :width]


def _grain(height: int, width: int, where: torch.device) -> Tensor:
    """Fine grain, 1 x 1 x H x W, the same in every picture, so that none flickers in a film."""
    down, across = (-(-side // _TILE) for side in (height, width))
    return _tile(where).repeat(1, 1, down, across)[:, :, :height, :width]


@cache
def _tile(where: torch.device) -> Tensor:
    seed = torch.Generator().manual_seed(0)
    return (_GRAIN * torch.randn(1, 1, _TILE, _TILE, generator=seed)).to(where)


def _known_better(style: Image.Image, style_scale: float, known: Numbers) -> Tensor:
    """The norms of a style; of one that was learned, as it was learned.

    It is known by what the reader tells of it. Learning has found how far its norms lie from those
    that the network has for it, and that holds for other stroke sizes, too.
    """
    where = known["learned.styles"].device
    told = encode_style(ready(style, 1.0).to(where), known)
    away = (known["learned.styles"] - told).norm(dim=1) / told.norm()
    nearest = int(away.argmin())
    if style_scale != 1:
        told = encode_style(ready(style, style_scale).to(where), known)
    norms = cin_parameters(told, known)
    if away[nearest] < _SAME:
        return norms + known["learned.changes"][nearest : nearest + 1]
    return _as_deep(norms, _DEPTH * norms[:, -1:])


def _as_deep(norms: Tensor, depth: Tensor) -> Tensor:
    """Norms, N x NORMS, whose large forms count as much as `depth` tells, N x 1."""
    return torch.cat([norms[:, :-1], depth], 1)


def ready(style: Image.Image, style_scale: float) -> Tensor:
    """A style as the reader takes it, 1 x 3 x H x W."""
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
