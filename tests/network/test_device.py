import math
from pathlib import Path

import pytest
import torch

from nst.network import device, processor
from nst.network.device import Arithmetic, arithmetic_for, cores
from nst.network.fused_convolution import is_available
from nst.network.kernels import Convolve
from nst.network.processor import processor_flags
from nst.network.vgg import Backbone
from nst.network.weights import bundled_weights

CPU = torch.device("cpu")


@pytest.mark.parametrize(("quota", "expected"), [(2, 2), (0.5, 1), (1.6, 2), (64, 16), (math.inf, 16)])
def test_cores_follow_the_quota_of_a_container(quota: float, expected: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nst.network.cgroup.cores", lambda: quota)
    monkeypatch.setattr("os.sched_getaffinity", lambda _: set(range(16)))
    assert cores() == expected


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        ({"avx2"}, Arithmetic(torch.float32, winograd=True, fused=True)),
        ({"avx2", "avx512_bf16"}, Arithmetic(torch.bfloat16, winograd=True)),
        ({"avx2", "avx512_bf16", "amx_tile", "amx_bf16"}, Arithmetic(torch.bfloat16, False)),
    ],
)
def test_the_processors_flags_decide_without_measuring(
    flags: set[str], expected: Arithmetic, monkeypatch: pytest.MonkeyPatch
) -> None:
    def timed(*_: object) -> float:
        raise AssertionError("measured despite the flags")

    monkeypatch.setattr(device, "_seconds", timed)
    monkeypatch.setattr(device, "processor_flags", lambda: frozenset(flags))
    monkeypatch.setattr(device, "is_available", lambda dtype, winograd: dtype == torch.float32 and winograd)
    assert arithmetic_for(CPU) == expected
    assert arithmetic_for(CPU, "float32") == Arithmetic(torch.float32, winograd=True, fused=True)


@pytest.fixture
def no_flags(monkeypatch: pytest.MonkeyPatch) -> None:
    """A processor that reports no features, with nothing measured yet."""
    monkeypatch.setattr(device, "processor_flags", frozenset)
    monkeypatch.setattr(device, "is_available", lambda *_: False)
    for measured in (device._bfloat16_is_faster, device._winograd_is_faster):
        monkeypatch.setattr(device, measured.__name__, measured.__wrapped__)


@pytest.mark.usefixtures("no_flags")
@pytest.mark.parametrize(
    ("half", "winograd", "expected"),
    [(0.5, 0.3, Arithmetic(torch.bfloat16, winograd=True)), (0.9, 0.9, Arithmetic(torch.float32, winograd=False))],
)
def test_without_flags_a_measurement_decides(
    half: float, winograd: float, expected: Arithmetic, monkeypatch: pytest.MonkeyPatch
) -> None:
    def seconds(convolve: object, _: int, dtype: torch.dtype) -> float:
        if getattr(convolve, "__func__", None) is device.Winograd2d.forward:
            return winograd * seconds(None, _, dtype)
        return half if dtype == torch.bfloat16 else 1.0

    monkeypatch.setattr(device, "_seconds", seconds)
    assert arithmetic_for(CPU) == expected


@pytest.mark.usefixtures("no_flags")
def test_real_convolutions_are_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    times: list[float] = []
    measure = device._seconds

    def recording(convolve: Convolve, channels: int, dtype: torch.dtype) -> float:
        times.append(measure(convolve, channels, dtype))
        return times[-1]

    monkeypatch.setattr(device, "_seconds", recording)
    assert arithmetic_for(CPU).dtype in (torch.float32, torch.bfloat16)
    assert len(times) == 4
    assert 0 < min(times) < max(times) < 10


def test_arguments_fix_the_arithmetic() -> None:
    fixed = arithmetic_for(CPU, "bfloat16", winograd=False)
    assert fixed == Arithmetic(torch.bfloat16, winograd=False, fused=is_available(torch.bfloat16, winograd=False))
    assert Backbone(bundled_weights(), CPU, fixed).arithmetic == fixed
    with pytest.raises(ValueError, match="precision is 'half'; choose one of float32, bfloat16, f"):
        arithmetic_for(CPU, "half")
    half = arithmetic_for(CPU, "float16", winograd=True)
    assert half == Arithmetic(torch.float16, winograd=False)
    assert (half.scale, fixed.scale) == (2**-14, 1)
    assert arithmetic_for(torch.device("mps")) == Arithmetic(torch.float32, winograd=False)


@pytest.mark.parametrize(("ampere", "expected"), [(True, torch.bfloat16), (False, torch.float16)])
def test_a_gpu_older_than_ampere_uses_float16(
    ampere: bool, expected: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("torch.cuda.is_bf16_supported", lambda emulated=True: ampere or emulated)
    assert arithmetic_for(torch.device("cuda")) == Arithmetic(expected)


@pytest.mark.parametrize(
    ("text", "expected"), [("flags\t\t: fpu avx2 amx_bf16\n", {"avx2", "amx_bf16"}), ("Features : neon bf16\n", set())]
)
def test_with_an_older_torch_flags_come_from_linux(
    text: str, expected: set[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "cpuinfo").write_text(f"processor : 0\n{text}")
    monkeypatch.setattr(processor, "CPUINFO", tmp_path / "cpuinfo")
    monkeypatch.delattr(torch.cpu, "get_capabilities", raising=False)
    assert processor_flags.__wrapped__() & {"avx2", "amx_bf16"} == expected


def test_torch_and_linux_report_the_same_flags() -> None:
    flags = processor_flags()
    if not processor.CPUINFO.is_file() or "avx2" not in flags:
        pytest.skip("not an x86 under Linux")
    linux = set(processor.CPUINFO.read_text().split())
    for flag in ("avx2", "avx512_bf16", "amx_bf16"):
        assert (flag in flags) == (flag in linux), flag
