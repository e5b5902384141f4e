"""The one-pass network: a style encoder and a decoder (Ghiasi et al. 2017).

The encoder is a MobileNet v2 (Sandler et al. 2018). It turns a style image into an embedding of EMBEDDING_SIZE
numbers. A linear layer turns the embedding into the CIN parameters: a factor and a shift for each channel of the
decoder's norms (conditional instance normalisation, Dumoulin et al. 2017). Encoder and decoder work at any image size.

Magenta's pretrained decoder works at a quarter of the image size, where its receptive field is about one stroke wide.
The decoder here has additional layers at an eighth and a sixteenth, for the large forms of a style.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice

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


def fold_decoder(weights: Weights, dtype: torch.dtype = torch.float32) -> dict[str, Tensor]:
    """The weights for `decode`: the decoder's convolutions have this number format, all others stay as they are.

    Kernels for few channels are replaced by kernels for folded images. The sums are the same, and CPUs take half the
    time.
    """
    convolutions = {
        name: weight
        for name, weight in weights.items()
        if name.startswith("decoder.") and name.split(".")[-2] not in _KINDS
    }
    for name in "contract1", "expand1", "expand2", "expand3":
        convolutions[f"decoder.{name}.weight"] = _fold_kernel(weights[f"decoder.{name}.weight"])
    for name in "decoder.expand1.weight", "decoder.expand2.weight":  # the image is enlarged: folded pixels are equal
        convolutions[name] = convolutions[name].unflatten(1, (-1, _FOLD**2)).sum(2)
    convolutions["decoder.contract1.bias"] = weights["decoder.contract1.bias"].repeat_interleave(_FOLD**2)
    strided = F.pad(weights["decoder.contract2.weight"], (1, 0, 1, 0))
    convolutions["decoder.contract2.weight"] = F.pixel_unshuffle(strided, _FOLD)
    return {**weights, **{name: weight.to(dtype) for name, weight in convolutions.items()}}


def decode(photo: Tensor, cin: Tensor, weights: Weights) -> Tensor:
    """The photo, 1 x 3 x H x W in 0..1, in N styles (N x CIN_SIZE): N x 3 x H x W in 0..1.

    N photos are painted in one style each. H and W are multiples of DECODER_MULTIPLE. The weights are those of
    `fold_decoder`; features have their number format, CIN parameters and the result are float32.
    """
    widths = [width for width in CIN_LAYERS.values() for _ in _KINDS]
    *norms, depth = cin.split([*widths, 1], 1)
    parts = iter(norms)
    x = photo.to(weights["decoder.contract1.weight"].dtype)
    margin = _FOLD * (weights["decoder.contract1.weight"].shape[2] // 2)
    x = F.pixel_unshuffle(F.pad(x, (margin,) * 4, mode="reflect"), _FOLD)
    x = _conv(x, weights, "decoder.contract1").relu_()
    # Pixel -1 is a copy of pixel 1. Both are the second of their pairs, so the pair before the first is its copy.
    x = _conv(F.pad(x, (1, 0, 1, 0), mode="replicate"), weights, "decoder.contract2").relu_()
    x = _mirrored(x, weights, "decoder.contract3", stride=2).relu_()
    large = list(islice(parts, len(ADDED_BLOCKS) * 2 * len(_KINDS)))
    if depth.any():
        x = x + depth[:, :, None, None].to(x.dtype) * _large_forms(x, iter(large), len(cin), weights)
    x = x.expand(len(cin), -1, -1, -1)
    x = _residual(x, weights, parts, _QUARTER)
    x = F.pixel_shuffle(_enlarged(x, weights, "decoder.expand1", parts), _FOLD)
    x = _enlarged(x, weights, "decoder.expand2", parts)
    x = _conv(_mirror_folded(x, weights["decoder.expand3.weight"].shape[2] // 2), weights, "decoder.expand3")
    return F.pixel_shuffle(_norm(x.float(), parts).sigmoid_(), _FOLD)


def _large_forms(x: Tensor, parts: Iterator[Tensor], styles: int, weights: Weights) -> Tensor:
    """The features at a quarter of the size that come from an eighth and a sixteenth, in so many styles."""
    eighth = _mirrored(x, weights, "decoder.contract4", stride=2).relu_().expand(styles, -1, -1, -1)
    eighth = _residual(eighth, weights, parts, _AHEAD)
    deep = _mirrored(eighth, weights, "decoder.contract5", stride=2).relu_()
    deep = _residual(deep, weights, parts, _DEEP)
    eighth = eighth + _upsample(_conv(deep, weights, "decoder.rise1"))
    eighth = _residual(eighth, weights, parts, _BEHIND)
    return _upsample(_conv(eighth, weights, "decoder.rise2"))


def _residual(x: Tensor, weights: Weights, parts: Iterator[Tensor], blocks: Sequence[str]) -> Tensor:
    """The features after these residual blocks."""
    for block in blocks:
        inner = _norm(_mirrored(x, weights, f"decoder.{block}.1"), parts).relu_()
        x = x + _norm(_mirrored(inner, weights, f"decoder.{block}.2"), parts)
    return x


def _upsample(x: Tensor) -> Tensor:
    return F.interpolate(x, scale_factor=2, mode="bilinear")


def _enlarged(x: Tensor, weights: Weights, name: str, parts: Iterator[Tensor]) -> Tensor:
    """The features after nearest-neighbour upsampling by 2 and a layer, folded."""
    return _norm(_conv(F.pad(x, (1,) * 4, mode="replicate"), weights, name), parts).relu_()


def _norm(x: Tensor, parts: Iterator[Tensor]) -> Tensor:
    """Instance norm with the next factor and the next shift of the style.

    In a folded image, the channels that fold one channel are normalised together.
    """
    factor, shift = next(parts), next(parts)
    channels = factor.shape[1]
    repeats = x.shape[1] // channels
    factor, shift = factor.repeat_interleave(repeats, 1), shift.repeat_interleave(repeats, 1)
    if len(x) > 1:
        normalised = torch.group_norm(x, channels, eps=_EPSILON)
        return torch.addcmul(shift[:, :, None, None], normalised, factor[:, :, None, None])
    if repeats > 1:
        return torch.group_norm(x, channels, factor[0], shift[0], _EPSILON)
    # The same; twenty times as fast on CPUs for bfloat16 and many channels.
    return torch.batch_norm(x, factor[0], shift[0], None, None, True, 0.0, _EPSILON, False)


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


def _mirror_folded(x: Tensor, margin: int) -> Tensor:
    """The folded image with `_FOLD` x margin mirrored pixels on each side.

    Pixel -1 is a copy of pixel 1, and pixel -2 of pixel 2. A folded image has pixels in pairs. `F.pad` mirrors whole
    pairs, with the first pair as the axis. This is right for the first pixels of the pairs at the left and at the top.
    The axis of the second pixels is the edge. At the right and at the bottom it is the other way round.
    """
    x = F.pad(x, (margin,) * 4, mode="reflect")
    phases = x.unflatten(1, (-1, _FOLD, _FOLD))
    rows, columns = phases.movedim(2, 0), phases.movedim(3, 0)
    rows[1, ..., :margin, :] = rows[1, ..., margin : 2 * margin, :].flip(-2)
    rows[0, ..., -margin:, :] = rows[0, ..., -2 * margin : -margin, :].flip(-2)
    columns[1, ..., :margin] = columns[1, ..., margin : 2 * margin].flip(-1)
    columns[0, ..., -margin:] = columns[0, ..., -2 * margin : -margin].flip(-1)
    return x


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
