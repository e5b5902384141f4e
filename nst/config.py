"""Every limit and switch that the owner of a Space may set, read from the environment once."""

import math
import os
from collections.abc import Callable, Mapping
from dataclasses import Field, dataclass, field, fields
from typing import Any

PRECISIONS = "float32", "bfloat16", "float16"
"""Number formats that features and weights may have, as torch names them."""


def _variable(name: str, default: Any, help: str, read: Callable[[str], Any] = str) -> Any:
    return field(default=default, metadata={"variable": name, "help": help, "read": read})


def _at_least(minimum: float, kind: type = float) -> Callable[[str], Any]:
    def read(text: str) -> Any:
        message = f"it takes a {'whole number' if kind is int else 'number'} from {minimum:g} on"
        try:
            number = kind(text)
        except ValueError:
            raise ValueError(message) from None
        if not number >= minimum:  # rejects nan as well
            raise ValueError(message)
        return number

    return read


def _port(text: str) -> int:
    if not (text.isdecimal() and 0 < int(text) < 2**16):
        raise ValueError("it takes a whole number from 1 to 65535")
    return int(text)


def _one_of(*choices: str) -> Callable[[str], str]:
    def read(text: str) -> str:
        if text not in choices:
            raise ValueError(f"choose one of {', '.join(choices)}")
        return text

    return read


def _yes_or_no(text: str) -> bool:
    return _one_of("0", "1")(text) == "1"


@dataclass(frozen=True)
class Config:
    """The limits and switches of one process; nothing else reads the environment."""

    vgg19: str = _variable("NST_VGG19", "", "a file with the weights of VGG-19")
    precision: str = _variable(
        "NST_PRECISION",
        "",
        "float32, bfloat16 or float16; by default the fastest on this device",
        _one_of(*PRECISIONS),
    )
    winograd: bool | None = _variable(
        "NST_WINOGRAD",
        None,
        "1 or 0: convolutions by Winograd's algorithm or by the library; by default the faster",
        _yes_or_no,
    )
    gallery: str = _variable(
        "NST_GALLERY", "", "your own styles: a folder, or a dataset repository on the Hub"
    )
    max_seconds: float = _variable(
        "NST_MAX_SECONDS",
        math.inf,
        "time limit of a run, refused if it is expected to take longer; 600 on a Space",
        _at_least(1),
    )
    max_upload_megabytes: int = _variable(
        "NST_MAX_UPLOAD_MB", 40, "size of one upload", _at_least(1, int)
    )
    quota_megabytes: int = _variable(
        "NST_VISITOR_MB",
        100,
        "paintings and films kept for one visitor; the oldest are removed first",
        _at_least(1, int),
    )
    disk_megabytes: int = _variable(
        "NST_DISK_MB",
        2000,
        "files of all visitors together, half of them paintings; above it uploads are refused",
        _at_least(1, int),
    )
    keep_hours: float = _variable(
        "NST_KEEP_HOURS", 24.0, "hours that paintings stay on the server", _at_least(0.1)
    )
    max_queue: int = _variable(
        "NST_QUEUE", 32, "runs that may wait for the engine", _at_least(1, int)
    )
    max_queue_each: int = _variable(
        "NST_QUEUE_EACH", 2, "queued runs allowed per session and per IP address", _at_least(1, int)
    )
    live_seconds: float = _variable(
        "NST_LIVE",
        120.0,
        "seconds that a visitor's camera is painted at a time; 0 switches cameras off",
        _at_least(0),
    )
    clip_seconds: float = _variable(
        "NST_CLIP",
        10.0,
        "length of a visitor's film in seconds; 0 switches films off",
        _at_least(0),
    )
    metrics: bool = _variable(
        "NST_METRICS", False, "1: run statistics for Prometheus at `/metrics`", _yes_or_no
    )
    host: str = _variable("GRADIO_SERVER_NAME", "127.0.0.1", "IP address of the server")
    port: int = _variable("GRADIO_SERVER_PORT", 7860, "port of the server", _port)
    space: str = _variable("SPACE_ID", "", "set by Hugging Face: the name of the Space")
    zero_gpu: bool = _variable(
        "SPACES_ZERO_GPU",
        False,
        "set by Hugging Face: the Space runs on ZeroGPU",
        lambda text: text.lower() not in {"0", "false"},
    )

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
        raise ValueError(f"{limit.metadata['variable']} is {text!r}: {error}") from None
