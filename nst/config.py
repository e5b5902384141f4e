"""Every limit and switch that the owner of a page may set, read from the environment once.

`docs/running-a-space.md` describes the variables.
"""

import math
import os
from collections.abc import Callable, Mapping
from dataclasses import Field, dataclass, field, fields
from pathlib import Path
from typing import Any

from nst.errors import InputError

PRECISIONS = "float32", "bfloat16", "float16"  # number formats that features and weights may have, as torch names them


def _variable(name: str, default: Any, read: Callable[[str], Any] = str) -> Any:
    return field(default=default, metadata={"variable": name, "read": read})


def _at_least(minimum: float, kind: type = float) -> Callable[[str], Any]:
    def read(text: str) -> Any:
        message = f"it takes a {'whole number' if kind is int else 'number'} from {minimum:g} on"
        try:
            number = kind(text)
        except ValueError:
            raise InputError(message) from None
        if not number >= minimum:  # rejects nan as well
            raise InputError(message)
        return number

    return read


def _between(lowest: int, highest: int) -> Callable[[str], int]:
    def read(text: str) -> int:
        if not (text.isdecimal() and lowest <= int(text) <= highest):
            raise InputError(f"it takes a whole number from {lowest} to {highest}")
        return int(text)

    return read


def _port(text: str) -> int:
    if not (text.isdecimal() and 0 < int(text) < 2**16):
        raise InputError("it takes a whole number from 1 to 65535")
    return int(text)


def _one_of(*choices: str) -> Callable[[str], str]:
    def read(text: str) -> str:
        if text not in choices:
            raise InputError(f"choose one of {', '.join(choices)}")
        return text

    return read


def _yes_or_no(text: str) -> bool:
    return _one_of("0", "1")(text) == "1"


@dataclass(frozen=True)
class Config:
    """The limits and switches of one process."""

    vgg19: str = _variable("NST_VGG19", "")
    precision: str = _variable("NST_PRECISION", "", _one_of(*PRECISIONS))
    winograd: bool | None = _variable("NST_WINOGRAD", None, _yes_or_no)
    gallery: str = _variable("NST_GALLERY", "")
    max_size: int = _variable("NST_MAX_SIZE", 2048, _between(512, 8192))
    max_seconds: float = _variable("NST_MAX_SECONDS", math.inf, _at_least(1))
    max_upload_megabytes: int = _variable("NST_MAX_UPLOAD_MB", 40, _at_least(1, int))
    quota_megabytes: int = _variable("NST_VISITOR_MB", 100, _at_least(1, int))
    disk_megabytes: int = _variable("NST_DISK_MB", 2000, _at_least(1, int))
    keep_hours: float = _variable("NST_KEEP_HOURS", 24.0, _at_least(0.1))
    max_queue: int = _variable("NST_QUEUE", 32, _at_least(1, int))
    max_queue_each: int = _variable("NST_QUEUE_EACH", 2, _at_least(1, int))
    clip_seconds: float = _variable("NST_CLIP", 10.0, _at_least(0))
    metrics: bool = _variable("NST_METRICS", False, _yes_or_no)
    host: str = _variable("GRADIO_SERVER_NAME", "127.0.0.1")
    port: int = _variable("GRADIO_SERVER_PORT", 7860, _port)
    space: str = _variable("SPACE_ID", "")
    zero_gpu: bool = _variable("SPACES_ZERO_GPU", False, lambda text: text.lower() not in {"0", "false"})

    @classmethod
    def from_env(cls, environment: Mapping[str, str] = os.environ) -> "Config":
        """Read the environment; ValueError names the variable that is wrong."""
        values: dict[str, Any] = {"max_seconds": 600.0} if environment.get("SPACE_ID") else {}
        for limit in fields(cls):
            if text := environment.get(limit.metadata["variable"], "").strip():
                values[limit.name] = _read(limit, text)
        return cls(**values)


def _read(limit: Field[Any], text: str) -> Any:
    try:
        return limit.metadata["read"](text)
    except ValueError as error:
        raise InputError(f"{limit.metadata['variable']} is {text!r}: {error}") from None


def cache_folder() -> Path:
    """Where downloads and compiled code are kept; it need not exist. Raises RuntimeError without a home folder."""
    root = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(root) / "nst"
