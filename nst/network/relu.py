"""The ReLU in place, and its gradient, without autograd."""

import torch
from torch import Tensor

from nst.network.compiled import operation
from nst.network.pooling import at_once, in_bands, integer_view, rows_of


def relu_(x: Tensor) -> Tensor:
    """The larger of each value and 0, in place; -0 becomes 0.

    16-bit floats are compared as integers with the same bits, which is faster: see `nst.network.pooling`.
    """
    if x.dtype.itemsize > 2:
        return torch.threshold_(x, 0.0, 0.0)  # keeps NaN
    integer_view(x).clamp_min_(0)
    return x


def relu_backward(grad: Tensor, features: Tensor, out: Tensor) -> Tensor:
    """The gradient with respect to a ReLU's input, in `out`: `grad` where its output is positive.

    All are 1 x C x H x W. `features` are the ReLU's output, 0 or more and not -0. `out` may be
    `grad` itself.
    """
    compiled = operation("relu_gradient", grad)
    if compiled and all(rows_of(x).is_contiguous() for x in (grad, features, out)):
        compiled(grad, features, out, grad.shape[2] * grad.shape[3], grad.shape[1])
        return out
    if at_once(grad):
        # As H x W x C, without gaps: PyTorch on MPS is reported to give wrong gradients for permuted tensors.
        threshold_backward = torch.ops.aten.threshold_backward.grad_input
        threshold_backward(rows_of(grad), rows_of(features), 0, grad_input=rows_of(out))
        return out
    views = (rows_of(integer_view(x)) for x in (grad, features, out))
    for grad_band, features_band, out_band in in_bands(*views):
        torch.mul(grad_band, features_band.clamp_max(1), out=out_band)  # the bits times 0 or 1
    return out
