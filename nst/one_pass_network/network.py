"""One network, one pass, any style (Ghiasi et al. 2017): a reader of styles and a painter.

The reader is a MobileNet v2 (Sandler et al. 2018) that turns a picture into STYLE numbers. From
those follow the NORMS numbers that the painter needs: a factor and a shift for each channel of its
norms (conditional instance normalisation, Dumoulin et al. 2017). Both work at any size.

Theirs paints at a quarter of the size, where a stroke is as long as it sees. Ours looks at an
eighth and a sixteenth first, for the large forms.
"""

import math
from collections.abc import Iterator, Mapping, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

Numbers = Mapping[str, Tensor]
"""A network's weights and biases, by layer: "reader.3.expand.weight" is out x in x k x k."""

STYLE = 100  # numbers that the reader tells of a style

_QUARTER = tuple(f"residual{block}" for block in range(1, 6))
_AHEAD, _BEHIND = ("ahead1", "ahead2"), ("behind1", "behind2")
_DEEP = tuple(f"deep{block}" for block in range(1, 5))
WIDE = 64
"""Channels at an eighth of the size; at a sixteenth there are twice as many, at a quarter half."""

STYLED = {
    **{f"painter.{block}.{part}": WIDE for block in _AHEAD for part in (1, 2)},
    **{f"painter.{block}.{part}": 2 * WIDE for block in _DEEP for part in (1, 2)},
    **{f"painter.{block}.{part}": WIDE for block in _BEHIND for part in (1, 2)},
    **{f"painter.{block}.{part}": WIDE // 2 for block in _QUARTER for part in (1, 2)},
    "painter.expand1": 16,
    "painter.expand2": 8,
    "painter.expand3": 3,
}
"""The painter's convolutions that have a norm, in their order, and their channels.

Most are in residual blocks: at an eighth, at a sixteenth, at an eighth again, at a quarter.
"""

DEEP = _AHEAD + _DEEP + _BEHIND  # the blocks that theirs does not have

NORMS = 2 * sum(STYLED.values()) + 1
"""Numbers that the painter needs of a style: 3767. The last tells how much of what is seen at an
eighth of the size and below counts: all of it at 1."""

MULTIPLE = 16  # the painter works on sides that are whole multiples of it

READER_MULTIPLE = 32

_BLOCKS, _STRIDED = 17, (1, 3, 6, 13)
_EPSILON = 2e-3
"""Variance added in the norms; in photos a channel has 0.025 and more.

The network comes with 1e-5, which changes a picture by a third of a level in 255. But in a picture
that is the same everywhere only rounding varies, and norms would blow it up.
"""
_FOLD = 2
"""Pixels on the side of the squares that a folded picture has for pixels; they are its channels."""

_KINDS = "factor", "shift"


def encode_style(picture: Tensor, numbers: Numbers) -> Tensor:
    """A style's numbers, 1 x STYLE, of a picture 1 x 3 x H x W in 0..1.

    Its sides are whole multiples of READER_MULTIPLE; it was trained on 256 x 256.
    """
    x = _strided(picture, numbers, "reader.first").clamp(0, 6)
    for block in range(_BLOCKS):
        name, before = f"reader.{block}", x
        if block:
            x = _conv(x, numbers, f"{name}.expand").clamp(0, 6)
        deep = f"{name}.depthwise"
        x = _strided(x, numbers, deep) if block in _STRIDED else _conv(x, numbers, deep, padding=1)
        x = _conv(x.clamp(0, 6), numbers, f"{name}.project")
        if x.shape == before.shape:
            x = x + before
    x = _conv(x, numbers, "reader.last").clamp(0, 6)
    return _conv(x.mean((2, 3), keepdim=True), numbers, "reader.style").flatten(1)


def cin_parameters(styles: Tensor, numbers: Numbers) -> Tensor:
    """What the painter needs, N x NORMS, of N styles as the reader tells them, N x STYLE."""
    told = styles[:, :, None, None]
    kinds = [_conv(told, numbers, f"{name}.{kind}") for name in STYLED for kind in _KINDS]
    return torch.cat([*kinds, torch.ones_like(told[:, :1])], 1).flatten(1)


def paint(photo: Tensor, norms: Tensor, numbers: Numbers) -> Tensor:
    """The photo, 1 x 3 x H x W in 0..1, in each of N styles (N x NORMS): N x 3 x H x W in 0..1.

    Or N photos, each in its own. H and W are whole multiples of MULTIPLE.
    """
    widths = [width for width in STYLED.values() for _ in _KINDS]
    *norm, depth = norms[:, :, None, None].split([*widths, 1], 1)
    parts = iter(norm)
    x = F.pixel_shuffle(_wide(photo, numbers, "painter.contract1"), _FOLD).relu()
    for name in "painter.contract2", "painter.contract3":
        x = _mirrored(x, numbers, name, stride=2).relu()
    eighth = _mirrored(x, numbers, "painter.contract4", stride=2).relu()
    x, eighth = (known.expand(len(norms), -1, -1, -1) for known in (x, eighth))
    eighth = _residual(eighth, numbers, parts, _AHEAD)
    deep = _mirrored(eighth, numbers, "painter.contract5", stride=2).relu()
    deep = _residual(deep, numbers, parts, _DEEP)
    eighth = eighth + _doubled(_conv(deep, numbers, "painter.rise1"))
    eighth = _residual(eighth, numbers, parts, _BEHIND)
    x = x + depth * _doubled(_conv(eighth, numbers, "painter.rise2"))
    x = _residual(x, numbers, parts, _QUARTER)
    for name in "painter.expand1", "painter.expand2":
        x = F.pixel_shuffle(_normed(_grown(x, numbers, name), parts).relu(), _FOLD)
    x = _normed(_wide(x, numbers, "painter.expand3"), parts)
    return F.pixel_shuffle(x.sigmoid(), _FOLD)


def _residual(
    x: Tensor, numbers: Numbers, parts: Iterator[Tensor], blocks: Sequence[str]
) -> Tensor:
    """What each block adds to the features, one block after the other."""
    for block in blocks:
        inner = _normed(_mirrored(x, numbers, f"painter.{block}.1"), parts).relu()
        x = x + _normed(_mirrored(inner, numbers, f"painter.{block}.2"), parts)
    return x


def _doubled(x: Tensor) -> Tensor:
    return F.interpolate(x, scale_factor=2, mode="bilinear")


def _normed(x: Tensor, parts: Iterator[Tensor]) -> Tensor:
    """An instance norm with the next factor and the next shift of the style.

    Of a folded picture, the channels that were one are still one to it.
    """
    factor, shift = next(parts), next(parts)
    known = factor.shape[1]
    each = x.shape[1] // known
    x = torch.group_norm(x, known, eps=_EPSILON)  # the quickest that torch has for channels last
    return torch.addcmul(shift.repeat_interleave(each, 1), x, factor.repeat_interleave(each, 1))


def _wide(x: Tensor, numbers: Numbers, name: str) -> Tensor:
    """A large kernel on few channels at full size, as a small one on the folded picture.

    The same sums in an order that processors are twice as fast with. The answer is folded, too.
    """
    weight, bias = numbers[f"{name}.weight"], numbers.get(f"{name}.bias")
    kernel = _folded(weight)
    beyond = kernel.shape[2] // 2 * _FOLD
    x = F.pixel_unshuffle(F.pad(x, (beyond,) * 4, mode="reflect"), _FOLD)
    return F.conv2d(x, kernel, bias if bias is None else bias.repeat_interleave(_FOLD**2))


def _grown(x: Tensor, numbers: Numbers, name: str) -> Tensor:
    """The picture twice as large, each pixel four times, and a convolution of that; folded."""
    kernel = _folded(numbers[f"{name}.weight"])
    alike = kernel.unflatten(1, (-1, _FOLD**2)).sum(2)
    return F.conv2d(F.pad(x, (1,) * 4, mode="replicate"), alike)


def _folded(weight: Tensor) -> Tensor:
    """The kernel that does to a picture whose squares of pixels are channels what this one does."""
    side = weight.shape[2]
    reach = math.ceil(side // 2 / _FOLD) * _FOLD
    room = 2 * reach + _FOLD
    before = [reach - side // 2 + pixel for pixel in range(_FOLD)]
    moved = [
        F.pixel_unshuffle(F.pad(weight, (x, room - side - x, y, room - side - y)), _FOLD)
        for y in before
        for x in before
    ]
    return torch.stack(moved, 1).flatten(0, 1)


def _mirrored(x: Tensor, numbers: Numbers, name: str, stride: int = 1) -> Tensor:
    """A convolution whose surroundings are the picture in a mirror; of one pixel, the same."""
    reach = numbers[f"{name}.weight"].shape[2] // 2
    mode = "reflect" if min(x.shape[2:]) > reach else "replicate"
    return _conv(F.pad(x, (reach,) * 4, mode=mode), numbers, name, stride)


def _strided(x: Tensor, numbers: Numbers, name: str) -> Tensor:
    """A convolution of every second position, with zeros to the right and below."""
    return _conv(F.pad(x, (0, 1, 0, 1)), numbers, name, stride=2)


def _conv(x: Tensor, numbers: Numbers, name: str, stride: int = 1, padding: int = 0) -> Tensor:
    weight = numbers[f"{name}.weight"]
    groups = x.shape[1] // weight.shape[1]
    return F.conv2d(x, weight, numbers.get(f"{name}.bias"), stride, padding, groups=groups)
