"""The convolutional layers of VGG (Simonyan and Zisserman 2015): pixels -> features by layer.

Weights are constant; gradients are computed for the pixels only. Tensors are channels last, in the fastest arithmetic
of the machine.
"""

import threading
from collections.abc import Callable, Generator, Iterable
from contextlib import suppress
from dataclasses import astuple
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from nst.config import Config
from nst.errors import InputError
from nst.network.cache import ByteCache
from nst.network.device import Arithmetic, arithmetic_for, default_device
from nst.network.isolation import isolated
from nst.network.kernels import Kernel
from nst.network.segment import Part, Segment
from nst.network.weights import Weights, layer_names, local_weights

_IMAGENET_STD = 0.226  # standard deviation of a photo's colours, 0..1: mean of the three channels


class Backbone:
    """A VGG on one device. Threads may share it.

    A call with pixels (1 x 3 x H x W, float32, RGB in 0..1) and layer names returns the features of
    those layers by name: 1 x C x H' x W', channels last, in `arithmetic.dtype`, and `scale` times
    the network's. `conv4_2` is a layer before its ReLU, `relu4_2` after it. Raises ValueError for a
    layer that it doesn't have.

    `gain` is the size of its features, relative to those of a network whose input has a variance
    of 1, as torchvision's. `cache` is for values computed from its features.
    """

    def __init__(
        self, weights: Weights, device: torch.device | None = None, arithmetic: Arithmetic | None = None
    ) -> None:
        self.name, self.blocks = weights.name, weights.blocks
        self.device = device or default_device()
        self.arithmetic = arithmetic or arithmetic_for(self.device)
        self.scale = self.arithmetic.scale
        self.gain = self.scale * _IMAGENET_STD * len(weights.std) / sum(weights.std)
        self.cache = ByteCache()
        self._weights = weights
        self._mean = torch.tensor(weights.mean, dtype=torch.float32, device=self.device).view(1, 3, 1, 1)
        self._kernels: dict[str, Kernel] = {}
        self._lock = threading.Lock()

    def __call__(self, pixels: Tensor, layers: Iterable[str], pooling: str = "max") -> dict[str, Tensor]:
        return dict(self.walk(pixels, layers, pooling))

    def visit(
        self, pixels: Tensor, layers: Iterable[str], visitor: Callable[[str, Tensor], Tensor], pooling: str = "max"
    ) -> None:
        """Call `visitor` with each layer and its features, as `walk` does; the next layer takes what it returns.

        The backward pass overwrites the gradient of what `visitor` returns.
        """
        walk = self.walk(pixels, layers, pooling, in_place=True)
        with suppress(StopIteration):
            visited = next(walk)
            while True:
                visited = walk.send(visitor(*visited))

    def walk(
        self, pixels: Tensor, layers: Iterable[str], pooling: str = "max", in_place: bool = False
    ) -> Generator[tuple[str, Tensor], Tensor | None, None]:
        """Yield (layer, features) from shallow to deep; arguments as in a call.

        Autograd runs in the reverse order of creation. If each loss is computed before the next layer is requested,
        only one layer's gradient, which is as large as its features, exists at a time. With `in_place` the backward
        pass may overwrite the gradients of the features.
        """
        remaining = set(layers)
        names = layer_names(self._weights.blocks)
        if missing := remaining - {*names, *(name.replace("conv", "relu") for name in names)}:
            raise InputError(f"{self.name} has no layer {', '.join(sorted(missing))}")
        # Padding with zeros would paint a frame, so the first layer repeats the edge.
        x = F.pad(pixels - self._mean, (1, 1, 1, 1), mode="replicate")
        x = x.to(self.arithmetic.dtype, memory_format=torch.channels_last)
        parts: list[Part] = []
        for name in names:
            if not remaining:
                break
            if name.endswith("_1") and name != "conv1_1":
                parts.append(pooling)
            for layer, part in ((name, self._kernel(name)), (name.replace("conv", "relu"), "relu")):
                parts.append(part)
                if layer in remaining:
                    remaining.remove(layer)
                    x = Segment.apply(x, parts, in_place)
                    parts = []
                    replaced = yield layer, x
                    x = x if replaced is None else replaced

    def _kernel(self, name: str) -> Kernel:
        """The convolution of a layer, created when it is first needed.

        ReLU networks are homogeneous: scaling the first weights and all biases scales all features.
        """
        with self._lock:
            if name not in self._kernels:
                weight, bias = self._weights.layers[name]
                first = name == "conv1_1"
                if first:
                    std = torch.tensor(self._weights.std, dtype=torch.float32).view(1, 3, 1, 1)
                    weight = weight / std * self.scale
                weight, bias = weight.to(self.device), bias * self.scale
                dtype, winograd, fused = astuple(self.arithmetic)
                self._kernels[name] = Kernel(weight, bias, dtype, winograd=winograd, fused=fused, first=first)
            return self._kernels[name]


@isolated
def load_backbone(
    weights: Weights | None = None, config: Config | None = None, device: torch.device | None = None
) -> Backbone:
    """A backbone with these weights, or with the best on this machine. By default it is on `default_device()`.

    `config` may fix the arithmetic and name a file of weights; default: the environment variables.
    Raises WeightsError if that file can't be used.
    """
    config = config or Config.from_env()
    device = device or default_device()
    arithmetic = arithmetic_for(device, config.precision, config.winograd)
    path = Path(config.vgg19) if config.vgg19 else None
    return Backbone(weights or local_weights(path), device, arithmetic)
