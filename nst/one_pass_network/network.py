"""The one-pass network: any style in one pass (Ghiasi et al. 2017).

The style encoder, a MobileNet v2 (Sandler et al. 2018), turns a picture into an embedding. From it
follow the parameters of the decoder's norms, a factor and a shift for each channel (conditional
instance normalisation, CIN: Dumoulin et al. 2017). Both work at any size.

The original decoder works at a quarter of the size and sees only as far as one stroke. Ours has blocks at an eighth
and a sixteenth of the size before it, for large forms.
"""

import math
from collections.abc import Iterator, Mapping, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

NetworkWeights = Mapping[str, Tensor]  # weights and biases by layer: "encoder.3.expand.weight" is out x in x k x k

EMBEDDING_SIZE = 100
WIDTH = 64  # channels at an eighth of the size; twice as many at a sixteenth, half at a quarter

_QUARTER = tuple(f"residual{block}" for block in range(1, 6))
_EIGHTH_IN, _EIGHTH_OUT = ("ahead1", "ahead2"), ("behind1", "behind2")
_SIXTEENTH = tuple(f"deep{block}" for block in range(1, 5))
NEW_BLOCKS = _EIGHTH_IN + _SIXTEENTH + _EIGHTH_OUT  # the blocks that the original does not have

NORM_CHANNELS = {
    **{f"decoder.{block}.{part}": WIDTH for block in _EIGHTH_IN for part in (1, 2)},
    **{f"decoder.{block}.{part}": 2 * WIDTH for block in _SIXTEENTH for part in (1, 2)},
    **{f"decoder.{block}.{part}": WIDTH for block in _EIGHTH_OUT for part in (1, 2)},
    **{f"decoder.{block}.{part}": WIDTH // 2 for block in _QUARTER for part in (1, 2)},
    "decoder.expand1": 16,
    "decoder.expand2": 8,
    "decoder.expand3": 3,
}
"""The decoder's convolutions with a norm, in their order, and their channels."""

CIN_SIZE = 2 * sum(NORM_CHANNELS.values()) + 1
"""Parameters of a style: 3767. The last is the weight of the blocks at an eighth and less, 0..1."""

DECODER_MULTIPLE, ENCODER_MULTIPLE = 16, 32  # each side of a picture is a multiple of it

_BLOCKS, _STRIDED = 17, (1, 3, 6, 13)
_EPSILON = 2e-3
"""Variance added in the norms; channels of photos have 0.025 and more.

The original 1e-5 changes a picture by a third of a level of 255. But in a uniform picture only rounding errors vary,
and the norms would amplify them.
"""
_FOLD = 2  # a folded picture has squares of 2 x 2 pixels as channels (pixel unshuffle)

_KINDS = "factor", "shift"


def encode_style(picture: Tensor, weights: NetworkWeights) -> Tensor:
    """The embedding of a style, 1 x EMBEDDING_SIZE, from a picture 1 x 3 x H x W in 0..1.

    H and W are multiples of ENCODER_MULTIPLE; the encoder was trained on 256 x 256.
    """
    x = _strided(picture, weights, "encoder.first").clamp(0, 6)
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


def cin_parameters(embeddings: Tensor, weights: NetworkWeights) -> Tensor:
    """The decoder's parameters, N x CIN_SIZE, of N styles (N x EMBEDDING_SIZE)."""
    x = embeddings[:, :, None, None]
    kinds = [_conv(x, weights, f"{name}.{kind}") for name in NORM_CHANNELS for kind in _KINDS]
    return torch.cat([*kinds, torch.ones_like(x[:, :1])], 1).flatten(1)


def decode(photo: Tensor, parameters: Tensor, weights: NetworkWeights) -> Tensor:
    """A photo, 1 x 3 x H x W in 0..1, in each of N styles (N x CIN_SIZE): N x 3 x H x W in 0..1.

    Or N photos, each in its own style. H and W are multiples of DECODER_MULTIPLE.
    """
    sizes = [channels for channels in NORM_CHANNELS.values() for _ in _KINDS]
    *norms, deep_weight = parameters[:, :, None, None].split([*sizes, 1], 1)
    cin = iter(norms)
    x = F.pixel_shuffle(_conv_folded(photo, weights, "decoder.contract1"), _FOLD).relu()
    for name in "decoder.contract2", "decoder.contract3":
        x = _conv_reflected(x, weights, name, stride=2).relu()
    eighth = _conv_reflected(x, weights, "decoder.contract4", stride=2).relu()
    x, eighth = (shared.expand(len(parameters), -1, -1, -1) for shared in (x, eighth))
    eighth = _residual(eighth, weights, cin, _EIGHTH_IN)
    deep = _conv_reflected(eighth, weights, "decoder.contract5", stride=2).relu()
    deep = _residual(deep, weights, cin, _SIXTEENTH)
    eighth = eighth + _upsample(_conv(deep, weights, "decoder.rise1"))
    eighth = _residual(eighth, weights, cin, _EIGHTH_OUT)
    x = x + deep_weight * _upsample(_conv(eighth, weights, "decoder.rise2"))
    x = _residual(x, weights, cin, _QUARTER)
    for name in "decoder.expand1", "decoder.expand2":
        x = F.pixel_shuffle(_normalise(_conv_upsampled(x, weights, name), cin).relu(), _FOLD)
    x = _normalise(_conv_folded(x, weights, "decoder.expand3"), cin)
    return F.pixel_shuffle(x.sigmoid(), _FOLD)


def _residual(x: Tensor, weights: NetworkWeights, cin: Iterator[Tensor], blocks: Sequence[str]) -> Tensor:
    """Residual blocks, one after the other."""
    for block in blocks:
        inner = _normalise(_conv_reflected(x, weights, f"decoder.{block}.1"), cin).relu()
        x = x + _normalise(_conv_reflected(inner, weights, f"decoder.{block}.2"), cin)
    return x


def _upsample(x: Tensor) -> Tensor:
    return F.interpolate(x, scale_factor=2, mode="bilinear")


def _normalise(x: Tensor, cin: Iterator[Tensor]) -> Tensor:
    """Instance normalisation with the style's next factor and shift.

    The channels of a folded picture that were one channel are normalised together.
    """
    factor, shift = next(cin), next(cin)
    channels = factor.shape[1]
    each = x.shape[1] // channels
    x = torch.group_norm(x, channels, eps=_EPSILON)  # torch's fastest for channels last
    return torch.addcmul(shift.repeat_interleave(each, 1), x, factor.repeat_interleave(each, 1))


def _conv_folded(x: Tensor, weights: NetworkWeights, name: str) -> Tensor:
    """A large kernel on few channels, as a small kernel on the folded picture; it returns one.

    It computes the same sums in an order that is twice as fast on processors.
    """
    weight, bias = weights[f"{name}.weight"], weights.get(f"{name}.bias")
    kernel = _fold_kernel(weight)
    margin = kernel.shape[2] // 2 * _FOLD
    x = F.pixel_unshuffle(F.pad(x, (margin,) * 4, mode="reflect"), _FOLD)
    return F.conv2d(x, kernel, bias if bias is None else bias.repeat_interleave(_FOLD**2))


def _conv_upsampled(x: Tensor, weights: NetworkWeights, name: str) -> Tensor:
    """Nearest-neighbour upsampling by 2 and a convolution, in one; the result is folded."""
    kernel = _fold_kernel(weights[f"{name}.weight"])
    summed = kernel.unflatten(1, (-1, _FOLD**2)).sum(2)
    return F.conv2d(F.pad(x, (1,) * 4, mode="replicate"), summed)


def _fold_kernel(weight: Tensor) -> Tensor:
    """The kernel for a folded picture that has the effect of this one on the picture."""
    side = weight.shape[2]
    reach = math.ceil(side // 2 / _FOLD) * _FOLD
    width = 2 * reach + _FOLD
    offsets = [reach - side // 2 + pixel for pixel in range(_FOLD)]
    shifted = [
        F.pixel_unshuffle(F.pad(weight, (x, width - side - x, y, width - side - y)), _FOLD)
        for y in offsets
        for x in offsets
    ]
    return torch.stack(shifted, 1).flatten(0, 1)


def _conv_reflected(x: Tensor, weights: NetworkWeights, name: str, stride: int = 1) -> Tensor:
    """A convolution with reflection padding; of a single pixel, with replication."""
    reach = weights[f"{name}.weight"].shape[2] // 2
    mode = "reflect" if min(x.shape[2:]) > reach else "replicate"
    return _conv(F.pad(x, (reach,) * 4, mode=mode), weights, name, stride)


def _strided(x: Tensor, weights: NetworkWeights, name: str) -> Tensor:
    """A convolution of stride 2, with zeros to the right and below."""
    return _conv(F.pad(x, (0, 1, 0, 1)), weights, name, stride=2)


def _conv(x: Tensor, weights: NetworkWeights, name: str, stride: int = 1, padding: int = 0) -> Tensor:
    weight = weights[f"{name}.weight"]
    groups = x.shape[1] // weight.shape[1]
    return F.conv2d(x, weight, weights.get(f"{name}.bias"), stride, padding, groups=groups)
