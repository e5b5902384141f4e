"""The function that autograd sees: from one wanted layer of a trunk to the next."""

from typing import Any

import torch
from torch import Tensor

from nst.network.kernels import Kernel
from nst.network.pooling import in_bands, integer_view, pool, rows_of, unpool

Part = Kernel | str
"""A convolution, "relu", or one of the ways of pooling, "max" and "average"."""


class Segment(torch.autograd.Function):
    """`Segment.apply(x, parts)`: features in, features out, 1 x C x H x W, through frozen weights.

    Autograd part by part would keep more, and would write a new tensor for each ReLU. Here every
    output is let go as soon as the way back has passed it.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, parts: list[Part]) -> Tensor:
        ctx.passed = []
        for number, part in enumerate(parts):
            kept: Any = None
            if isinstance(part, Kernel):
                x = part.forward(x, part.bias)
            elif part == "relu":
                kept = x = x if number else x.clone()  # the first x is not ours to change
                integer_view(x).clamp_min_(0)
            else:
                if part == "max" and ctx.passed:
                    ctx.passed.pop()  # its way back passes the ReLU before it as well
                shape = x.shape
                x, place = pool(x, part)
                kept = shape, place
            if ctx.needs_input_grad[0]:
                ctx.passed.append((part, kept))
        return x.detach()  # or the output would hold its own history in memory

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        ours = False
        while ctx.passed:
            part, kept = ctx.passed.pop()
            if isinstance(part, Kernel):
                grad = part.backward(grad, None)
            elif part == "relu":
                grad = relu_backward(grad, kept, grad if ours else torch.empty_like(kept))
            else:
                grad = unpool(grad, *kept)
            ours = True
        return grad, None


def relu_backward(grad: Tensor, features: Tensor, out: Tensor) -> Tensor:
    """The gradient before a ReLU, in `out`: `grad` where the features behind it are positive.

    All 1 x C x H x W, the features 0 or more, not -0; `out` may be `grad` itself.
    """
    whole = (rows_of(integer_view(x)) for x in (grad, features, out))
    for band, kept, target in in_bands(*whole):
        torch.mul(band, kept.clamp_max(1), out=target)  # the bits times 0 or 1
    return out
