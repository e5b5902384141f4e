from pathlib import Path

import pytest
import torch

from nst.network import device, memory
from nst.network.device import Arithmetic, arithmetic_for, cores, processor_flags
from nst.network.vgg import Backbone
from nst.network.weights import bundled

CPU = torch.device("cpu")


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ({"cpu.max": "200000 100000\n"}, 2),
        ({"cpu.max": "50000 100000\n"}, 1),
        ({"cpu.max": "max 100000\n"}, 16),
        ({"cpu/cpu.cfs_quota_us": "300000\n", "cpu/cpu.cfs_period_us": "100000\n"}, 3),
        ({"cpu/cpu.cfs_quota_us": "-1\n", "cpu/cpu.cfs_period_us": "100000\n"}, 16),
        ({}, 16),
    ],
)
def test_a_containers_quota_counts(
    told: dict[str, str], expected: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, text in told.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    monkeypatch.setattr(memory, "CGROUP", tmp_path)
    monkeypatch.setattr("os.sched_getaffinity", lambda _: set(range(16)))
    assert cores() == expected


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        ({"avx2"}, Arithmetic(torch.float32, winograd=True)),
        ({"avx2", "avx512_bf16"}, Arithmetic(torch.bfloat16, winograd=True)),
        ({"avx2", "avx512_bf16", "amx_tile", "amx_bf16"}, Arithmetic(torch.bfloat16, False)),
    ],
)
def test_what_the_processor_has_decides_however_busy_it_is(
    flags: set[str], expected: Arithmetic, monkeypatch: pytest.MonkeyPatch
) -> None:
    def timed(*_: object) -> float:
        raise AssertionError("the flags had said it")

    monkeypatch.setattr(device, "_seconds", timed)
    monkeypatch.setattr(device, "processor_flags", lambda: frozenset(flags))
    assert arithmetic_for(CPU) == expected
    assert arithmetic_for(CPU, "float32") == Arithmetic(torch.float32, winograd=True)


@pytest.fixture
def no_flags(monkeypatch: pytest.MonkeyPatch) -> None:
    """A processor that doesn't tell what it has, as not yet asked."""
    monkeypatch.setattr(device, "processor_flags", frozenset)
    for by_time in (device._bfloat16_is_faster, device._winograd_is_faster):
        monkeypatch.setattr(device, by_time.__name__, by_time.__wrapped__)


@pytest.mark.usefixtures("no_flags")
@pytest.mark.parametrize(
    ("rough", "winograd", "expected"),
    [
        (0.5, 0.3, Arithmetic(torch.bfloat16, winograd=True)),
        (0.9, 0.9, Arithmetic(torch.float32, winograd=False)),
    ],
)
def test_where_no_flags_are_told_time_decides(
    rough: float, winograd: float, expected: Arithmetic, monkeypatch: pytest.MonkeyPatch
) -> None:
    def seconds(convolve: object, _: int, dtype: torch.dtype) -> float:
        if getattr(convolve, "__func__", None) is device.Winograd2d.forward:
            return winograd * seconds(None, _, dtype)
        return rough if dtype == torch.bfloat16 else 1.0

    monkeypatch.setattr(device, "_seconds", seconds)
    assert arithmetic_for(CPU) == expected


@pytest.mark.usefixtures("no_flags")
def test_the_time_is_taken_of_real_convolutions() -> None:
    assert arithmetic_for(CPU).dtype in (torch.float32, torch.bfloat16)


def test_the_choice_can_be_fixed_from_outside() -> None:
    fixed = arithmetic_for(CPU, "bfloat16", winograd=False)
    assert fixed == Arithmetic(torch.bfloat16, winograd=False)
    assert Backbone(bundled(), CPU, fixed).arithmetic == fixed
    with pytest.raises(ValueError, match="precision is 'half'; choose one of float32, bfloat16, f"):
        arithmetic_for(CPU, "half")
    half = arithmetic_for(CPU, "float16", winograd=True)
    assert half == Arithmetic(torch.float16, winograd=False)
    assert (half.scale, fixed.scale) == (2**-14, 1)
    assert arithmetic_for(torch.device("mps")) == Arithmetic(torch.float32, winograd=False)


@pytest.mark.parametrize(("ampere", "expected"), [(True, torch.bfloat16), (False, torch.float16)])
def test_a_card_before_ampere_computes_in_float16(
    ampere: bool, expected: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("torch.cuda.is_bf16_supported", lambda emulated=True: ampere or emulated)
    assert arithmetic_for(torch.device("cuda")) == Arithmetic(expected)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("flags\t\t: fpu avx2 amx_bf16\n", {"avx2", "amx_bf16"}), ("Features : neon bf16\n", set())],
)
def test_an_older_torch_reads_what_linux_tells(
    text: str, expected: set[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "cpuinfo").write_text(f"processor : 0\n{text}")
    monkeypatch.setattr(device, "CPUINFO", tmp_path / "cpuinfo")
    monkeypatch.delattr(torch.cpu, "get_capabilities", raising=False)
    assert processor_flags.__wrapped__() & {"avx2", "amx_bf16"} == expected


def test_torch_and_linux_say_the_same() -> None:
    told = processor_flags()
    if not device.CPUINFO.is_file() or "avx2" not in told:
        pytest.skip("not an x86 under Linux")
    linux = set(device.CPUINFO.read_text().split())
    for flag in ("avx2", "avx512_bf16", "amx_bf16"):
        assert (flag in told) == (flag in linux), flag
