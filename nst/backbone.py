"""A VGG trunk, cut after the deepest layer asked for: pixels -> {layer name: features}.

Only the convolutions are here, and only their gradient with respect to the picture. They run in
the number format that this machine is fastest with, channels last.
"""

import ctypes
import math
import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from nst import weights as sources
from nst.weights import Weights

CGROUP = Path("/sys/fs/cgroup")
"""Where a container's limits are told."""


@cache
def device() -> torch.device:
    """The device that paints: CUDA, else MPS, else the CPU."""
    if torch.cuda.is_available():
        return torch.device("cuda")
    if torch.backends.mps.is_available():
        return torch.device("mps")
    torch.set_num_threads(min(torch.get_num_threads(), cores()))
    return torch.device("cpu")


def cores() -> int:
    """Processor cores that this process may use.

    A container sees all of its machine's, but its quota may be two: more threads than that would
    be held up, all of them, again and again.
    """
    own = getattr(os, "sched_getaffinity", lambda _: range(os.cpu_count() or 1))(0)
    told = ""
    if (limit := CGROUP / "cpu.max").is_file():  # such as "200000 100000": quota and period
        told = limit.read_text()
    elif (limit := CGROUP / "cpu/cpu.cfs_quota_us").is_file():  # version 1; no quota: -1
        told = limit.read_text() + limit.with_name("cpu.cfs_period_us").read_text()
    quota, _, period = told.strip().replace("\n", " ").partition(" ")
    if quota.isdigit() and int(period):
        return max(1, min(len(own), round(int(quota) / int(period))))
    return len(own)


@cache
def number_format(where: torch.device) -> torch.dtype:
    """bfloat16 where the device is clearly faster with it, else float32."""
    if where.type == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported(False) else torch.float32
    if where.type == "mps":
        return torch.float32
    weight = torch.ones(128, 128, 3, 3)
    seconds = {
        dtype: _time(_direct(weight, 1, dtype), 128, dtype)
        for dtype in (torch.float32, torch.bfloat16)
    }
    # The margin keeps the choice the same from start to start: with bfloat16 units it is
    # two to four times faster, without them three times slower.
    faster = seconds[torch.bfloat16] < 0.8 * seconds[torch.float32]
    return torch.bfloat16 if faster else torch.float32


@cache
def winograd_wins(where: torch.device, dtype: torch.dtype) -> bool:
    """Whether wide layers are clearly faster by Winograd's filtering than by the library.

    cuDNN has a Winograd of its own, CPU libraries have none. 512 channels at 64 x 64 took 27 ms
    instead of 66 in float32 on an Ice Lake, 9 instead of 19 in bfloat16 on a Zen 5; but where the
    processor has matrix units (AMX) nothing is left to win: 6 ms and 7. It is close nowhere, or the
    same settings would not paint the same pixels from start to start.
    """
    if where.type != "cpu":
        return False
    weight = torch.ones(512, 512, 3, 3)
    by_winograd, _ = _winograd_2d(weight, dtype)
    return _time(by_winograd, 512, dtype) < 0.75 * _time(_direct(weight, 1, dtype), 512, dtype)


def free_memory(where: torch.device) -> float:
    """Bytes that a run may still take on the device; infinity where nobody tells."""
    if where.type == "cuda":
        return torch.cuda.mem_get_info(where)[0]
    free = float("inf")
    if (system := Path("/proc/meminfo")).is_file():
        told = dict(line.split(":") for line in system.read_text().splitlines())
        free = int(told["MemAvailable"].split()[0]) * 1024
    # A container may have less than the machine it runs on.
    limit, used = (CGROUP / name for name in ("memory.max", "memory.current"))
    if limit.is_file() and (most := limit.read_text().strip()).isdigit():
        free = min(free, int(most) - int(used.read_text()))
    return free


def return_freed_memory() -> None:
    """Give the system back what was kept, when blocks of other sizes are going to be needed."""
    if libc := _glibc():
        libc.malloc_trim(0)


class Backbone:
    """A trunk on one device, shared by all threads.

    Called with pixels (1 x 3 x H x W, float32, RGB in 0..1) and layer names, it returns the
    features of those layers (1 x C x H' x W', channels last, in `dtype`). `conv4_2` is the layer
    before its ReLU, `relu4_2` after it.
    """

    def __init__(
        self,
        weights: Weights,
        where: torch.device | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        self.name = weights.name
        self.device = where or device()
        self.dtype = dtype or number_format(self.device)
        self._weights = weights
        self._mean = torch.tensor(weights.mean, device=self.device).view(1, 3, 1, 1)
        self._kernels: dict[str, _Kernel] = {}
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
        known = list(sources.layer_names(self._weights.blocks))
        if missing := wanted - {*known, *(name.replace("conv", "relu") for name in known)}:
            raise ValueError(f"{self.name} has no layer {', '.join(sorted(missing))}")
        # Zeros beyond the edge would paint a frame; at the first layer the picture goes on.
        x = F.pad(pixels - self._mean, (1, 1, 1, 1), mode="replicate")
        x = x.to(self.dtype, memory_format=torch.channels_last)
        way: list[_Part] = []
        for name in known:
            if not wanted:
                break
            if name.endswith("_1") and name != "conv1_1":
                way.append(pooling)
            for layer, part in ((name, self._kernel(name)), (name.replace("conv", "relu"), "relu")):
                way.append(part)
                if layer in wanted:
                    wanted.remove(layer)
                    x = _Stretch.apply(x, way)
                    way = []
                    yield layer, x

    def _kernel(self, name: str) -> "_Kernel":
        with self._lock:
            if name not in self._kernels:
                weight, bias = self._weights.layers[name]
                if name == "conv1_1":
                    weight = weight / torch.tensor(self._weights.std).view(1, 3, 1, 1)
                self._kernels[name] = _Kernel(weight.to(self.device), bias, self.dtype, name)
            return self._kernels[name]


def load_backbone(weights: Weights | None = None) -> Backbone:
    """A backbone from these weights, or from the best that is on this machine (no network)."""
    return Backbone(weights or sources.local())


class _Kernel:
    """One convolution, 3 x 3, and its transpose."""

    def __init__(self, weight: Tensor, bias: Tensor, dtype: torch.dtype, name: str) -> None:
        self.bias = bias.to(weight.device, dtype)
        # The gradient's way back is a convolution with the kernel turned by half a turn.
        back = weight.flip(2, 3).transpose(0, 1)
        if name == "conv1_1":
            self.forward, self.backward = _direct(weight, 0, dtype), _to_pixels(back.to(dtype))
        elif not winograd_wins(weight.device, dtype):
            self.forward, self.backward = _direct(weight, 1, dtype), _direct(back, 1, dtype)
        elif max(weight.shape[:2]) <= 128:  # more to multiply, but less to transform
            self.forward, self.backward = _winograd_1d(weight, dtype), _winograd_1d(back, dtype)
        else:
            self.forward, self.backward = _winograd_2d(weight, dtype)


Convolve = Callable[[Tensor, Tensor | None], Tensor]
"""Features and a bias, or none -> features."""

_Part = _Kernel | str
"""A convolution, "relu", or one of the ways of pooling."""


class _Stretch(torch.autograd.Function):
    """The way from one wanted layer to the next, with frozen weights: features in, features out.

    Autograd part by part would keep more, and would write a new tensor for each ReLU. Here every
    output is let go as soon as the way back has passed it.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, way: list[_Part]) -> Tensor:
        ctx.passed = []
        for number, part in enumerate(way):
            kept: Any = None
            if isinstance(part, _Kernel):
                x = part.forward(x, part.bias)
            elif part == "relu":
                kept = x = x if number else x.clone()  # the first x is not ours to change
                x.view(_whole(x)).clamp_min_(0)
            else:
                if part == "max" and ctx.passed:
                    ctx.passed.pop()  # its way back passes the ReLU before it as well
                shape = x.shape
                x, largest = _pool(x, part)
                kept = shape, largest
            if ctx.needs_input_grad[0]:
                ctx.passed.append((part, kept))
        return x.detach()  # or the output would hold its own history in memory

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        ours = False
        while ctx.passed:
            part, kept = ctx.passed.pop()
            if isinstance(part, _Kernel):
                grad = part.backward(grad, None)
            elif part == "relu":
                out = grad if ours else torch.empty_like(kept)
                grad = torch.ops.aten.threshold_backward.grad_input(grad, kept, 0, grad_input=out)
            else:
                grad = _unpool(grad, *kept)
            ours = True
        return grad, None


POOLED_ROWS = 16
"""Rows that a processor works on at once: they stay in its cache."""


def _pooled_bands(*wholes: Tensor) -> Iterator[tuple[Tensor, ...]]:
    rows = POOLED_ROWS if wholes[0].is_cpu else max(1, len(wholes[0]))
    return zip(*(whole.split(rows) for whole in wholes), strict=True)


def _pool(x: Tensor, pooling: str) -> tuple[Tensor, Tensor | None]:
    """Features of half the height and width; for "max" also the place of the largest of four.

    That is 0 to 3, of top left, bottom left, top right, bottom right, the first of equals, and 4
    where all are zero: in one byte, for the way back, where the features would take eight.
    """
    if pooling != "max":
        return F.avg_pool2d(x, 2), None
    top, bottom = _halves(x)
    height, width, _, channels = top.shape
    out = x.new_empty(height, width, channels)
    place = out.new_empty(out.shape, dtype=torch.int8)
    for band_top, band_bottom, largest, band_place in _pooled_bands(
        top, bottom, out.view(_whole(x)), place
    ):
        left, right = torch.maximum(band_top, band_bottom).unbind(2)
        torch.maximum(left, right, out=largest)
        wins = torch.lt(left, right, out=torch.empty_like(largest))
        below = torch.lt(band_top, band_bottom, out=torch.empty_like(band_top))
        found = (below[:, :, 1] - below[:, :, 0]).add_(2).mul_(wins).add_(below[:, :, 0])
        band_place.copy_(found.add_(torch.eq(largest, 0, out=wins), alpha=4))
    return out[None].permute(0, 3, 1, 2), place


def _unpool(grad: Tensor, shape: torch.Size, place: Tensor | None) -> Tensor:
    """The gradient before the pooling, and before the ReLU if it is of the largest of four."""
    if place is None:
        two, zero = [2, 2], [0, 0]
        like = grad.new_empty(1).expand(shape)
        return torch.ops.aten.avg_pool2d_backward(grad, like, two, two, zero, False, True, None)
    out = torch.empty_like(grad.new_empty(1).expand(shape), memory_format=torch.channels_last)
    out[:, :, 2 * grad.shape[2] :] = 0
    out[:, :, :, 2 * grad.shape[3] :] = 0
    top, bottom = _halves(out)
    corners = (top[:, :, 0], bottom[:, :, 0], top[:, :, 1], bottom[:, :, 1])
    given = grad.permute(0, 2, 3, 1)[0].view(_whole(grad))
    for band, band_place, *band_corners in _pooled_bands(given, place, *corners):
        found = band_place.to(band.dtype)
        for number, corner in enumerate(band_corners):
            torch.mul(band, torch.eq(found, number, out=torch.empty_like(found)), out=corner)
    return out


def _halves(x: Tensor) -> tuple[Tensor, ...]:
    """The even and the odd rows of features that are pooled two by two, each H/2 x W/2 x 2 x C.

    As whole numbers: behind a ReLU no feature is negative.
    """
    rows = x.permute(0, 2, 3, 1)[0].view(_whole(x))
    rows = rows[: rows.shape[0] // 2 * 2, : rows.shape[1] // 2 * 2]
    return rows.unflatten(1, (-1, 2)).unflatten(0, (-1, 2)).unbind(1)


def _whole(x: Tensor) -> torch.dtype:
    """The whole numbers that the bits of these floats are.

    They have the same sign, and the same order where none is negative, and a processor compares and
    masks them several times faster than bfloat16.
    """
    return {2: torch.int16, 4: torch.int32, 8: torch.int64}[x.dtype.itemsize]


def _direct(weight: Tensor, padding: int | tuple[int, int], dtype: torch.dtype) -> Convolve:
    weight = weight.to(dtype, memory_format=torch.channels_last)
    return lambda x, bias: F.conv2d(x, weight, bias, padding=padding)


def _to_pixels(weight: Tensor) -> Convolve:
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


# Winograd's minimal filtering. F(4, 3): six numbers give four outputs with 6 multiplications
# instead of 12. F(4x4, 3x3): a 6 x 6 patch gives 4 x 4 outputs with 36 instead of 144; its matrices
# are applied to rows and columns at once, as a Kronecker product on the flattened patch. Matrices:
# Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks", 2016.
_PATCH = torch.tensor(
    [
        [4.0, 0, -5, 0, 1, 0],
        [0, -4, -4, 1, 1, 0],
        [0, 4, -4, -1, 1, 0],
        [0, -2, -1, 2, 1, 0],
        [0, 2, -1, -2, 1, 0],
        [0, 4, 0, -5, 0, 1],
    ]
)
_FILTER = torch.tensor(
    [
        [1 / 4, 0, 0],
        [-1 / 6, -1 / 6, -1 / 6],
        [-1 / 6, 1 / 6, -1 / 6],
        [1 / 24, 1 / 12, 1 / 6],
        [1 / 24, -1 / 12, 1 / 6],
        [0, 0, 1],
    ]
)
_OUTPUT = torch.tensor(
    [
        [1.0, 1, 1, 1, 1, 0],
        [0, 1, -1, 2, -2, 0],
        [0, 1, 1, 4, 4, 0],
        [0, 1, -1, 8, -8, 1],
    ]
)
_PATCH_2D, _FILTER_2D, _OUTPUT_2D = (torch.kron(m, m) for m in (_PATCH, _FILTER, _OUTPUT))


def _winograd_1d(weight: Tensor, dtype: torch.dtype) -> Convolve:
    """A convolution with one zero of padding: F(4, 3) down the columns, direct along the rows."""
    outputs, inputs = weight.shape[:2]
    filters = (_FILTER @ weight.reshape(-1, 3, 3)).view(outputs, inputs, 6, 1, 3)
    along_rows = [_direct(part, (0, 1), dtype) for part in filters.unbind(2)]

    def product(number: int, spectrum: Tensor, bias: Tensor | None = None) -> Tensor:
        found = along_rows[number](spectrum[None].permute(0, 3, 1, 2), bias)
        return found.permute(0, 2, 3, 1)[0]

    def convolve(x: Tensor, bias: Tensor | None) -> Tensor:
        height, width = x.shape[2:]
        rows = -(-height // 4)
        bands = list(_bands(rows, width * max(inputs, outputs), BAND_1D))
        # Made once: what comes and goes in every band would leave holes in memory.
        scratch = x.new_empty(3, bands[0][1], width, inputs)
        out = x.new_empty(rows, 4, width, outputs)
        for start, stop in bands:
            padded = _band(x, 4 * start - 1, 4 * stop + 1)
            d = [padded[k : k + 4 * (stop - start) - 3 : 4] for k in range(6)]
            even, odd, spectrum = scratch[:, : stop - start].unbind()
            # _PATCH and _OUTPUT by hand, which as matrix products would take far longer, and one
            # product after the other: what is at work then stays in the cache.
            torch.sub(d[4], d[2], alpha=4, out=even)
            torch.sub(d[3], d[1], alpha=4, out=odd)
            torch.add(even, odd, out=spectrum)
            first = product(1, spectrum, bias)  # it is in each of the four outputs, once
            torch.sub(even, odd, out=spectrum)
            second = product(2, spectrum)
            near, near_odd = first + second, first.sub_(second)
            torch.sub(d[4], d[2], out=even)
            torch.sub(d[3], d[1], out=odd)
            torch.add(even, odd, alpha=2, out=spectrum)
            first = product(3, spectrum)
            torch.sub(even, odd, alpha=2, out=spectrum)
            second = product(4, spectrum)
            far, far_odd = first + second, first.sub_(second)
            blocks = out[start:stop].unbind(1)
            torch.add(near_odd, far_odd, alpha=2, out=blocks[1])
            torch.add(near, far, alpha=4, out=blocks[2])
            torch.add(d[4], d[2], alpha=-5, out=spectrum).add_(d[0], alpha=4)
            torch.add(near, far, out=blocks[0]).add_(product(0, spectrum))
            torch.add(d[5], d[3], alpha=-5, out=spectrum).add_(d[1], alpha=4)
            torch.add(near_odd, far_odd, alpha=8, out=blocks[3]).add_(product(5, spectrum))
        return out.view(1, 4 * rows, width, outputs)[:, :height].permute(0, 3, 1, 2)

    return convolve


def _winograd_2d(weight: Tensor, dtype: torch.dtype) -> tuple[Convolve, Convolve]:
    """A convolution with one zero of padding and its transpose, on the same filters.

    In bfloat16 the error of a picture's gradient is 11 % of its length, 7 % by direct convolutions.
    """
    outputs, inputs = weight.shape[:2]
    filters = (_FILTER_2D @ weight.reshape(-1, 9).T).view(36, outputs, inputs)
    filters = filters.transpose(1, 2).to(dtype).contiguous()
    to_patch, to_output = _PATCH_2D.to(dtype), _OUTPUT_2D.to(dtype)

    def forward(x: Tensor, bias: Tensor | None) -> Tensor:
        height, width = x.shape[2:]
        rows, columns = -(-height // 4), -(-width // 4)
        out = x.new_empty(rows, 4, columns, 4, outputs)
        bands = list(_bands(rows, columns, BAND_2D))
        # From one into the other and back: two pieces of memory that stay in the cache.
        one, other = x.new_empty(2, 36 * bands[0][1] * columns * max(inputs, outputs))
        for start, stop in bands:
            band, count = stop - start, (stop - start) * columns
            padded = _band(x, 4 * start - 1, 4 * stop + 1, 1, 4 * columns - width + 1)
            down, right, _ = padded.stride()
            patches = _shaped(one, 6, 6, band, columns, inputs)
            patches.copy_(padded.as_strided(patches.shape, (down, right, 4 * down, 4 * right, 1)))
            spectrum = _shaped(other, 36, count, inputs)
            torch.mm(to_patch, patches.view(36, -1), out=spectrum.view(36, -1))
            product = torch.bmm(spectrum, filters, out=_shaped(one, 36, count, outputs))
            blocks = _shaped(other, 4, 4, band, columns, outputs)
            torch.mm(to_output, product.view(36, -1), out=blocks.view(16, -1))
            blocks = blocks.permute(2, 0, 3, 1, 4)
            torch.add(blocks, 0 if bias is None else bias, out=out[start:stop])
        out = out.view(1, 4 * rows, 4 * columns, outputs)
        return out[:, :height, :width].permute(0, 3, 1, 2)

    def backward(grad: Tensor, _: Tensor | None) -> Tensor:
        """The same steps transposed, in reverse: what was gathered from overlapping patches is
        added up in them."""
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
            torch.mm(to_output.T, blocks.view(16, -1), out=spectrum.view(36, -1))
            product = _shaped(one, 36, count, inputs)
            torch.bmm(spectrum, filters.transpose(1, 2), out=product)
            patches = _shaped(other, 6, 6, band, columns, inputs)
            torch.mm(to_patch.T, product.view(36, -1), out=patches.view(36, -1))
            patches = patches.permute(2, 0, 3, 1, 4)
            target = out[start : stop + 1]
            target[:-1, :, :-1] += patches[:, :4, :, :4]
            target[1:, :2, :-1] += patches[:, 4:, :, :4]
            target[:-1, :, 1:, :2] += patches[:, :4, :, 4:]
            target[1:, :2, 1:, :2] += patches[:, 4:, :, 4:]
        out = out.view(1, 4 * rows + 4, 4 * columns + 4, inputs)
        return out[:, 1 : height + 1, 1 : width + 1].permute(0, 3, 1, 2)

    return forward, backward


def _shaped(memory: Tensor, *shape: int) -> Tensor:
    """The first numbers of flat memory in this shape."""
    return memory[: math.prod(shape)].view(shape)


def _band(x: Tensor, top: int, bottom: int, left: int = 0, right: int = 0) -> Tensor:
    """Rows `top` to `bottom` of 1 x C x H x W as rows x columns x C, with zeros beyond the edge."""
    rows = x.permute(0, 2, 3, 1)[0, max(0, top) : bottom]
    above = max(0, -top)
    margins = (0, 0, left, right, above, bottom - top - above - len(rows))
    return F.pad(rows, margins) if any(margins) else rows


def _bands(rows: int, row: int, most: int) -> Iterator[tuple[int, int]]:
    """Rows of patches that are worked on at once: all of them would fill memory with spectra."""
    step = max(1, most // row)
    for start in range(0, rows, step):
        yield start, min(rows, start + step)


BAND_1D, BAND_2D = 2**20, 256
"""Numbers that go into one convolution, and patches: enough for products to run at full speed."""


def _time(convolve: Convolve, channels: int, dtype: torch.dtype) -> float:
    """Seconds of a convolution in the middle of the trunk, the best of five."""
    x = torch.ones(1, channels, 64, 64, dtype=dtype).to(memory_format=torch.channels_last)
    best = float("inf")
    with torch.no_grad():
        for _ in range(5):
            start = time.perf_counter()
            convolve(x, None)
            best = min(best, time.perf_counter() - start)
    return best


@cache
def _glibc() -> ctypes.CDLL | None:
    try:
        return ctypes.CDLL("libc.so.6")
    except OSError:
        return None


def _keep_freed_memory() -> None:
    """Let glibc keep large freed blocks for the next step instead of returning them to the system.

    Every step frees and asks for the same hundreds of megabytes; fresh pages for each of them cost
    a quarter of the step. All threads share one heap: others would be in small parts, which come
    and go, and cost a run in a thread, as a page's, 5 %.
    """
    if libc := _glibc():
        trim_threshold, mmap_max, arena_max = -1, -4, -8
        libc.mallopt(trim_threshold, 2**31 - 1)
        libc.mallopt(mmap_max, 0)
        libc.mallopt(arena_max, 1)


_keep_freed_memory()  # here, since a thread that has begun keeps the heap it has
