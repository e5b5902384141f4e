"""Features of the processor."""

from functools import cache
from pathlib import Path

import torch

CPUINFO = Path("/proc/cpuinfo")  # where Linux lists the features of the processor


@cache
def processor_flags() -> frozenset[str]:
    """Features of an x86 processor, such as "avx2" or "amx_bf16"; empty if they are unknown."""
    if hasattr(torch.cpu, "get_capabilities"):  # not in torch 2.9
        capabilities = torch.cpu.get_capabilities()
        return frozenset(name for name, value in capabilities.items() if value is True)
    if CPUINFO.is_file():
        for line in CPUINFO.read_text().splitlines():
            if line.startswith("flags"):
                return frozenset(line.split())
    return frozenset()
