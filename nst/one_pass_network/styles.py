"""Encode styles and paint photos with the one-pass network."""

import math
from functools import cache

import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from nst.config import Config
from nst.images.tensors import to_tensor
from nst.network.bundled import read_bundled
from nst.network.processor import processor_flags
from nst.one_pass_network.network import (
    DECODER_MULTIPLE,
    ENCODER_MULTIPLE,
    Weights,
    cin_parameters,
    decode,
    encode_style,
    fold_decoder,
)

NETWORK = "anystyle.safetensors", "0c9c11d1bbbff7b9547295590415b860"
FINE_TUNED = "fine_tuned.safetensors", "8199976e403f80a46ed138ac97d286e6"
"""Files in `nst/data`, each with the first half of its SHA-256.

FINE_TUNED has, for S built-in styles, `embeddings` S x EMBEDDING_SIZE and `offsets` S x CIN_SIZE, which are added to
the CIN parameters of the style with that embedding.
"""

ENCODER_SIZE = 256  # side of a square style in pixels; other styles get the same area

TRAINED_SIZE = 512
"""Pixels: the longest side of the paintings that the network was trained for.

In a smaller photo the large forms count less: they would be larger than a face.
"""

_HALVED_ABOVE, _MIN_HALVED_SIDE = 768, 64
"""Pixels. A photo with a longer side than the first is painted at half its size and painted again at its full size,
unless its shortest side is below the second."""

_REPAINT = 0.5  # share of the second painting in the result; less is blurred, more hides the strokes
_MAX_ENCODER_SIDE = 2048  # pixels
_SAME_STYLE = 0.05  # relative distance of two embeddings below which they are of one style

_NEUTRAL = 0.5  # strength at which the style is as the network has it

_NOISE, _NOISE_TILE = 2 / 255, 256
"""Standard deviation of the noise added to a photo, and the side of its tile in pixels.

The network makes strokes from the photo's structure. Without any, as in flat areas of a drawing, its norms amplify
rounding errors to a grid; noise becomes waves, stars and tesserae.
"""


@cache
def load_weights(device: torch.device) -> Weights:
    """The network's weights, for `decode` too, and the fine-tuned parameters, on a device.

    Raises WeightsError if a file is missing or damaged.
    """
    weights = fold_decoder(read_bundled(*NETWORK), _decoder_dtype(device)) | read_bundled(*FINE_TUNED)
    return {
        name: value.to(device, memory_format=torch.channels_last) if value.dim() == 4 else value.to(device)
        for name, value in weights.items()
    }


def _decoder_dtype(device: torch.device) -> torch.dtype:
    """bfloat16 on CPUs with matrix units, where it takes half the time of float32; on others it takes a fifth more.

    It changes a painting by less than one level of 255 in the mean.
    """
    precision = Config.from_env().precision
    fast = precision == "bfloat16" or (not precision and "amx_bf16" in processor_flags())
    return torch.bfloat16 if fast and device.type == "cpu" else torch.float32


def encode(styles: list[tuple[Image.Image, float]], style_scale: float, device: torch.device) -> Tensor:
    """CIN parameters, 1 x CIN_SIZE, of a blend of RGB styles with shares that add up to 1.

    A style is encoded at `style_scale` times its normal size: the larger, the larger the strokes.
    """
    parts = [share * style_parameters(style, style_scale, device)[0] for style, share in styles]
    return torch.stack(parts).sum(0)


def stylize(photo: Tensor, cin: Tensor, strength: float) -> Tensor:
    """The photo, 1 x 3 x H x W in 0..1, in N styles (N x CIN_SIZE): N x 3 x H x W in 0..1.

    Strength 0 is the photo and 0.5 the style as the network has it. Above, the difference between the style's CIN
    parameters and those of the photo itself is amplified.
    """
    height, width = photo.shape[2:]
    with torch.no_grad():
        weights = load_weights(photo.device)
        if strength > _NEUTRAL:
            embedding = encode_style(_resize(photo, _encoder_size(width, height, 1.0)), weights)
            own = _with_depth(cin_parameters(embedding, weights), cin[:, -1:])
            cin = own + (strength + 1 - _NEUTRAL) * (cin - own)
        share = min(1.0, strength / _NEUTRAL)
        return torch.lerp(photo, _paint(photo, cin, weights), share)


def _paint(photo: Tensor, cin: Tensor, weights: Weights) -> Tensor:
    """As `stylize`; strokes of a large photo are as large, relative to it, as of a small one."""
    height, width = photo.shape[2:]
    if max(height, width) > _HALVED_ABOVE and min(height, width) >= _MIN_HALVED_SIDE:
        small = F.interpolate(photo, (height // 2, width // 2), mode="bilinear", antialias=True)
        coarse = _paint(small, cin, weights)
        coarse = F.interpolate(coarse, (height, width), mode="bicubic").clamp(0, 1)
        return torch.lerp(coarse, paint_once(coarse, cin, weights), _REPAINT)
    return paint_once(photo, cin, weights)


def paint_once(photo: Tensor, cin: Tensor, weights: Weights) -> Tensor:
    """A photo, 1 x 3 x H x W in 0..1, in N styles at strength 0.5, with strokes of one size whatever the photo's size.

    Gradients flow to `cin`, N x CIN_SIZE.
    """
    height, width = photo.shape[2:]
    padding = (0, -width % DECODER_MULTIPLE, 0, -height % DECODER_MULTIPLE)
    padded = F.pad(photo, padding, mode="reflect")
    share = min(1.0, max(height, width) / TRAINED_SIZE)
    cin = _with_depth(cin, share * cin[:, -1:])
    noise = _noise(padded.shape[2], padded.shape[3], photo.device)
    padded = (padded + noise).clamp(0, 1)
    padded = padded.contiguous(memory_format=torch.channels_last)
    return decode(padded, cin, weights)[:, :, :height, :width]


def _noise(height: int, width: int, device: torch.device) -> Tensor:
    """Noise, 1 x 1 x H x W; the same for every picture, so that videos do not flicker."""
    rows, columns = (-(-side // _NOISE_TILE) for side in (height, width))
    return noise_tile(device).repeat(1, 1, rows, columns)[:, :, :height, :width]


@cache
def noise_tile(device: torch.device) -> Tensor:
    """The noise that is added to photos, 1 x 1 x side x side."""
    generator = torch.Generator().manual_seed(0)
    noise = torch.randn(1, 1, _NOISE_TILE, _NOISE_TILE, generator=generator, dtype=torch.float32)
    return (_NOISE * noise).to(device)


@torch.no_grad()
def style_parameters(style: Image.Image, style_scale: float, device: torch.device) -> tuple[Tensor, bool]:
    """CIN parameters of one style, 1 x CIN_SIZE, and whether they are fine-tuned.

    A fine-tuned style is recognised by its embedding. Its offsets were fine-tuned at style scale 1; they are added at
    other scales, too.
    """
    weights = load_weights(device)
    embeddings = weights["fine_tuned.embeddings"]
    embedding = encode_style(preprocess(style, 1.0).to(device), weights)
    distances = (embeddings - embedding).norm(dim=1) / embedding.norm()
    nearest = int(distances.argmin())
    if style_scale != 1:
        embedding = encode_style(preprocess(style, style_scale).to(device), weights)
    cin = cin_parameters(embedding, weights)
    if distances[nearest] < _SAME_STYLE:
        return cin + weights["fine_tuned.offsets"][nearest : nearest + 1], True
    # The large forms are those of the fine-tuned styles. In others they would smear faces.
    return _with_depth(cin, torch.zeros_like(cin[:, -1:])), False


def _with_depth(cin: Tensor, depth: Tensor) -> Tensor:
    """CIN parameters, N x CIN_SIZE, with another depth, N x 1."""
    return torch.cat([cin[:, :-1], depth], 1)


def preprocess(style: Image.Image, style_scale: float) -> Tensor:
    """The encoder's input for an RGB style, 1 x 3 x H x W in 0..1."""
    size = _encoder_size(*style.size, style_scale)
    return to_tensor(style.resize(size, Image.Resampling.LANCZOS))


def _encoder_size(width: int, height: int, style_scale: float) -> tuple[int, int]:
    """Width and height of the encoder's input for an image of this size."""
    factor = ENCODER_SIZE * style_scale / math.sqrt(width * height)
    units = (max(1, round(side * factor / ENCODER_MULTIPLE)) for side in (width, height))
    columns, rows = (min(_MAX_ENCODER_SIDE, unit * ENCODER_MULTIPLE) for unit in units)
    return columns, rows


def _resize(photo: Tensor, size: tuple[int, int]) -> Tensor:
    return F.interpolate(photo, size[::-1], mode="bilinear", antialias=True)
