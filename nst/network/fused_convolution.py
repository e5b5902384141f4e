"""Convolutions in C++ that include what comes before and after them: ReLU, pooling, and the gradients of both.

`amx.cpp` is for processors with a matrix unit, `winograd.cpp` for others. They save a sixth and a third of a step on
two cores. Where they can't be compiled, or if their results are wrong, PyTorch's operations are used.
"""

import ctypes
import logging
from functools import cache

import torch
import torch.nn.functional as F
from torch import Tensor

from nst.network.compiled import library
from nst.network.pooling import pool, unpool
from nst.network.processor import processor_flags
from nst.network.winograd import spectra_of

log = logging.getLogger("nst")

Pooling = tuple[torch.Size, Tensor]
"""The last two arguments of `nst.network.pooling.unpool`."""


class FusedConvolution:
    """A 3 x 3 convolution with one zero of padding, for `supports` (weight, dtype, winograd).

    Features are channels last. `bias` is None or in float32.
    """

    def __init__(self, weight: Tensor, dtype: torch.dtype, winograd: bool) -> None:
        functions = _functions(dtype, winograd)
        assert functions is not None
        self._outputs, self._inputs = weight.shape[:2]
        self._convolve = getattr(functions, _name(dtype))
        in_order = _spectra if winograd else _panels
        self._filters = in_order(weight, functions.filter_block(), dtype)

    def __call__(
        self,
        x: Tensor,
        bias: Tensor | None = None,
        relu: bool = False,
        mask: Tensor | None = None,
        pooling: Pooling | None = None,
    ) -> Tensor:
        """Features 1 x inputs x H x W -> 1 x outputs x H x W.

        With `relu` a ReLU follows. The result is 0 where `mask`, of its shape, is 0. With `pooling`, x is a gradient
        for which `nst.network.pooling.unpool` is computed first.
        """
        shape, positions = pooling or (x.shape, None)
        out = x.new_empty(1, *shape[2:], self._outputs)
        self._run(shape, relu, x, out, bias, mask, positions, None)
        return out.permute(0, 3, 1, 2)

    def pooled(self, x: Tensor, bias: Tensor) -> tuple[Tensor, Pooling]:
        """The result after a ReLU and `nst.network.pooling.pool` with "max", and what `unpool` needs.

        H and W are 2 or more.
        """
        height, width = x.shape[2:]
        out = x.new_empty(1, height // 2, width // 2, self._outputs)
        positions = out.new_empty(out.shape[1:], dtype=torch.int8)
        self._run(x.shape, True, x, out, bias, None, None, positions)
        return out.permute(0, 3, 1, 2), (torch.Size((1, self._outputs, height, width)), positions)

    def _run(self, shape: torch.Size, relu: bool, x: Tensor, out: Tensor, *others: Tensor | None) -> None:
        x = x.contiguous(memory_format=torch.channels_last)
        pointers = (t if t is None else ctypes.c_void_p(t.data_ptr()) for t in (x, out, self._filters, *others))
        if not self._convolve(*pointers, *shape[2:], self._inputs, self._outputs, relu, torch.get_num_threads()):
            raise MemoryError("there is not enough memory for a convolution")


def supports(weight: Tensor, dtype: torch.dtype, winograd: bool) -> bool:
    """Whether `FusedConvolution` takes this weight, outputs x inputs x 3 x 3, in this number format, here."""
    outputs, inputs = weight.shape[:2]
    multiple = outputs % 64 == 0 and inputs % 32 == 0
    return weight.device.type == "cpu" and multiple and is_available(dtype, winograd)


@cache
def is_available(dtype: torch.dtype, winograd: bool) -> bool:
    """Whether the convolution compiles on this machine for this number format, and its results are right."""
    functions = _functions(dtype, winograd)
    if functions is None or not hasattr(functions, _name(dtype)):
        return False
    random = torch.Generator().manual_seed(0)
    x, weight, bias = (
        torch.randn(shape, generator=random, dtype=torch.float32) for shape in ((1, 64, 9, 13), (64, 64, 3, 3), (64,))
    )
    convolve, x = FusedConvolution(weight, dtype, winograd), x.to(dtype)
    result = convolve(x, bias, relu=True)
    expected = F.conv2d(x.float(), weight, bias, padding=1).relu()
    error = float((result.float() - expected).norm() / expected.norm())
    limit = 1e-5 if dtype == torch.float32 else 0.05 if winograd else 0.01
    pooled, pooling = convolve.pooled(x, bias)
    grad = convolve(pooled, mask=result, pooling=pooling)
    same = torch.equal(pooled, pool(result, "max")[0]) and torch.equal(
        grad, convolve(unpool(pooled, *pooling), mask=result)
    )
    if not (error < limit and same):
        log.warning(
            "the compiled convolution is not used: its relative error is %.2g, pooling is right: %s", error, same
        )
    return error < limit and same


def _functions(dtype: torch.dtype, winograd: bool) -> ctypes.CDLL | None:
    """The functions of `winograd.cpp` or `amx.cpp`; None where they can't be used."""
    if winograd:
        return library("winograd")
    if dtype != torch.bfloat16 or "amx_bf16" not in processor_flags():
        return None
    functions = library("amx")
    return functions if functions and functions.is_permitted() else None


def _name(dtype: torch.dtype) -> str:
    return f"convolve_{dtype}".replace("torch.", "")


def _spectra(weight: Tensor, block: int, dtype: torch.dtype) -> Tensor:
    """The filters in the order in which the inner loop of `winograd.cpp` reads them.

    Blocks have `block` outputs. The shape is 36 x blocks x inputs x block. In bfloat16 pairs of inputs come last: 36 x
    blocks x inputs / 2 x block x 2.
    """
    blocks = weight.unflatten(0, (-1, block)).permute(3, 4, 0, 2, 1)
    filters = spectra_of(blocks).to(dtype)
    if dtype == torch.bfloat16:
        return filters.unflatten(2, (-1, 2)).transpose(3, 4).contiguous()
    return filters


def _panels(weight: Tensor, block: int, dtype: torch.dtype) -> Tensor:
    """The filters in the order in which the inner loop of `amx.cpp` reads them.

    Blocks have `block` outputs. The shape is blocks x 3 rows x inputs / 32 x 3 columns x 16 x block x 2, where 16 x 2
    are 32 inputs in pairs.
    """
    outputs, inputs = weight.shape[:2]
    panels = weight.to(dtype).reshape(outputs // block, block, inputs // 32, 16, 2, 3, 3)
    return panels.permute(0, 5, 2, 6, 3, 1, 4).contiguous()
