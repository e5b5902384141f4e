"""Memory: how much is left, and how what was freed is kept for the next who asks."""

import ctypes
from functools import cache
from pathlib import Path

import torch

CGROUP = Path("/sys/fs/cgroup")
"""Where a container's limits are told."""


BYTES_PER_PIXEL = {"cpu": (1800, 2800), "cuda": (1300, 2400), "mps": (1700, 3200)}
"""Of a run, by the kind of device: in a format of 16 bits and in one of 32; see `needed_memory`."""
FIXED_BYTES = {"cpu": 0.35e9, "cuda": 0.6e9, "mps": 0.6e9}
"""Whatever the size: kernels, the study of the styles, a GPU's libraries."""
GUIDED_FEATURES = 122
"""Numbers for a pixel in the five default style layers, kept once more for each masked region."""


def needed_memory(
    pixels: float, dtype: torch.dtype, where: torch.device, regions: int = 0
) -> float:
    """Bytes that a run of so many pixels takes, besides PyTorch and the network.

    `regions` are those with a mask: what they take is derived. Measured on a CPU, of six steps with
    the default settings and VGG-16, as the peak of the process less what it had before (0.7 GB),
    for 512^2, 1024^2 and 2048^2 pixels: 0.7, 2.0 and 6.5 GB in bfloat16; 0.74 and 2.6 GB in
    float32; 0.8 GB at 512^2 in float16. Added is what such a run doesn't touch: 170 bytes a pixel
    that the optimiser fills in later steps, and 100 of the layers that VGG-19 has more.

    Not measured on GPUs: there it is derived from the tensors that are alive at once, counted on
    the CPU (1550 bytes a pixel in float32, 830 in 16 bits), times one and a half for CUDA, whose
    cache leaves gaps and whose libraries want room to work, and times two for MPS, which copies
    features into a layout of its own. Another kind of device is taken to be like MPS.
    """
    kind = where.type if where.type in BYTES_PER_PIXEL else "mps"
    short, full = BYTES_PER_PIXEL[kind]
    guided = GUIDED_FEATURES * (2 if dtype == torch.bfloat16 else 4)  # float16's are float32
    each = (short if dtype.itemsize == 2 else full) + regions * guided
    return FIXED_BYTES[kind] + pixels * each


def free_memory(where: torch.device) -> float:
    """Bytes that a run may still take on the device; infinity where nobody tells.

    What PyTorch has taken from a GPU and keeps for later is free for its next tensors.
    """
    if where.type == "cuda":
        kept = torch.cuda.memory_reserved(where) - torch.cuda.memory_allocated(where)
        return torch.cuda.mem_get_info(where)[0] + kept
    if where.type == "mps":
        return torch.mps.recommended_max_memory() - torch.mps.current_allocated_memory()
    free = float("inf")
    if (system := Path("/proc/meminfo")).is_file():
        told = dict(line.split(":") for line in system.read_text().splitlines())
        free = int(told["MemAvailable"].split()[0]) * 1024
    # A container may have less than the machine it runs on.
    limit, used = (CGROUP / name for name in ("memory.max", "memory.current"))
    if limit.is_file() and (most := limit.read_text().strip()).isdigit():
        free = min(free, int(most) - int(used.read_text()))
    return free


def return_freed_memory(where: torch.device | None = None) -> None:
    """Give the system back what was kept, when blocks of other sizes are going to be needed.

    That of the C library, and with a device also that of PyTorch's cache there. Filling it again
    makes a GPU wait for milliseconds: once a scale, not every few steps.
    """
    if libc := _glibc():
        libc.malloc_trim(0)
    if where is not None and where.type == "cuda":
        torch.cuda.empty_cache()
    if where is not None and where.type == "mps":
        torch.mps.empty_cache()


def tune_allocator() -> None:
    """Let glibc keep large freed blocks for the next step instead of returning them to the system.

    A program that paints calls this first, before it starts any thread: a thread that has begun
    keeps the heap it has. It changes the whole process, so importing `nst` doesn't do it. Without
    glibc nothing happens.

    Every step frees and asks for the same hundreds of megabytes; fresh pages for each of them cost
    a quarter of the step. All threads share one heap: others would be in small parts, which come
    and go, and cost a run in a thread, as a page's, 5 %.
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
