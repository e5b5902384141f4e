import platform
from pathlib import Path

import pytest
import torch

from nst.network import memory
from nst.network.memory import free_memory, needed_memory, return_freed_memory

CPU = torch.device("cpu")


def test_free_memory_is_the_machines_or_less_in_a_container(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    meminfo = tmp_path / "meminfo"
    monkeypatch.setattr(memory, "MEMINFO", meminfo)
    monkeypatch.setattr("nst.network.cgroup.free_memory", lambda: 5000.0)
    assert free_memory(CPU) == 5000
    meminfo.write_text("MemFree:  1 kB\nMemAvailable:     3 kB\n")
    assert free_memory(CPU) == 3072


@pytest.mark.skipif(platform.system() != "Linux", reason="Linux has these files")
def test_free_memory_of_this_machine_is_known() -> None:
    assert 1e8 < free_memory(CPU) < 1e14


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
def test_the_estimate_is_a_little_more_than_was_measured(side: int, dtype: torch.dtype, measured: float) -> None:
    assert measured < needed_memory(side**2, dtype, CPU) < 1.5 * measured


def test_needed_memory_depends_on_device_and_regions() -> None:
    cpu, cuda, mps, xpu = (
        needed_memory(2**22, torch.float16, torch.device(kind)) for kind in ("cpu", "cuda", "mps", "xpu")
    )
    assert 3e9 < cuda < mps == xpu
    assert needed_memory(2**22, torch.float16, CPU, regions=2) - cpu == 2**22 * 2 * 122 * 4


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Emptied caches of a GPU with 1 GB free and 5 reserved by PyTorch, of which 2 are in use."""
    emptied: list[str] = []
    monkeypatch.setattr("torch.cuda.mem_get_info", lambda _: (10**9, 16 * 10**9))
    monkeypatch.setattr("torch.cuda.memory_reserved", lambda _: 5 * 10**9)
    monkeypatch.setattr("torch.cuda.memory_allocated", lambda _: 2 * 10**9)
    monkeypatch.setattr("torch.cuda.empty_cache", lambda: emptied.append("cuda"))
    monkeypatch.setattr("torch.mps.recommended_max_memory", lambda: 8 * 10**9)
    monkeypatch.setattr("torch.mps.current_allocated_memory", lambda: 10**9)
    monkeypatch.setattr("torch.mps.empty_cache", lambda: emptied.append("mps"))
    return emptied


def test_unused_memory_reserved_by_pytorch_is_free(gpu: list[str]) -> None:
    assert free_memory(torch.device("cuda")) == 4e9
    assert free_memory(torch.device("mps")) == 7e9
    assert not gpu


def test_the_cache_of_a_gpu_is_emptied_only_if_passed(gpu: list[str]) -> None:
    for device in (None, CPU, torch.device("cuda"), torch.device("mps")):
        return_freed_memory(device)
    assert gpu == ["cuda", "mps"]
