import math
from pathlib import Path

import pytest

from nst.network import cgroup

UNLIMITED = "9223372036854771712\n"  # how version 1 writes it

V2 = {"own": "0::/\n", "memory.max": "3000\n", "memory.current": "1000\n"}
V1 = {
    "own": "7:cpu,cpuacct:/\n4:memory:/\n0::/\n",
    "memory/memory.limit_in_bytes": "3000\n",
    "memory/memory.usage_in_bytes": "1000\n",
}
NESTED = {
    "own": "0::/service/worker\n",
    "service/memory.max": "5000\n",
    "service/memory.current": "4500\n",
    "service/worker/memory.max": "max\n",
    "service/worker/memory.current": "100\n",
}


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder in the place of the system's; "own" is in the place of /proc/self/cgroup."""
    monkeypatch.setattr(cgroup, "ROOT", tmp_path)
    monkeypatch.setattr(cgroup, "OWN", tmp_path / "own")
    return tmp_path


def _write(machine: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (machine / name).parent.mkdir(parents=True, exist_ok=True)
        (machine / name).write_bytes(text.encode("latin-1"))


@pytest.mark.parametrize(
    ("files", "free"),
    [
        ({}, math.inf),
        (V2, 2000),
        (V2 | {"memory.max": "max\n"}, math.inf),
        (V2 | {"memory.high": "2500\n"}, 1500),
        (V2 | {"memory.stat": "file 900\nactive_file 200\ninactive_file 700\n"}, 2700),
        (V2 | {"memory.stat": "inactive_file 1200\n"}, 3000),  # read a moment later than the sum
        (V2 | {"memory.current": "3100\n"}, 0),
        (V1, 2000),
        (V1 | {"memory/memory.stat": "inactive_file 100\ntotal_inactive_file 700\n"}, 2700),
        (V1 | {"memory/memory.stat": "hierarchical_memory_limit 1800\n"}, 800),
        (NESTED, 500),
        (NESTED | {"service/worker/memory.max": "300\n"}, 200),
        (V2 | {"own": "0::/docker/4f5a\n"}, 2000),  # its own group is the root
        (
            {
                "own": "4:memory:/docker/4f5a\n0::/\n",
                "memory/docker/memory.limit_in_bytes": "3000\n",
                "memory/docker/memory.usage_in_bytes": "1000\n",
                "memory/docker/4f5a/memory.limit_in_bytes": UNLIMITED,
            },
            2000,
        ),
    ],
)
def test_free_memory_is_the_least_of_all_groups(machine: Path, files: dict[str, str], free: float) -> None:
    _write(machine, files)
    assert cgroup.free_memory() == free


def test_a_group_of_version_1_without_a_limit_leaves_all_memory(machine: Path) -> None:
    _write(machine, V1 | {"memory/memory.limit_in_bytes": UNLIMITED})
    assert cgroup.free_memory() > 2**62


@pytest.mark.parametrize("text", ["", "\n", "three\n", "-1\n", "3e3\n", "\xff\xfe"])
def test_a_malformed_file_sets_no_limit(machine: Path, text: str) -> None:
    _write(machine, {"own": text, "memory.max": text, "memory.current": text, "memory.stat": text, "cpu.max": text})
    assert cgroup.free_memory() == cgroup.cores() == math.inf


def test_what_is_no_readable_file_sets_no_limit(machine: Path) -> None:
    for name in ("own", "memory.max", "memory.current", "cpu.max"):
        (machine / name).mkdir()
    assert cgroup.free_memory() == cgroup.cores() == math.inf


@pytest.mark.parametrize(
    ("files", "cores"),
    [
        ({}, math.inf),
        ({"cpu.max": "150000 100000\n"}, 1.5),
        ({"cpu.max": "max 100000\n"}, math.inf),
        ({"cpu.max": "200000 0\n"}, math.inf),
        ({"cpu/cpu.cfs_quota_us": "300000\n", "cpu/cpu.cfs_period_us": "100000\n"}, 3),
        ({"cpu/cpu.cfs_quota_us": "-1\n", "cpu/cpu.cfs_period_us": "100000\n"}, math.inf),
        ({"cpu/cpu.cfs_quota_us": "300000\n"}, math.inf),
        ({"own": "0::/a/b\n", "a/cpu.max": "200000 100000\n", "a/b/cpu.max": "max 100000\n"}, 2),
        (
            {
                "own": "7:cpu,cpuacct:/a/b\n",
                "cpu/a/cpu.cfs_quota_us": "50000\n",
                "cpu/a/cpu.cfs_period_us": "100000\n",
                "cpu/a/b/cpu.cfs_quota_us": "-1\n",
                "cpu/a/b/cpu.cfs_period_us": "100000\n",
            },
            0.5,
        ),
    ],
)
def test_cores_are_the_least_quota_of_all_groups(machine: Path, files: dict[str, str], cores: float) -> None:
    _write(machine, files)
    assert cgroup.cores() == cores
