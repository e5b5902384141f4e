"""The convolutions of a trunk: 3 x 3, each with its transpose, in the form that is fastest."""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from nst.network.winograd import Winograd1d, Winograd2d

Convolve = Callable[[Tensor, Tensor | None], Tensor]
"""Features 1 x C x H x W and a bias, or none -> features; channels last, in one number format."""


class Kernel:
    """One convolution of a trunk: `forward`, and `backward` for the gradient before it.

    The first of a trunk takes pixels that are padded already: H + 2 x W + 2 give H x W.
    """

    def __init__(
        self, weight: Tensor, bias: Tensor, dtype: torch.dtype, winograd: bool, first: bool
    ) -> None:
        self.bias = bias.to(weight.device, dtype)
        # The gradient's way back is a convolution with the kernel turned by half a turn.
        back = weight.flip(2, 3).transpose(0, 1)
        self.forward: Convolve
        self.backward: Convolve
        if first:
            self.forward, self.backward = direct(weight, dtype, 0), to_pixels(back.to(dtype))
        elif not winograd:
            self.forward, self.backward = direct(weight, dtype), direct(back, dtype)
        elif max(weight.shape[:2]) <= 128:  # more to multiply, but less to transform
            self.forward, self.backward = Winograd1d(weight, dtype), Winograd1d(back, dtype)
        else:
            both = Winograd2d(weight, dtype)
            self.forward, self.backward = both.forward, both.backward


def direct(weight: Tensor, dtype: torch.dtype, padding: int = 1) -> Convolve:
    """The library's own convolution, with `padding` zeros around."""
    weight = weight.to(dtype, memory_format=torch.channels_last)
    return lambda x, bias: F.conv2d(x, weight, bias, padding=padding)


def to_pixels(weight: Tensor) -> Convolve:
    """A convolution with two zeros of padding to 3 channels, four neighbours of a row at once.

    As 12 channels they fill a register, of which 3 would leave most idle: half the time.
    """
    channels, inputs = weight.shape[:2]
    wide = weight.new_zeros(4, channels, inputs, 3, 6)
    for place in range(4):
        wide[place, :, :, :, place : place + 3] = weight
    wide = wide.flatten(0, 1).contiguous(memory_format=torch.channels_last)

    def convolve(x: Tensor, bias: Tensor | None) -> Tensor:
        fours = F.conv2d(x, wide, bias, stride=(1, 4), padding=(2, 6)).permute(0, 2, 3, 1)
        pixels = fours.reshape(1, x.shape[2] + 2, -1, channels).permute(0, 3, 1, 2)
        return pixels[..., 4 : x.shape[3] + 6]  # the first four lie beyond the padding

    return convolve
