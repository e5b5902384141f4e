"""The limits of containers and services: control groups of Linux, versions 1 and 2."""

import math
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path("/sys/fs/cgroup")
OWN = Path("/proc/self/cgroup")  # the groups of this process: "0::/a/b", or in version 1 "4:memory:/a/b"

_LIMITS = "memory.max", "memory.high", "memory.limit_in_bytes"


def free_memory() -> float:
    """Bytes that this process may still use within the limits of its groups; infinity without a limit.

    Inactive cached files count as free, because the kernel drops them when memory is needed. Active ones don't: the
    program's own libraries are among them.
    """
    free = math.inf
    for group in _groups("memory"):
        stat = group / "memory.stat"
        limit = number(stat, "hierarchical_memory_limit ", math.inf)  # of the groups around it, in version 1
        limit = min(limit, *(number(group / name, default=math.inf) for name in _LIMITS))
        used = number(group / "memory.current") or number(group / "memory.usage_in_bytes")
        cached = number(stat, "total_inactive_file ") or number(stat, "inactive_file ")
        free = min(free, max(0, limit - max(0, used - cached)))
    return free


def cores() -> float:
    """Processor cores that this process may use within the quotas of its groups; infinity without a quota."""
    least = math.inf
    for group in _groups("cpu"):
        # Version 2 has both in one file, such as "200000 100000".
        quota = number(group / "cpu.max") or number(group / "cpu.cfs_quota_us")
        period = number(group / "cpu.max", r"\d+ ") or number(group / "cpu.cfs_period_us")
        if quota and period:
            least = min(least, quota / period)
    return least


def number(file: Path, key: str = "", default: float = 0) -> float:
    """The whole number at the start of a file, or after `key`, a regular expression, at the start of a line.

    `default` without such a number, as in "max" and "-1", and without a readable file.
    """
    match = re.search(rf"^{key}\s*(\d+)\b", _text(file), re.MULTILINE)
    return int(match[1]) if match else default


def _groups(controller: str) -> Iterator[Path]:
    """The folders of this process's groups and of all groups around them.

    In a container, the root may be the process's own group, whatever the name of that.
    """
    own = re.findall(r"^\d+:(.*?):/(.*)$", _text(OWN), re.MULTILINE)
    for root, version in ((ROOT, ""), (ROOT / controller, controller)):
        yield root
        for path in (Path(path) for controllers, path in own if version in controllers.split(",")):
            yield from (root / group for group in (path, *path.parents) if group.name)


def _text(file: Path) -> str:
    try:
        return file.read_text()
    except (OSError, UnicodeDecodeError):
        return ""
