"""The fused convolution of `winograd.cpp`.

It saves a third of a step on two cores. Where it can't be compiled, or if its results are wrong, PyTorch's operations
are used.
"""

import ctypes
import logging
from functools import cache

import torch
import torch.nn.functional as F
from torch import Tensor

from nst.network.compiled import library
from nst.network.winograd import spectra_of

log = logging.getLogger("nst")

_FUNCTIONS = {torch.float32: "convolve_float32", torch.bfloat16: "convolve_bfloat16"}


class FusedConvolution:
    """A 3 x 3 convolution with one zero of padding, for `supports` (weight, dtype)."""

    def __init__(self, weight: Tensor, dtype: torch.dtype) -> None:
        functions = library("winograd")
        assert functions is not None
        self._outputs, self._inputs = weight.shape[:2]
        self._convolve = getattr(functions, _FUNCTIONS[dtype])
        self._filters = _packed(weight, functions.filter_block(), dtype)

    def __call__(self, x: Tensor, bias: Tensor | None, relu: bool = False, mask: Tensor | None = None) -> Tensor:
        """Features 1 x inputs x H x W -> 1 x outputs x H x W, channels last.

        `bias` is None or in float32. With `relu` a ReLU follows. The result is 0 where `mask`, of its shape, is 0.
        """
        x = x.contiguous(memory_format=torch.channels_last)
        _, inputs, height, width = x.shape
        out = x.new_empty(1, height, width, self._outputs)
        pointers = [None if tensor is None else ctypes.c_void_p(tensor.data_ptr()) for tensor in (bias, mask)]
        self._convolve(
            *(ctypes.c_void_p(tensor.data_ptr()) for tensor in (x, out, self._filters)),
            *pointers,
            height,
            width,
            inputs,
            self._outputs,
            relu,
            torch.get_num_threads(),
        )
        return out.permute(0, 3, 1, 2)


def supports(weight: Tensor, dtype: torch.dtype) -> bool:
    """Whether `FusedConvolution` takes this weight, outputs x inputs x 3 x 3, in this number format, here."""
    outputs, inputs = weight.shape[:2]
    return weight.device.type == "cpu" and inputs % 32 == 0 and outputs % 64 == 0 and is_available(dtype)


@cache
def is_available(dtype: torch.dtype) -> bool:
    """Whether the convolution compiles on this machine for this number format, and its results are right."""
    functions = library("winograd")
    if dtype not in _FUNCTIONS or functions is None or not hasattr(functions, _FUNCTIONS[dtype]):
        return False
    random = torch.Generator().manual_seed(0)
    x, weight, bias = (
        torch.randn(shape, generator=random, dtype=torch.float32) for shape in ((1, 64, 9, 13), (64, 64, 3, 3), (64,))
    )
    x = x.to(dtype)
    result = FusedConvolution(weight, dtype)(x, bias, relu=True)
    expected = F.conv2d(x.float(), weight, bias, padding=1).relu()
    error = float((result.float() - expected).norm() / expected.norm())
    limit = 1e-5 if dtype == torch.float32 else 0.05
    if not error < limit:
        log.warning("the compiled convolution is not used: its relative error is %.2g", error)
    return error < limit


def _packed(weight: Tensor, block: int, dtype: torch.dtype) -> Tensor:
    """The filters in the order in which the inner loop reads them.

    36 x blocks of outputs x inputs x outputs of a block; in bfloat16 pairs of inputs come last.
    """
    outputs, inputs = weight.shape[:2]
    filters = spectra_of(weight).view(36, outputs // block, block, inputs).to(dtype)
    if dtype == torch.bfloat16:
        return filters.unflatten(3, (-1, 2)).permute(0, 1, 3, 2, 4).contiguous()
    return filters.transpose(2, 3).contiguous()
