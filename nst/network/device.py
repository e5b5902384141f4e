"""The device to compute on, its number of cores, and its fastest arithmetic."""

import os
import time
from dataclasses import dataclass
from functools import cache

import torch

from nst.config import PRECISIONS
from nst.errors import InputError
from nst.network import cgroup
from nst.network.fused_convolution import is_available
from nst.network.kernels import Convolve
from nst.network.packed_convolution import Convolution
from nst.network.processor import processor_flags
from nst.network.winograd import Winograd2d

HALF_SCALE = 2**-14
"""Scale of float16 features, whose range ends at 65504.

Features of the Oxford weights reach 31 000 (relu3_3, for black and white checkers of two pixels), and a Gram matrix
sums thousands of their squares. Scaled, they reach 2, and the mean square over 8192 positions an eighth of the range.
The digits lost at the small end are below 1e-9 of the largest feature.
"""


@dataclass(frozen=True)
class Arithmetic:
    """The number format of features and weights, and how convolutions are computed.

    winograd: by Winograd's algorithm. fused: in C++ (`nst.network.fused_convolution`), with or without it.

    All change the last bits of every feature. So the same settings give the same pixels only with the same
    arithmetic.
    """

    dtype: torch.dtype
    winograd: bool = False
    fused: bool = False

    @property
    def scale(self) -> float:
        """Factor of the features, a power of two: 1 except in float16."""
        return HALF_SCALE if self.dtype == torch.float16 else 1.0


@cache
def default_device() -> torch.device:
    """CUDA, else MPS, else the CPU."""
    if torch.cuda.is_available():
        return torch.device("cuda")
    if torch.backends.mps.is_available():
        return torch.device("mps")
    return torch.device("cpu")


def cores() -> int:
    """Number of processor cores that this process may use, within a container's quota.

    A container sees all cores of its machine. With more threads than its quota allows, the scheduler would suspend all
    of them again and again.
    """
    own = getattr(os, "sched_getaffinity", lambda _: range(os.cpu_count() or 1))(0)
    return max(1, round(min(len(own), cgroup.cores())))


def arithmetic_for(device: torch.device, precision: str = "", winograd: bool | None = None) -> Arithmetic:
    """The fastest arithmetic of a device, unless the arguments fix it.

    precision: one of PRECISIONS, or "" for the fastest; any other raises ValueError.
    winograd: None for the fastest. float16 never uses it, because its sums would overflow.

    The choice depends on the features that the processor reports, so that it is the same at every start. If it reports
    none, a few milliseconds of measurement decide.
    """
    if precision and precision not in PRECISIONS:
        raise InputError(f"precision is {precision!r}; choose one of {', '.join(PRECISIONS)}")
    dtype = getattr(torch, precision) if precision else _fastest_dtype(device)
    if dtype == torch.float16:
        return Arithmetic(dtype)
    if winograd is None:
        winograd = _winograd_wins(device, dtype)
    return Arithmetic(dtype, winograd, fused=device.type == "cpu" and is_available(dtype, winograd))


def _fastest_dtype(device: torch.device) -> torch.dtype:
    """The 16-bit format that the hardware supports, else float32.

    With hardware support a processor is two to four times faster in bfloat16 than in float32, without it three times
    slower. NVIDIA's GPUs support bfloat16 since Ampere, older ones, such as the T4 of a Space, float16.
    """
    if device.type == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported(False) else torch.float16
    if device.type == "mps":
        return torch.float32
    flags = processor_flags()
    if "avx2" in flags:
        return torch.bfloat16 if flags & {"avx512_bf16", "amx_bf16"} else torch.float32
    return torch.bfloat16 if _bfloat16_is_faster() else torch.float32


def _winograd_wins(device: torch.device, dtype: torch.dtype) -> bool:
    """Whether wide layers are clearly faster by Winograd's algorithm than by PyTorch's convolution.

    cuDNN implements it already, CPU libraries don't. Milliseconds for 512 channels at 64 x 64:

        processor            format      Winograd   PyTorch
        Ice Lake             float32     27         66
        Zen 5                bfloat16     9         19
        with AMX units       bfloat16     6          7
    """
    if device.type != "cpu":
        return False
    flags = processor_flags()
    if "avx2" in flags:
        return dtype != torch.bfloat16 or "amx_bf16" not in flags
    return _winograd_is_faster(dtype)


@cache
def _bfloat16_is_faster() -> bool:
    """Measured, with a margin that makes the answer the same at every start."""
    weight = torch.ones(128, 128, 3, 3, dtype=torch.float32)
    full, half = (_seconds(Convolution(weight.to(dtype)), 128, dtype) for dtype in (torch.float32, torch.bfloat16))
    return half < 0.8 * full


@cache
def _winograd_is_faster(dtype: torch.dtype) -> bool:
    """Measured, with a margin for the same reason."""
    weight = torch.ones(512, 512, 3, 3, dtype=torch.float32)
    by_winograd = _seconds(Winograd2d(weight, dtype).forward, 512, dtype)
    return by_winograd < 0.75 * _seconds(Convolution(weight.to(dtype)), 512, dtype)


def _seconds(convolve: Convolve, channels: int, dtype: torch.dtype) -> float:
    """Shortest of five times of a convolution at 64 x 64 positions."""
    x = torch.ones(1, channels, 64, 64, dtype=dtype).to(memory_format=torch.channels_last)
    best = float("inf")
    with torch.no_grad():
        for _ in range(5):
            start = time.perf_counter()
            convolve(x, None)
            best = min(best, time.perf_counter() - start)
    return best
