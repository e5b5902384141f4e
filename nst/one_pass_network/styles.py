"""Encodes styles once, and paints pictures in them, in one pass each."""

import math
from functools import cache

import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from nst.images.tensors import to_tensor
from nst.network.shipped import read_shipped
from nst.one_pass_network.network import (
    DECODER_MULTIPLE,
    ENCODER_MULTIPLE,
    NetworkWeights,
    cin_parameters,
    decode,
    encode_style,
)

ENCODER_SIZE = 256  # pixels: the encoder sees a picture with the area of a square of this side

NETWORK = "anystyle.safetensors", "622675f14ffe0124c0e41558bb858c4c"
FINE_TUNED = "fine_tuned.safetensors", "e35c30504f202fc371c4af319483be77"
"""Files, and the first half of each one's SHA-256."""

_MAX_SIDE = 2048
_SAME_STYLE = 0.05  # relative distance of two embeddings below which they are of one style

_DEPTH = 0.3
"""Weight of large forms in a style that was not fine-tuned. The network has learned those of other styles, and more of
them would spoil faces."""

_FULL_STRENGTH = 0.5  # the strength at which the style is as the network knows it

TRAINED_SIZE = 512
"""Pixels on the longest side of the pictures that strokes were learned in. In a smaller picture,
large forms have less weight: a face there is no larger than a star."""

_TWO_STAGE_SIZE, _MIN_STAGE_SIDE = 768, 64
"""A picture whose longest side is above the first is painted at half its size and then again, so that its strokes are
as large, unless its shortest side is below the second."""

_GRAIN, _TILE = 2 / 255, 256
"""Standard deviation of the grain that is added to a photo, and the side of its pattern in pixels.

In uniform parts the norms would turn rounding errors into a grid; grain becomes waves, stars and stones.
"""

_SECOND_STAGE = 0.5  # weight of the second stage: less blurs the picture, more hides the strokes


@cache
def load_weights(where: torch.device) -> NetworkWeights:
    """The network's weights and the fine-tuned parameters, on a device; WeightsError."""
    shipped = read_shipped(*NETWORK) | read_shipped(*FINE_TUNED)
    return {
        name: value.float().to(where, memory_format=torch.channels_last)
        if value.dim() == 4
        else value.float().to(where)
        for name, value in shipped.items()
    }


def style_parameters(styles: list[tuple[Image.Image, float]], style_scale: float, where: torch.device) -> Tensor:
    """The decoder's parameters for a blend of styles, 1 x CIN_SIZE.

    `styles` are RGB images with shares that add up to 1. A larger `style_scale` shows the encoder a
    larger picture, which makes larger strokes.
    """
    weights = load_weights(where)
    with torch.no_grad():
        parts = [share * _parameters(style, style_scale, weights) for style, share in styles]
        return torch.stack(parts).sum(0)


def stylize(photo: Tensor, parameters: Tensor, strength: float) -> Tensor:
    """The photo, 1 x 3 x H x W in 0..1, in each of N styles (N x CIN_SIZE): N x 3 x H x W in 0..1.

    At strength 0 the result is the photo, at 0.5 the style as the network knows it. Above, the difference between the
    style's parameters and those of the photo is exaggerated.
    """
    height, width = photo.shape[2:]
    with torch.no_grad():
        weights = load_weights(photo.device)
        if strength > _FULL_STRENGTH:
            embedding = encode_style(_resize(photo, _encoder_size(width, height, 1.0)), weights)
            own = _with_depth(cin_parameters(embedding, weights), parameters[:, -1:])
            parameters = own + (strength + 1 - _FULL_STRENGTH) * (parameters - own)
        share = min(1.0, strength / _FULL_STRENGTH)
        return torch.lerp(photo, _two_stages(photo, parameters, weights), share)


def _two_stages(photo: Tensor, parameters: Tensor, weights: NetworkWeights) -> Tensor:
    """One pass, or two in a large picture."""
    height, width = photo.shape[2:]
    if max(height, width) > _TWO_STAGE_SIZE and min(height, width) >= _MIN_STAGE_SIDE:
        small = F.interpolate(photo, (height // 2, width // 2), mode="bilinear", antialias=True)
        coarse = _two_stages(small, parameters, weights)
        coarse = F.interpolate(coarse, (height, width), mode="bicubic").clamp(0, 1)
        return torch.lerp(coarse, _one_pass(coarse, parameters, weights), _SECOND_STAGE)
    return _one_pass(photo, parameters, weights)


def _one_pass(photo: Tensor, parameters: Tensor, weights: NetworkWeights) -> Tensor:
    height, width = photo.shape[2:]
    padding = (0, -width % DECODER_MULTIPLE, 0, -height % DECODER_MULTIPLE)
    padded = F.pad(photo, padding, mode="reflect")
    share = min(1.0, max(height, width) / TRAINED_SIZE)
    parameters = _with_depth(parameters, share * parameters[:, -1:])
    grain = _grain(padded.shape[2], padded.shape[3], photo.device)
    padded = (padded + grain).clamp(0, 1)
    padded = padded.contiguous(memory_format=torch.channels_last)
    return decode(padded, parameters, weights)[:, :, :height, :width]


def _grain(height: int, width: int, where: torch.device) -> Tensor:
    """Grain, 1 x 1 x H x W, the same for every picture: in a film it must not flicker."""
    down, across = (-(-side // _TILE) for side in (height, width))
    return _tile(where).repeat(1, 1, down, across)[:, :, :height, :width]


@cache
def _tile(where: torch.device) -> Tensor:
    seed = torch.Generator().manual_seed(0)
    return (_GRAIN * torch.randn(1, 1, _TILE, _TILE, generator=seed)).to(where)


def _parameters(style: Image.Image, style_scale: float, weights: NetworkWeights) -> Tensor:
    """The parameters of a style, with the fine-tuned change if it is a built-in one.

    A built-in style is recognised by its embedding. The change holds for other stroke sizes, too.
    """
    embeddings = weights["fine_tuned.styles"]
    embedding = encode_style(preprocess(style, 1.0).to(embeddings.device), weights)
    distances = (embeddings - embedding).norm(dim=1) / embedding.norm()
    nearest = int(distances.argmin())
    if style_scale != 1:
        embedding = encode_style(preprocess(style, style_scale).to(embeddings.device), weights)
    parameters = cin_parameters(embedding, weights)
    if distances[nearest] < _SAME_STYLE:
        return parameters + weights["fine_tuned.changes"][nearest : nearest + 1]
    return _with_depth(parameters, _DEPTH * parameters[:, -1:])


def _with_depth(parameters: Tensor, depth: Tensor) -> Tensor:
    """Parameters, N x CIN_SIZE, with another weight of large forms, N x 1."""
    return torch.cat([parameters[:, :-1], depth], 1)


def preprocess(style: Image.Image, style_scale: float) -> Tensor:
    """A style as the encoder expects it, 1 x 3 x H x W."""
    size = _encoder_size(*style.size, style_scale)
    return to_tensor(style.resize(size, Image.Resampling.LANCZOS))


def _encoder_size(width: int, height: int, style_scale: float) -> tuple[int, int]:
    """Width and height for the encoder, with about the picture's own shape."""
    factor = ENCODER_SIZE * style_scale / math.sqrt(width * height)
    units = (max(1, round(side * factor / ENCODER_MULTIPLE)) for side in (width, height))
    across, down = (min(_MAX_SIDE, unit * ENCODER_MULTIPLE) for unit in units)
    return across, down


def _resize(photo: Tensor, size: tuple[int, int]) -> Tensor:
    return F.interpolate(photo, size[::-1], mode="bilinear", antialias=True)
