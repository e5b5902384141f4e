"""A chain of layers as a single autograd function."""

from typing import Any

import torch
from torch import Tensor

from nst.network.kernels import Kernel
from nst.network.pooling import pool, unpool
from nst.network.relu import relu_, relu_backward

Part = Kernel | str  # a convolution, "relu", or a kind of pooling, "max" or "average"


class Segment(torch.autograd.Function):
    """`Segment.apply(x, parts, in_place)`: features 1 x C x H x W through layers with constant weights.

    It spans the layers between two outputs of VGG. One autograd function per layer would save more tensors, and would
    allocate a new one for each ReLU; here ReLUs work in place. The backward pass frees each saved output as soon as it
    has used it. With `in_place` it may overwrite the gradient that it gets.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, parts: list[Part], in_place: bool = False) -> Tensor:
        ctx.passed, ctx.in_place = [], in_place
        remaining = list(parts)
        while remaining:
            part = remaining.pop(0)
            saved: Any = None
            if isinstance(part, Kernel) and remaining[:2] == ["relu", "max"]:
                x, saved = part.forward_pooled(x)
                del remaining[:2]
            elif isinstance(part, Kernel):
                x = part.forward(x, relu=remaining[:1] == ["relu"])
            elif part == "relu":
                first = len(remaining) + 1 == len(parts)
                saved = x = relu_(x.clone()) if first else x  # the input belongs to the caller
            else:
                shape = x.shape
                x, positions = pool(x, part)
                saved = shape, positions
            if ctx.needs_input_grad[0]:
                ctx.passed.append((part, saved))
        return x.detach()  # otherwise the saved output would keep its own graph alive

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None]:
        in_place = ctx.in_place
        while ctx.passed:
            part, saved = ctx.passed.pop()
            if isinstance(part, Kernel):
                # The gradient of the ReLU that made the input is cheaper along with the convolution's.
                of_relu = ctx.passed and ctx.passed[-1][0] == "relu"
                grad = part.backward(grad, ctx.passed.pop()[1] if of_relu else None, saved)
            elif part == "relu":
                grad = relu_backward(grad, saved, grad if in_place else torch.empty_like(saved))
            else:
                grad = unpool(grad, *saved)
            in_place = True
        return grad, None, None
