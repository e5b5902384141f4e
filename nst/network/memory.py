"""Memory: how much is left, and how what was freed is kept for the next who asks."""

import ctypes
from functools import cache
from pathlib import Path

import torch

CGROUP = Path("/sys/fs/cgroup")
"""Where a container's limits are told."""


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
