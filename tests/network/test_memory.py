import platform
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from nst.network import memory
from nst.network.memory import free_memory

CPU = torch.device("cpu")


def test_a_containers_limit_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "CGROUP", tmp_path)
    assert free_memory(CPU) > 1e8
    (tmp_path / "memory.current").write_text("1000000\n")
    (tmp_path / "memory.max").write_text("3000000\n")
    assert free_memory(CPU) == 2e6
    (tmp_path / "memory.max").write_text("max\n")
    assert free_memory(CPU) > 1e8


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
