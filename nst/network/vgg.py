"""A VGG trunk, cut after the deepest layer asked for: pixels -> {layer name: features}.

Only the convolutions are here, and only their gradient with respect to the picture. They run with
the arithmetic that this machine is fastest with, channels last.
"""

import threading
from collections.abc import Iterable, Iterator
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from nst.config import Config
from nst.network.cache import ByteCache
from nst.network.device import Arithmetic, arithmetic_for, device
from nst.network.kernels import Kernel
from nst.network.segment import Part, Segment
from nst.network.weights import Weights, layer_names, local


class Backbone:
    """A trunk on one device, shared by all threads.

    Called with pixels (1 x 3 x H x W, float32, RGB in 0..1) and layer names, it returns the
    features of those layers (1 x C x H' x W', channels last, in `arithmetic.dtype`), which are
    `scale` times the network's own. `conv4_2` is the layer before its ReLU, `relu4_2` after it.
    Raises ValueError for a layer it doesn't have.

    `cache` is for what is computed from its features; it goes when the backbone goes.
    """

    def __init__(
        self,
        weights: Weights,
        where: torch.device | None = None,
        arithmetic: Arithmetic | None = None,
    ) -> None:
        self.name = weights.name
        self.device = where or device()
        self.arithmetic = arithmetic or arithmetic_for(self.device)
        self.scale = self.arithmetic.scale
        self.cache = ByteCache()
        self._weights = weights
        self._mean = torch.tensor(weights.mean, device=self.device).view(1, 3, 1, 1)
        self._kernels: dict[str, Kernel] = {}
        self._lock = threading.Lock()

    def __call__(
        self, pixels: Tensor, layers: Iterable[str], pooling: str = "max"
    ) -> dict[str, Tensor]:
        return dict(self.walk(pixels, layers, pooling))

    def walk(
        self, pixels: Tensor, layers: Iterable[str], pooling: str = "max"
    ) -> Iterator[tuple[str, Tensor]]:
        """The layers with their features, as a call returns them, from shallow to deep.

        Autograd goes back in the reverse order of creation: losses that are computed while one
        walks have their gradients, some as large as the features, made one layer at a time.
        """
        wanted = set(layers)
        known = layer_names(self._weights.blocks)
        if missing := wanted - {*known, *(name.replace("conv", "relu") for name in known)}:
            raise ValueError(f"{self.name} has no layer {', '.join(sorted(missing))}")
        # Zeros beyond the edge would paint a frame; at the first layer the picture goes on.
        x = F.pad(pixels - self._mean, (1, 1, 1, 1), mode="replicate")
        x = x.to(self.arithmetic.dtype, memory_format=torch.channels_last)
        parts: list[Part] = []
        for name in known:
            if not wanted:
                break
            if name.endswith("_1") and name != "conv1_1":
                parts.append(pooling)
            for layer, part in ((name, self._kernel(name)), (name.replace("conv", "relu"), "relu")):
                parts.append(part)
                if layer in wanted:
                    wanted.remove(layer)
                    x = Segment.apply(x, parts)
                    parts = []
                    yield layer, x

    def _kernel(self, name: str) -> Kernel:
        """Made when it is first needed: few settings need the deepest.

        With ReLUs in between, the features of all layers scale as the first weights and all biases.
        """
        with self._lock:
            if name not in self._kernels:
                weight, bias = self._weights.layers[name]
                first = name == "conv1_1"
                if first:
                    std = torch.tensor(self._weights.std).view(1, 3, 1, 1)
                    weight = weight / std * self.scale
                weight, bias = weight.to(self.device), bias * self.scale
                dtype, winograd = self.arithmetic.dtype, self.arithmetic.winograd
                self._kernels[name] = Kernel(weight, bias, dtype, winograd, first)
            return self._kernels[name]


def load_backbone(weights: Weights | None = None, config: Config | None = None) -> Backbone:
    """A backbone on `device()`, from these weights or the best on this machine (no network).

    `config` may fix the arithmetic and name a file of weights; without it, the environment does.
    Raises WeightsError where that file can't be used.
    """
    config = config or Config.from_env()
    where = device()
    arithmetic = arithmetic_for(where, config.precision, config.winograd)
    named = Path(config.vgg19) if config.vgg19 else None
    return Backbone(weights or local(named), where, arithmetic)
