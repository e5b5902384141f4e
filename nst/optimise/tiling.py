"""Cuts a picture into tiles whose features are those of the whole picture."""

from collections.abc import Collection, Iterator
from typing import NamedTuple

from torch import Tensor

from nst.network.weights import layer_names


class Tile(NamedTuple):
    """A part of a picture, `core`, and the pixels that its features depend on, `outer`; each top, bottom, left, right.

    The cores of all tiles cover the picture, without overlap.
    """

    core: tuple[int, int, int, int]
    outer: tuple[int, int, int, int]

    def crop(self, pixels: Tensor) -> Tensor:
        """A view of the outer part of a picture ... x H x W."""
        top, bottom, left, right = self.outer
        return pixels[..., top:bottom, left:right]

    def core_of(self, features: Tensor, stride: int, whole: tuple[int, int]) -> Tensor:
        """The core's part of the outer part's features, a view; `whole` is the picture's height and width."""
        top, bottom, left, right = self.core_at(stride, whole)
        down, across = self.outer[0] // stride, self.outer[2] // stride
        return features[..., top - down : bottom - down, left - across : right - across]

    def core_at(self, stride: int, whole: tuple[int, int]) -> tuple[int, int, int, int]:
        """The core in the whole picture's features, which pooling has shrunk by `stride`."""
        top, bottom, left, right = self.core
        height, width = whole
        # Pooling drops an odd last row.
        end, edge = (min(stop // stride, side // stride) for stop, side in ((bottom, height), (right, width)))
        return top // stride, end, left // stride, edge


def tiles(whole: tuple[int, int], side: int, margin: int = 0, unit: int = 1) -> list[Tile]:
    """Tiles of a height and width with cores of about `side` pixels at most, and `margin` around them.

    Inner edges lie on multiples of `unit`.
    """
    height, width = whole
    result = []
    for top, bottom in _parts(height, side, unit):
        for left, right in _parts(width, side, unit):
            outer = (
                max(0, top - margin),
                min(height, bottom + margin),
                max(0, left - margin),
                min(width, right + margin),
            )
            result.append(Tile((top, bottom, left, right), outer))
    return result


def _parts(length: int, side: int, unit: int) -> Iterator[tuple[int, int]]:
    """Start and end of equal parts."""
    count = -(-length // side)
    step = -(-length // (count * unit)) * unit
    for start in range(0, length, step):
        yield start, min(length, start + step)


def stride_of(layer: str) -> int:
    """The distance, in pixels, of neighbouring positions of a layer such as "relu4_1"."""
    return 2 ** (int(layer[4]) - 1)


def reach(layers: Collection[str], blocks: tuple[int, ...]) -> tuple[int, int]:
    """How far features of these layers depend on pixels beyond their own, and their largest stride, both in pixels.

    The former is rounded up to a multiple of the latter. `blocks` are the numbers of convolutions of a VGG. A
    convolution depends on the neighbouring positions; the windows of pooling do not overlap.
    """
    names = layer_names(blocks)
    deepest = max((names.index(layer.replace("relu", "conv")) for layer in layers), default=0)
    strides = [stride_of(name) for name in names[: deepest + 1]]
    unit = max(strides)
    return -(-sum(strides) // unit) * unit, unit
