"""The one-pass network: a style encoder and a decoder (Ghiasi et al. 2017).

The encoder is a MobileNet v2 (Sandler et al. 2018). It turns a style image into an embedding of EMBEDDING_SIZE
numbers. A linear layer turns the embedding into the CIN parameters: a factor and a shift for each channel of the
decoder's norms (conditional instance normalisation, Dumoulin et al. 2017). Encoder and decoder work at any image size.

Magenta's pretrained decoder works at a quarter of the image size, where its receptive field is about one stroke wide.
The decoder here has additional layers at an eighth and a sixteenth, for the large forms of a style.
"""

import math
from collections.abc import Iterator, Mapping, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

Weights = Mapping[str, Tensor]  # weights and biases by layer: "encoder.3.expand.weight" is out x in x k x k

EMBEDDING_SIZE = 100

_QUARTER = tuple(f"residual{block}" for block in range(1, 6))
_AHEAD, _BEHIND = ("ahead1", "ahead2"), ("behind1", "behind2")
_DEEP = tuple(f"deep{block}" for block in range(1, 5))
WIDTH = 64  # channels at an eighth of the size; at a sixteenth there are twice as many, at a quarter half

CIN_LAYERS = {
    **{f"decoder.{block}.{part}": WIDTH for block in _AHEAD for part in (1, 2)},
    **{f"decoder.{block}.{part}": 2 * WIDTH for block in _DEEP for part in (1, 2)},
    **{f"decoder.{block}.{part}": WIDTH for block in _BEHIND for part in (1, 2)},
    **{f"decoder.{block}.{part}": WIDTH // 2 for block in _QUARTER for part in (1, 2)},
    "decoder.expand1": 16,
    "decoder.expand2": 8,
    "decoder.expand3": 3,
}
"""The decoder's convolutions that are followed by a norm, in order, with their output channels.

Most are in residual blocks: at an eighth, at a sixteenth, at an eighth again, at a quarter.
"""

ADDED_BLOCKS = _AHEAD + _DEEP + _BEHIND  # residual blocks that Magenta's decoder does not have

CIN_SIZE = 2 * sum(CIN_LAYERS.values()) + 1
"""CIN parameters of a style: 3767. The last is the depth, which multiplies the features that come
from an eighth of the size and below; 1 is their full weight."""

DECODER_MULTIPLE = 16  # image sides must be multiples of it
ENCODER_MULTIPLE = 32

_BLOCKS, _STRIDED = 17, (1, 3, 6, 13)
_EPSILON = 2e-3
"""Variance added in the norms; a channel of a photo has 0.025 or more.

Magenta uses 1e-5. The difference changes a photo by a third of a level in 255. But in a uniform image all variance is
rounding error, which a norm with 1e-5 would amplify.
"""
_FOLD = 2  # side of the squares of pixels that a folded image has as channels (`pixel_unshuffle`)

_KINDS = "factor", "shift"


def encode_style(image: Tensor, weights: Weights) -> Tensor:
    """The embedding, 1 x EMBEDDING_SIZE, of a style image 1 x 3 x H x W in 0..1.

    H and W are multiples of ENCODER_MULTIPLE; the encoder was trained on 256 x 256.
    """
    x = _strided(image, weights, "encoder.first").clamp(0, 6)
    for block in range(_BLOCKS):
        name, before = f"encoder.{block}", x
        if block:
            x = _conv(x, weights, f"{name}.expand").clamp(0, 6)
        deep = f"{name}.depthwise"
        x = _strided(x, weights, deep) if block in _STRIDED else _conv(x, weights, deep, padding=1)
        x = _conv(x.clamp(0, 6), weights, f"{name}.project")
        if x.shape == before.shape:
            x = x + before
    x = _conv(x, weights, "encoder.last").clamp(0, 6)
    return _conv(x.mean((2, 3), keepdim=True), weights, "encoder.style").flatten(1)


def cin_parameters(embeddings: Tensor, weights: Weights) -> Tensor:
    """CIN parameters, N x CIN_SIZE, of N embeddings, N x EMBEDDING_SIZE; the depth is 1."""
    x = embeddings[:, :, None, None]
    parts = [_conv(x, weights, f"{name}.{kind}") for name in CIN_LAYERS for kind in _KINDS]
    return torch.cat([*parts, torch.ones_like(x[:, :1])], 1).flatten(1)


def decode(photo: Tensor, cin: Tensor, weights: Weights) -> Tensor:
    """The photo, 1 x 3 x H x W in 0..1, in N styles (N x CIN_SIZE): N x 3 x H x W in 0..1.

    N photos are painted in one style each. H and W are multiples of DECODER_MULTIPLE.
    """
    widths = [width for width in CIN_LAYERS.values() for _ in _KINDS]
    *norms, depth = cin[:, :, None, None].split([*widths, 1], 1)
    parts = iter(norms)
    x = F.pixel_shuffle(_folded_conv(photo, weights, "decoder.contract1"), _FOLD).relu()
    for name in "decoder.contract2", "decoder.contract3":
        x = _mirrored(x, weights, name, stride=2).relu()
    eighth = _mirrored(x, weights, "decoder.contract4", stride=2).relu()
    x, eighth = (features.expand(len(cin), -1, -1, -1) for features in (x, eighth))
    eighth = _residual(eighth, weights, parts, _AHEAD)
    deep = _mirrored(eighth, weights, "decoder.contract5", stride=2).relu()
    deep = _residual(deep, weights, parts, _DEEP)
    eighth = eighth + _upsample(_conv(deep, weights, "decoder.rise1"))
    eighth = _residual(eighth, weights, parts, _BEHIND)
    x = x + depth * _upsample(_conv(eighth, weights, "decoder.rise2"))
    x = _residual(x, weights, parts, _QUARTER)
    for name in "decoder.expand1", "decoder.expand2":
        x = F.pixel_shuffle(_norm(_upsampled_conv(x, weights, name), parts).relu(), _FOLD)
    x = _norm(_folded_conv(x, weights, "decoder.expand3"), parts)
    return F.pixel_shuffle(x.sigmoid(), _FOLD)


def _residual(x: Tensor, weights: Weights, parts: Iterator[Tensor], blocks: Sequence[str]) -> Tensor:
    """The features after these residual blocks."""
    for block in blocks:
        inner = _norm(_mirrored(x, weights, f"decoder.{block}.1"), parts).relu()
        x = x + _norm(_mirrored(inner, weights, f"decoder.{block}.2"), parts)
    return x


def _upsample(x: Tensor) -> Tensor:
    return F.interpolate(x, scale_factor=2, mode="bilinear")


def _norm(x: Tensor, parts: Iterator[Tensor]) -> Tensor:
    """Instance norm with the next factor and the next shift of the style.

    In a folded image, the channels that fold one channel are normalised together.
    """
    factor, shift = next(parts), next(parts)
    channels = factor.shape[1]
    repeats = x.shape[1] // channels
    x = torch.group_norm(x, channels, eps=_EPSILON)  # torch's fastest norm for channels last
    return torch.addcmul(shift.repeat_interleave(repeats, 1), x, factor.repeat_interleave(repeats, 1))


def _folded_conv(x: Tensor, weights: Weights, name: str) -> Tensor:
    """A convolution with a large kernel and few channels, computed on the folded image.

    It has the same sums in another order, which takes CPUs half the time. The result is folded.
    """
    weight, bias = weights[f"{name}.weight"], weights.get(f"{name}.bias")
    kernel = _fold_kernel(weight)
    margin = kernel.shape[2] // 2 * _FOLD
    x = F.pixel_unshuffle(F.pad(x, (margin,) * 4, mode="reflect"), _FOLD)
    return F.conv2d(x, kernel, bias if bias is None else bias.repeat_interleave(_FOLD**2))


def _upsampled_conv(x: Tensor, weights: Weights, name: str) -> Tensor:
    """Nearest-neighbour upsampling by 2 and a convolution, in one; the result is folded."""
    kernel = _fold_kernel(weights[f"{name}.weight"])
    summed = kernel.unflatten(1, (-1, _FOLD**2)).sum(2)  # the four folded pixels are equal
    return F.conv2d(F.pad(x, (1,) * 4, mode="replicate"), summed)


def _fold_kernel(weight: Tensor) -> Tensor:
    """The kernel that acts on a folded image as `weight` does on the image."""
    side = weight.shape[2]
    reach = math.ceil(side // 2 / _FOLD) * _FOLD
    extent = 2 * reach + _FOLD
    offsets = [reach - side // 2 + pixel for pixel in range(_FOLD)]
    moved = [
        F.pixel_unshuffle(F.pad(weight, (x, extent - side - x, y, extent - side - y)), _FOLD)
        for y in offsets
        for x in offsets
    ]
    return torch.stack(moved, 1).flatten(0, 1)


def _mirrored(x: Tensor, weights: Weights, name: str, stride: int = 1) -> Tensor:
    """A convolution with reflection padding, or replication where an image is too small."""
    reach = weights[f"{name}.weight"].shape[2] // 2
    mode = "reflect" if min(x.shape[2:]) > reach else "replicate"
    return _conv(F.pad(x, (reach,) * 4, mode=mode), weights, name, stride)


def _strided(x: Tensor, weights: Weights, name: str) -> Tensor:
    """A convolution with stride 2, and zeros to the right and below as TensorFlow pads."""
    return _conv(F.pad(x, (0, 1, 0, 1)), weights, name, stride=2)


def _conv(x: Tensor, weights: Weights, name: str, stride: int = 1, padding: int = 0) -> Tensor:
    weight = weights[f"{name}.weight"]
    groups = x.shape[1] // weight.shape[1]
    return F.conv2d(x, weight, weights.get(f"{name}.bias"), stride, padding, groups=groups)
