"""The 3 x 3 convolutions of VGG and their gradients, each by its fastest algorithm."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from nst.network.fused_convolution import FusedConvolution, Pooling, supports
from nst.network.packed_convolution import Convolution
from nst.network.pooling import pool, unpool
from nst.network.relu import relu_, relu_backward
from nst.network.winograd import Winograd1d, Winograd2d

Convolve = Callable[[Tensor, Tensor | None], Tensor]
"""Features 1 x C x H x W, and a bias or None -> features; channels last, in one number format."""


class Kernel:
    """One convolution, and the gradient with respect to its input.

    The first layer takes pixels that are already padded: (H + 2) x (W + 2) -> H x W.
    """

    def __init__(
        self, weight: Tensor, bias: Tensor, dtype: torch.dtype, *, winograd: bool, fused: bool, first: bool
    ) -> None:
        # The transpose of a convolution is a convolution with the kernel rotated by 180 degrees.
        back = weight.flip(2, 3).transpose(0, 1)
        self._fused = fused and all(supports(each, dtype, winograd) for each in (weight, back))
        self._relu_is_fused = self._fused or first or not winograd
        self._bias = bias.to(weight.device, torch.float32 if self._fused else dtype)
        self._forward: Any
        self._backward: Any
        if self._fused:
            self._forward, self._backward = (FusedConvolution(each, dtype, winograd) for each in (weight, back))
        elif first:
            self._forward, self._backward = Convolution(weight.to(dtype), (0, 0)), to_pixels(back.to(dtype))
        elif not winograd:
            self._forward, self._backward = Convolution(weight.to(dtype)), Convolution(back.to(dtype))
        elif max(weight.shape[:2]) <= 128:  # cheaper transforms
            self._forward, self._backward = Winograd1d(weight, dtype), Winograd1d(back, dtype)
        else:
            both = Winograd2d(weight, dtype)
            self._forward, self._backward = both.forward, both.backward

    def forward(self, x: Tensor, relu: bool) -> Tensor:
        """Features 1 x inputs x H x W -> 1 x outputs x H x W, after a ReLU if `relu`."""
        if self._relu_is_fused:
            return self._forward(x, self._bias, relu=relu)
        out = self._forward(x, self._bias)
        return relu_(out) if relu else out

    def forward_pooled(self, x: Tensor) -> tuple[Tensor, Pooling]:
        """`forward` with a ReLU and `pool` with "max", and what `unpool` needs."""
        if self._fused and min(x.shape[2:]) > 1:
            return self._forward.pooled(x, self._bias)
        features = self.forward(x, relu=True)
        pooled, positions = pool(features, "max")
        assert positions is not None
        return pooled, (features.shape, positions)

    def backward(self, grad: Tensor, features: Tensor | None, pooling: Pooling | None = None) -> Tensor:
        """Gradient with respect to the output -> to the input.

        With `features`, the input that a ReLU produced, it is the gradient with respect to that ReLU's input. With
        `pooling`, from `forward_pooled`, `grad` is the gradient with respect to the pooled result.
        """
        if self._fused:
            return self._backward(grad, mask=features, pooling=pooling)
        if pooling:
            grad = unpool(grad, *pooling)
        grad = self._backward(grad, None)
        return grad if features is None else relu_backward(grad, features, grad)


def to_pixels(weight: Tensor) -> Convolve:
    """A convolution to 3 channels, with two zeros of padding, in half of PyTorch's time.

    It computes four neighbouring pixels of a row as 12 channels, with a wider kernel and a stride of 4. Three channels
    alone would leave most of a vector register idle.
    """
    channels, inputs = weight.shape[:2]
    wide = weight.new_zeros(4, channels, inputs, 3, 6)
    for offset in range(4):
        wide[offset, :, :, :, offset : offset + 3] = weight
    wider = Convolution(wide.flatten(0, 1), padding=(2, 6), stride=(1, 4))

    def convolve(x: Tensor, bias: Tensor | None) -> Tensor:
        fours = wider(x, bias).permute(0, 2, 3, 1)
        pixels = fours.reshape(1, x.shape[2] + 2, -1, channels).permute(0, 3, 1, 2)
        return pixels[..., 4 : x.shape[3] + 6]  # the first four are outside the padded picture

    return convolve
