"""What computes here, how many cores of it, and with which arithmetic it is fastest."""

import os
import time
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import torch

from nst.config import PRECISIONS
from nst.network import memory
from nst.network.kernels import Convolve, direct
from nst.network.winograd import Winograd2d

CPUINFO = Path("/proc/cpuinfo")
"""Where Linux tells what the processor has."""

HALF_SCALE = 2**-14
"""How much smaller features are in float16, which ends at 65504.

Oxford's reach 31 000 (relu3_3, black and white checkers of two pixels) and their Gram matrix sums
the squares of thousands: so they end at 2, and their mean square over 8192 positions at an eighth
of what fits. What is lost below, where float16 has fewer digits, is less than 1e-9 of the largest.
"""


@dataclass(frozen=True)
class Arithmetic:
    """The number format of features and weights, and whether wide layers use Winograd's filtering.

    Both change the last bits of every feature: the same link paints the same pixels only where they
    are the same.
    """

    dtype: torch.dtype
    winograd: bool = False

    @property
    def scale(self) -> float:
        """What features are multiplied by, a power of two: 1 except in float16."""
        return HALF_SCALE if self.dtype == torch.float16 else 1.0


@cache
def device() -> torch.device:
    """The device that paints: CUDA, else MPS, else the CPU.

    The first call on a CPU also keeps torch to the `cores` that this process may use.
    """
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
    if (limit := memory.CGROUP / "cpu.max").is_file():  # such as "200000 100000": quota and period
        told = limit.read_text()
    elif (limit := memory.CGROUP / "cpu/cpu.cfs_quota_us").is_file():  # version 1; no quota: -1
        told = limit.read_text() + limit.with_name("cpu.cfs_period_us").read_text()
    quota, _, period = told.strip().replace("\n", " ").partition(" ")
    if quota.isdigit() and int(period):
        return max(1, min(len(own), round(int(quota) / int(period))))
    return len(own)


def arithmetic_for(
    where: torch.device, precision: str = "", winograd: bool | None = None
) -> Arithmetic:
    """The fastest arithmetic of a device, or what is asked for.

    `precision` is one of PRECISIONS or "" for the fastest, `winograd` None for the fastest; with
    float16, whose range its sums would leave, there is none. Raises ValueError for any other
    precision. What the processor says it has decides, so that the choice is the same at every
    start; where it says nothing, a few milliseconds of both do.
    """
    if precision and precision not in PRECISIONS:
        raise ValueError(f"precision is {precision!r}; choose one of {', '.join(PRECISIONS)}")
    dtype = getattr(torch, precision) if precision else _fastest_dtype(where)
    if dtype == torch.float16:
        return Arithmetic(dtype)
    return Arithmetic(dtype, _winograd_wins(where, dtype) if winograd is None else winograd)


@cache
def processor_flags() -> frozenset[str]:
    """What an x86 processor has, such as "avx2", "avx512_bf16", "amx_bf16"; empty if unknown."""
    if hasattr(torch.cpu, "get_capabilities"):  # torch 2.9 has none
        told = torch.cpu.get_capabilities()
        return frozenset(name for name, value in told.items() if value is True)
    if CPUINFO.is_file():
        for line in CPUINFO.read_text().splitlines():
            if line.startswith("flags"):
                return frozenset(line.split())
    return frozenset()


def _fastest_dtype(where: torch.device) -> torch.dtype:
    """The format of 16 bits that the device has units for, else float32.

    With such units a processor is two to four times faster in bfloat16 than in float32, without
    them three times slower. NVIDIA's cards have them for bfloat16 since Ampere; those before, such
    as a Space's T4, for float16.
    """
    if where.type == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported(False) else torch.float16
    if where.type == "mps":
        return torch.float32
    flags = processor_flags()
    if "avx2" in flags:
        return torch.bfloat16 if flags & {"avx512_bf16", "amx_bf16"} else torch.float32
    return torch.bfloat16 if _bfloat16_is_faster() else torch.float32


def _winograd_wins(where: torch.device, dtype: torch.dtype) -> bool:
    """Whether wide layers are clearly faster by Winograd's filtering than by the library.

    cuDNN has a Winograd of its own, CPU libraries have none. 512 channels at 64 x 64 took 27 ms
    instead of 66 in float32 on an Ice Lake, 9 instead of 19 in bfloat16 on a Zen 5; but where the
    processor has matrix units for the format (AMX) nothing is left to win: 6 ms and 7.
    """
    if where.type != "cpu":
        return False
    flags = processor_flags()
    if "avx2" in flags:
        return dtype != torch.bfloat16 or "amx_bf16" not in flags
    return _winograd_is_faster(dtype)


@cache
def _bfloat16_is_faster() -> bool:
    """By time. The margin keeps the answer the same from start to start; it is close nowhere."""
    weight = torch.ones(128, 128, 3, 3)
    exact, rough = (
        _seconds(direct(weight, dtype), 128, dtype) for dtype in (torch.float32, torch.bfloat16)
    )
    return rough < 0.8 * exact


@cache
def _winograd_is_faster(dtype: torch.dtype) -> bool:
    """By time, with a margin for the same reason."""
    weight = torch.ones(512, 512, 3, 3)
    by_winograd = _seconds(Winograd2d(weight, dtype).forward, 512, dtype)
    return by_winograd < 0.75 * _seconds(direct(weight, dtype), 512, dtype)


def _seconds(convolve: Convolve, channels: int, dtype: torch.dtype) -> float:
    """Of a convolution in the middle of the trunk, the best of five."""
    x = torch.ones(1, channels, 64, 64, dtype=dtype).to(memory_format=torch.channels_last)
    best = float("inf")
    with torch.no_grad():
        for _ in range(5):
            start = time.perf_counter()
            convolve(x, None)
            best = min(best, time.perf_counter() - start)
    return best
