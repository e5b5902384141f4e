"""Free and needed memory, and the allocators that keep freed blocks."""

import ctypes
import math
import os
from functools import cache
from pathlib import Path

import torch

from nst.network import cgroup

MEMINFO = Path("/proc/meminfo")  # where Linux says how much memory the whole machine has left

STATM = Path("/proc/self/statm")  # where Linux says how large this process is, in pages

BYTES_PER_PIXEL = {"cpu": (1800, 2800), "cuda": (1400, 2500), "mps": (1900, 3400)}
"""Memory of a run by device type: in a 16-bit and in a 32-bit format. See `needed_memory`."""

FIXED_BYTES = {"cpu": 0.35e9, "cuda": 0.6e9, "mps": 0.6e9}
"""Memory that does not depend on the size: kernels, targets of the styles, a GPU's libraries."""

TILE_PIXELS = 896**2  # of a tile with its margin

TILED_BYTES, TILED_BYTES_ON_GPU = 190, 260
"""Memory per pixel of a picture in tiles: pixels, gradients and six curvature pairs, the photo and its features. On a
CPU the pairs have 16 bits."""

GUIDED_FEATURES = 122  # features per pixel in the five default style layers; each masked region stores them again


def needed_memory(pixels: float, dtype: torch.dtype, device: torch.device, regions: int = 0) -> float:
    """Bytes that a run of so many pixels takes, besides PyTorch and the network.

    `regions` is the number of regions with a mask; their memory is derived.

    CPU: measured over six steps of the default settings with VGG-16, as the peak of the process
    minus its memory before (0.7 GB).

        format      512^2    1024^2   2048^2 pixels
        float32     0.74     2.6      -      GB
        bfloat16    0.7      2.0      6.5    GB
        float16     0.8      -        -      GB

    To this the constants add 170 bytes per pixel for the optimiser's memory, which fills in later steps, and 100 for
    the additional layers of VGG-19.

    GPUs: derived from the tensors that are alive at once, counted on the CPU (1650 bytes per pixel
    in float32, 930 in 16 bits, with curvature pairs in float32). CUDA takes 1.5 times that, for gaps
    in its cache and for the workspace of its libraries. MPS takes twice that, because it copies
    features into a layout of its own. Any other type of device is assumed to be like MPS.
    """
    kind = device.type if device.type in BYTES_PER_PIXEL else "mps"
    half, single = BYTES_PER_PIXEL[kind]
    # In float16 the guided features are float32.
    guided = GUIDED_FEATURES * (2 if dtype == torch.bfloat16 else 4)
    per_pixel = (half if dtype.itemsize == 2 else single) + regions * guided
    return FIXED_BYTES[kind] + pixels * per_pixel


def tiled_memory(pixels: float, dtype: torch.dtype, device: torch.device, regions: int = 0) -> float:
    """As `needed_memory`, for a picture in tiles: features of one tile, and TILED_BYTES per pixel of the picture."""
    per_pixel = (TILED_BYTES if device.type == "cpu" else TILED_BYTES_ON_GPU) + 16 * regions
    return needed_memory(TILE_PIXELS, dtype, device, regions) + pixels * per_pixel


def free_memory(device: torch.device) -> float:
    """Bytes available on the device; infinity if the system does not say.

    Memory that PyTorch has reserved on a GPU but does not use counts as available.
    """
    if device.type == "cuda":
        reserved = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
        return torch.cuda.mem_get_info(device)[0] + reserved
    if device.type == "mps":
        return torch.mps.recommended_max_memory() - torch.mps.current_allocated_memory()
    of_machine = 1024 * cgroup.number(MEMINFO, "MemAvailable:", math.inf)
    return min(of_machine, cgroup.free_memory())  # a container may have less than its machine


def return_freed_memory(device: torch.device | None = None) -> None:
    """Return freed blocks to the system, before blocks of other sizes are needed.

    This empties the heap of the C library and, if a device is passed, PyTorch's cache on it.
    Refilling that cache stalls a GPU for milliseconds: do it once per scale, not every few steps.
    """
    if libc := _glibc():
        libc.malloc_trim(0)
    if device is not None and device.type == "cuda":
        torch.cuda.empty_cache()
    if device is not None and device.type == "mps":
        torch.mps.empty_cache()


class HeapTrimmer:
    """Call it after each step: it returns freed memory when the process has grown by a tenth.

    Such growth means that the heap is fragmented. To return memory costs a fifth of a step: the next step has to get
    its pages again.
    """

    def __init__(self) -> None:
        self._before = 0.0

    def __call__(self) -> None:
        resident = resident_memory()
        if not self._before:
            self._before = resident
        elif resident > 1.1 * self._before:
            return_freed_memory()
            self._before = 0.0


def resident_memory() -> float:
    """Bytes of this process in memory; 0 where the system does not say."""
    try:
        return int(STATM.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return 0.0


def tune_allocator() -> None:
    """Make glibc keep large freed blocks for the next step instead of returning them to the system.

    Call it at the start of a program, before it starts threads: existing threads keep their heaps.
    It affects the whole process, so importing `nst` doesn't do it. Without glibc it does nothing.

    Every step frees and allocates the same hundreds of megabytes, and fresh pages for them take a quarter of the step.
    All threads share one heap, because separate heaps fragment; they cost a run in a thread, as on the page, 5 %.
    """
    if libc := _glibc():
        trim_threshold, mmap_max, arena_max = -1, -4, -8
        libc.mallopt(trim_threshold, 2**31 - 1)
        libc.mallopt(mmap_max, 0)
        libc.mallopt(arena_max, 1)


@cache
def _glibc() -> ctypes.CDLL | None:
    try:
        return ctypes.CDLL("libc.so.6")
    except OSError:
        return None
