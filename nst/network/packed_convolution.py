"""A convolution with constant weights. On a CPU it keeps the filters in oneDNN's order and fuses a ReLU.

`conv2d` reorders the filters in each call. For 512 channels and a small picture that takes as long as the convolution.
The operations of oneDNN are not public; `torch.compile` uses them. Where they are missing or differ, `conv2d` is used.
"""

import logging
from functools import cache
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from nst.network.relu import relu_

log = logging.getLogger("nst")

Pair = tuple[int, int]


class Convolution:
    """A convolution with constant weights; features are channels last, in the weights' number format."""

    def __init__(self, weight: Tensor, padding: Pair = (1, 1), stride: Pair = (1, 1)) -> None:
        self._padding, self._stride = padding, stride
        self._packed = weight.is_cpu and is_available(weight.dtype)
        if self._packed:
            self._weight = _pack(weight, padding, stride)
        else:
            self._weight = weight.contiguous(memory_format=torch.channels_last)

    def __call__(self, x: Tensor, bias: Tensor | None = None, relu: bool = False) -> Tensor:
        """Features 1 x inputs x H x W -> 1 x outputs x H' x W', after a ReLU if `relu`."""
        if self._packed:
            return _convolve(x, self._weight, bias, self._padding, self._stride, "relu" if relu else "none")
        out = F.conv2d(x, self._weight, bias, self._stride, self._padding)
        return relu_(out) if relu else out


@cache
def is_available(dtype: torch.dtype) -> bool:
    """Whether oneDNN's operations are there for this number format and give the same as `conv2d`."""
    if dtype not in (torch.float32, torch.bfloat16) or not torch.backends.mkldnn.is_available():
        return False
    random = torch.Generator().manual_seed(0)
    x, weight, bias = (torch.randn(shape, generator=random).to(dtype) for shape in ((1, 8, 7, 9), (8, 8, 3, 3), (8,)))
    x = x.contiguous(memory_format=torch.channels_last)
    try:
        packed = _pack(weight, (1, 1), (1, 1))
        results = [_convolve(x, packed, bias, (1, 1), (1, 1), kind) for kind in ("none", "relu")]
    except (AttributeError, RuntimeError) as error:
        log.info("oneDNN's operations are not used: %s", str(error).partition("\n")[0])
        return False
    expected = F.conv2d(x, weight, bias, padding=1)
    same = torch.allclose(torch.stack(results), torch.stack([expected, expected.relu()]), rtol=0.01, atol=0.01)
    return same and results[0].is_contiguous(memory_format=torch.channels_last)


def _pack(weight: Tensor, padding: Pair, stride: Pair) -> Tensor:
    plain = weight.contiguous().to_mkldnn()
    return torch._C._nn.mkldnn_reorder_conv2d_weight(plain, list(padding), list(stride), [1, 1], 1)


def _convolve(x: Tensor, weight: Any, bias: Tensor | None, padding: Pair, stride: Pair, after: str) -> Tensor:
    return torch.ops.mkldnn._convolution_pointwise(x, weight, bias, padding, stride, (1, 1), 1, after, [], "")
