"""One network, one pass, any style (Ghiasi et al. 2017): a reader of styles and a painter.

The reader is a MobileNet v2 (Sandler et al. 2018) that turns a picture into STYLE numbers; from
those, the painter's norms take a factor and a shift for each channel (conditional instance
normalisation, Dumoulin et al. 2017). Both work at any size.
"""

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor

Numbers = Mapping[str, Tensor]
"""A network's weights and biases, by layer: "reader.3.expand.weight" is out x in x k x k."""

STYLE = 100
"""Numbers that tell a style."""

MULTIPLE = 4
"""The painter works on sides that are whole multiples of it."""

READER_MULTIPLE = 32

_BLOCKS, _STRIDED = 17, (1, 3, 6, 13)
_EPSILON = 1e-5


def read_style(picture: Tensor, numbers: Numbers) -> Tensor:
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


def paint(photo: Tensor, styles: Tensor, numbers: Numbers) -> Tensor:
    """The photo, 1 x 3 x H x W in 0..1, in each of N styles (N x STYLE): N x 3 x H x W in 0..1.

    H and W are whole multiples of MULTIPLE.
    """
    x = _mirrored(photo, numbers, "painter.contract1").relu()
    for name in "painter.contract2", "painter.contract3":
        x = _mirrored(x, numbers, name, stride=2).relu()
    x = x.expand(len(styles), -1, -1, -1)
    for number in range(1, 6):
        name = f"painter.residual{number}"
        inner = _styled(x, styles, numbers, f"{name}.1").relu()
        x = x + _styled(inner, styles, numbers, f"{name}.2")
    for name in "painter.expand1", "painter.expand2":
        x = F.interpolate(x, scale_factor=2, mode="nearest")
        x = _styled(x, styles, numbers, name).relu()
    return _styled(x, styles, numbers, "painter.expand3").sigmoid()


def _styled(x: Tensor, styles: Tensor, numbers: Numbers, name: str) -> Tensor:
    """A convolution and an instance norm whose factor and shift the styles tell."""
    factor, shift = (
        _conv(styles[:, :, None, None], numbers, f"{name}.{kind}") for kind in ("factor", "shift")
    )
    x = _mirrored(x, numbers, name)
    variance, mean = torch.var_mean(x, (2, 3), correction=0, keepdim=True)
    factor = factor * (variance + _EPSILON).rsqrt()
    return torch.addcmul(shift - mean * factor, x, factor)


def _mirrored(x: Tensor, numbers: Numbers, name: str, stride: int = 1) -> Tensor:
    """A convolution whose surroundings are the picture in a mirror."""
    reach = numbers[f"{name}.weight"].shape[2] // 2
    return _conv(F.pad(x, (reach,) * 4, mode="reflect"), numbers, name, stride)


def _strided(x: Tensor, numbers: Numbers, name: str) -> Tensor:
    """A convolution of every second position, with zeros to the right and below."""
    return _conv(F.pad(x, (0, 1, 0, 1)), numbers, name, stride=2)


def _conv(x: Tensor, numbers: Numbers, name: str, stride: int = 1, padding: int = 0) -> Tensor:
    weight = numbers[f"{name}.weight"]
    groups = x.shape[1] // weight.shape[1]
    return F.conv2d(x, weight, numbers.get(f"{name}.bias"), stride, padding, groups=groups)
