import platform
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from nst.network import memory
from nst.network.memory import free_memory, needed_memory, return_freed_memory

CPU = torch.device("cpu")


def test_a_containers_limit_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "CGROUP", tmp_path)
    assert free_memory(CPU) > 1e8
    (tmp_path / "memory.current").write_text("1000000\n")
    (tmp_path / "memory.max").write_text("3000000\n")
    assert free_memory(CPU) == 2e6
    (tmp_path / "memory.max").write_text("max\n")
    assert free_memory(CPU) > 1e8


@pytest.mark.parametrize(
    ("side", "dtype", "measured"),
    [
        (512, torch.float32, 0.74e9),
        (1024, torch.float32, 2.64e9),
        (512, torch.bfloat16, 0.73e9),
        (1024, torch.bfloat16, 1.97e9),
        (2048, torch.bfloat16, 6.49e9),
        (512, torch.float16, 0.78e9),
    ],
)
def test_what_was_measured_fits_in_with_a_small_reserve(
    side: int, dtype: torch.dtype, measured: float
) -> None:
    assert measured < needed_memory(side**2, dtype, CPU) < 1.5 * measured


def test_every_device_and_region_has_its_need() -> None:
    cpu, cuda, mps, xpu = (
        needed_memory(2**22, torch.float16, torch.device(kind))
        for kind in ("cpu", "cuda", "mps", "xpu")
    )
    assert 3e9 < cuda < mps == xpu
    assert needed_memory(2**22, torch.float16, CPU, regions=2) - cpu == 2**22 * 2 * 122 * 4


@pytest.fixture
def card(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A card with 1 GB free beside PyTorch's own 5, of which 2 are in use; what it was told."""
    told: list[str] = []
    monkeypatch.setattr("torch.cuda.mem_get_info", lambda _: (10**9, 16 * 10**9))
    monkeypatch.setattr("torch.cuda.memory_reserved", lambda _: 5 * 10**9)
    monkeypatch.setattr("torch.cuda.memory_allocated", lambda _: 2 * 10**9)
    monkeypatch.setattr("torch.cuda.empty_cache", lambda: told.append("cuda"))
    monkeypatch.setattr("torch.mps.recommended_max_memory", lambda: 8 * 10**9)
    monkeypatch.setattr("torch.mps.current_allocated_memory", lambda: 10**9)
    monkeypatch.setattr("torch.mps.empty_cache", lambda: told.append("mps"))
    return told


def test_what_pytorch_keeps_of_a_gpu_is_free(card: list[str]) -> None:
    assert free_memory(torch.device("cuda")) == 4e9
    assert free_memory(torch.device("mps")) == 7e9
    assert not card


def test_a_gpus_cache_is_emptied_where_the_device_is_named(card: list[str]) -> None:
    for where in (None, CPU, torch.device("cuda"), torch.device("mps")):
        return_freed_memory(where)
    assert card == ["cuda", "mps"]


MAPPED = """
import ctypes

import nst
from nst.network.memory import return_freed_memory, tune_allocator

class Info(ctypes.Structure):
    _fields_ = [(f"n{k}", ctypes.c_int) for k in range(10)]

libc = ctypes.CDLL("libc.so.6")
libc.mallinfo.restype, libc.malloc.restype = Info, ctypes.c_void_p

def gets_a_mapping_of_its_own():
    before = libc.mallinfo().n3  # how many blocks were mapped on their own
    assert libc.malloc(ctypes.c_size_t(1 << 28))
    return libc.mallinfo().n3 > before

assert gets_a_mapping_of_its_own(), "importing nst has tuned the allocator"
tune_allocator()
assert not gets_a_mapping_of_its_own(), "tune_allocator has not"
return_freed_memory()
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="needs glibc")
def test_the_allocator_is_tuned_when_asked_and_not_before() -> None:
    subprocess.run([sys.executable, "-c", MAPPED], check=True)
