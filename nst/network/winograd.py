"""Winograd's minimal filtering: 3 x 3 convolutions with fewer multiplications.

Lavin and Gray 2016, "Fast Algorithms for Convolutional Neural Networks", section 4. A tile of the output is OUTPUT
((FILTER g) * (PATCH d)): transform the filter g and the input patch d, multiply elementwise, transform back. Summing
the products over the input channels is a matrix product.

F(4, 3) makes 4 outputs of 6 inputs with 6 multiplications instead of 12. F(4 x 4, 3 x 3) nests it
in both directions: 4 x 4 outputs of a 6 x 6 patch with 36 multiplications instead of 144. Here its
matrices are Kronecker products of the one-dimensional ones, applied to flattened patches.
"""

import math
from collections.abc import Iterator, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

# B^T, G and A^T in the paper's section 4.3.
PATCH = (
    (4.0, 0, -5, 0, 1, 0),
    (0, -4, -4, 1, 1, 0),
    (0, 4, -4, -1, 1, 0),
    (0, -2, -1, 2, 1, 0),
    (0, 2, -1, -2, 1, 0),
    (0, 4, 0, -5, 0, 1),
)
FILTER = (
    (1 / 4, 0, 0),
    (-1 / 6, -1 / 6, -1 / 6),
    (-1 / 6, 1 / 6, -1 / 6),
    (1 / 24, 1 / 12, 1 / 6),
    (1 / 24, -1 / 12, 1 / 6),
    (0, 0, 1),
)
OUTPUT = ((1.0, 1, 1, 1, 1, 0), (0, 1, -1, 2, -2, 0), (0, 1, 1, 4, 4, 0), (0, 1, -1, 8, -8, 1))

BAND_1D, BAND_2D = 2**20, 256
"""Numbers, and patches, that are processed at a time: large enough for fast matrix products, small
enough for the cache."""


class Winograd1d:
    """A 3 x 3 convolution with one zero of padding: F(4, 3) along columns, direct along rows.

    `weight` is outputs x inputs x 3 x 3. A call takes features 1 x inputs x H x W and a bias or
    None, and returns 1 x outputs x H x W. Both are in `dtype` and channels last.
    """

    def __init__(self, weight: Tensor, dtype: torch.dtype) -> None:
        self._outputs, self._inputs = weight.shape[:2]
        filters = weight.new_tensor(FILTER) @ weight.reshape(-1, 3, 3)
        self._along_rows = [
            part.to(dtype, memory_format=torch.channels_last)
            for part in filters.view(self._outputs, self._inputs, 6, 1, 3).unbind(2)
        ]

    def __call__(self, x: Tensor, bias: Tensor | None) -> Tensor:
        height, width = x.shape[2:]
        rows = -(-height // 4)
        bands = list(_bands(rows, width * max(self._inputs, self._outputs), BAND_1D))
        # Allocated once for all bands, which would fragment the heap.
        scratch = x.new_empty(3, bands[0][1], width, self._inputs)
        out = x.new_empty(rows, 4, width, self._outputs)
        for start, stop in bands:
            padded = _band(x, 4 * start - 1, 4 * stop + 1)
            d = [padded[k : k + 4 * (stop - start) - 3 : 4] for k in range(6)]
            self._convolve(d, scratch[:, : stop - start], bias, out[start:stop])
        out = out.view(1, 4 * rows, width, self._outputs)
        return out[:, :height].permute(0, 3, 1, 2)

    def _convolve(self, d: list[Tensor], scratch: Tensor, bias: Tensor | None, out: Tensor) -> None:
        """The six rows `d` of all patches, each patches x W x inputs -> patches x 4 x W x outputs.

        PATCH and OUTPUT are written out as additions, which are far faster than matrix products. The six products are
        computed one after the other, so that their operands stay in the cache.
        """
        even, odd, spectrum = scratch.unbind()
        blocks = out.unbind(1)
        torch.sub(d[4], d[2], alpha=4, out=even)
        torch.sub(d[3], d[1], alpha=4, out=odd)
        torch.add(even, odd, out=spectrum)
        first = self._product(1, spectrum, bias)  # all four outputs contain it once
        torch.sub(even, odd, out=spectrum)
        second = self._product(2, spectrum)
        near, near_odd = first + second, first.sub_(second)
        torch.sub(d[4], d[2], out=even)
        torch.sub(d[3], d[1], out=odd)
        torch.add(even, odd, alpha=2, out=spectrum)
        first = self._product(3, spectrum)
        torch.sub(even, odd, alpha=2, out=spectrum)
        second = self._product(4, spectrum)
        far, far_odd = first + second, first.sub_(second)
        torch.add(near_odd, far_odd, alpha=2, out=blocks[1])
        torch.add(near, far, alpha=4, out=blocks[2])
        torch.add(d[4], d[2], alpha=-5, out=spectrum).add_(d[0], alpha=4)
        torch.add(near, far, out=blocks[0]).add_(self._product(0, spectrum))
        torch.add(d[5], d[3], alpha=-5, out=spectrum).add_(d[1], alpha=4)
        torch.add(near_odd, far_odd, alpha=8, out=blocks[3]).add_(self._product(5, spectrum))

    def _product(self, number: int, spectrum: Tensor, bias: Tensor | None = None) -> Tensor:
        rows = spectrum[None].permute(0, 3, 1, 2)
        product = F.conv2d(rows, self._along_rows[number], bias, padding=(0, 1))
        return product.permute(0, 2, 3, 1)[0]


class Winograd2d:
    """A 3 x 3 convolution with one zero of padding by F(4 x 4, 3 x 3), and its gradient.

    `weight` is outputs x inputs x 3 x 3. In bfloat16 the error of a picture's gradient is 15 % of
    its norm; with direct convolutions it is 11 %.
    """

    def __init__(self, weight: Tensor, dtype: torch.dtype) -> None:
        self._outputs, self._inputs = weight.shape[:2]
        self._filters = spectra_of(weight.permute(2, 3, 1, 0)).to(dtype)
        self._to_patch = _on_patches(PATCH, weight).to(dtype)
        self._to_output = _on_patches(OUTPUT, weight).to(dtype)

    def forward(self, x: Tensor, bias: Tensor | None) -> Tensor:
        """Features 1 x inputs x H x W and a bias or None -> 1 x outputs x H x W."""
        inputs, outputs = self._inputs, self._outputs
        height, width = x.shape[2:]
        rows, columns = -(-height // 4), -(-width // 4)
        out = x.new_empty(rows, 4, columns, 4, outputs)
        bands = list(_bands(rows, columns, BAND_2D))
        # Each step reads one buffer and writes the other, so that both stay in the cache.
        one, other = x.new_empty(2, 36 * bands[0][1] * columns * max(inputs, outputs))
        for start, stop in bands:
            band, count = stop - start, (stop - start) * columns
            padded = _band(x, 4 * start - 1, 4 * stop + 1, 1, 4 * columns - width + 1)
            down, right, _ = padded.stride()
            patches = _shaped(one, 6, 6, band, columns, inputs)
            patches.copy_(padded.as_strided(patches.shape, (down, right, 4 * down, 4 * right, 1)))
            spectrum = _shaped(other, 36, count, inputs)
            torch.mm(self._to_patch, patches.view(36, -1), out=spectrum.view(36, -1))
            product = torch.bmm(spectrum, self._filters, out=_shaped(one, 36, count, outputs))
            blocks = _shaped(other, 4, 4, band, columns, outputs)
            torch.mm(self._to_output, product.view(36, -1), out=blocks.view(16, -1))
            blocks = blocks.permute(2, 0, 3, 1, 4)
            torch.add(blocks, 0 if bias is None else bias, out=out[start:stop])
        out = out.view(1, 4 * rows, 4 * columns, outputs)
        return out[:, :height, :width].permute(0, 3, 1, 2)

    def backward(self, grad: Tensor, _: Tensor | None) -> Tensor:
        """Gradient with respect to the output, 1 x outputs x H x W -> to the input.

        The transposed steps of `forward` in reverse order. Where patches overlap, their gradients add up.
        """
        inputs, outputs = self._inputs, self._outputs
        height, width = grad.shape[2:]
        rows, columns = -(-height // 4), -(-width // 4)
        out = grad.new_zeros(rows + 1, 4, columns + 1, 4, inputs)
        bands = list(_bands(rows, columns, BAND_2D))
        one, other = grad.new_empty(2, 36 * bands[0][1] * columns * max(inputs, outputs))
        for start, stop in bands:
            band, count = stop - start, (stop - start) * columns
            padded = _band(grad, 4 * start, 4 * stop, 0, 4 * columns - width)
            blocks = _shaped(one, 4, 4, band, columns, outputs)
            blocks.copy_(padded.view(band, 4, columns, 4, outputs).permute(1, 3, 0, 2, 4))
            spectrum = _shaped(other, 36, count, outputs)
            torch.mm(self._to_output.T, blocks.view(16, -1), out=spectrum.view(36, -1))
            product = _shaped(one, 36, count, inputs)
            torch.bmm(spectrum, self._filters.transpose(1, 2), out=product)
            patches = _shaped(other, 6, 6, band, columns, inputs)
            torch.mm(self._to_patch.T, product.view(36, -1), out=patches.view(36, -1))
            patches = patches.permute(2, 0, 3, 1, 4)
            target = out[start : stop + 1]
            target[:-1, :, :-1] += patches[:, :4, :, :4]
            target[1:, :2, :-1] += patches[:, 4:, :, :4]
            target[:-1, :, 1:, :2] += patches[:, :4, :, 4:]
            target[1:, :2, 1:, :2] += patches[:, 4:, :, 4:]
        out = out.view(1, 4 * rows + 4, 4 * columns + 4, inputs)
        return out[:, 1 : height + 1, 1 : width + 1].permute(0, 3, 1, 2)


def spectra_of(filters: Tensor) -> Tensor:
    """The transformed filters of F(4 x 4, 3 x 3): 3 x 3 x any shape -> 36 x that shape, without gaps."""
    return (_on_patches(FILTER, filters) @ filters.reshape(9, -1)).view(36, *filters.shape[2:])


def _on_patches(matrix: Sequence[Sequence[float]], like: Tensor) -> Tensor:
    """The two-dimensional transform of flattened patches: the Kronecker square of the matrix."""
    one = like.new_tensor(matrix)
    return torch.kron(one, one)


def _shaped(buffer: Tensor, *shape: int) -> Tensor:
    """The beginning of a flat buffer as a tensor of this shape."""
    return buffer[: math.prod(shape)].view(shape)


def _band(x: Tensor, top: int, bottom: int, left: int = 0, right: int = 0) -> Tensor:
    """Rows `top` to `bottom` of 1 x C x H x W as rows x columns x C, padded with zeros."""
    rows = x.permute(0, 2, 3, 1)[0, max(0, top) : bottom]
    above = max(0, -top)
    margins = (0, 0, left, right, above, bottom - top - above - len(rows))
    return F.pad(rows, margins) if any(margins) else rows


def _bands(rows: int, row_size: int, max_size: int) -> Iterator[tuple[int, int]]:
    """Start and end of bands of at most `max_size`, or of one row of patches if that is larger."""
    step = max(1, max_size // row_size)
    for start in range(0, rows, step):
        yield start, min(rows, start + step)
