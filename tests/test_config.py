import math
import re
from dataclasses import fields
from pathlib import Path

import pytest

from nst.config import Config

DOCUMENTATION = Path(__file__).parent.parent / "docs" / "running-a-space.md"


def _told(default: object) -> str:
    if default in ("", None) or default is False:
        return ""
    if isinstance(default, str):
        return default
    return "none" if default == math.inf else f"{default:g}"


def test_the_documentation_lists_every_variable_with_its_default() -> None:
    text = DOCUMENTATION.read_text("utf-8").partition("## Environment variables")[2]
    rows = re.findall(r"^\| `(\w+)` \| (.*?) ?\| .+ \|$", text, re.M)
    assert rows == [(limit.metadata["variable"], _told(limit.default)) for limit in fields(Config)]


def test_nothing_set_is_the_default() -> None:
    assert Config.from_env({}) == Config()


def test_what_is_set_counts() -> None:
    config = Config.from_env(
        {"NST_MAX_SECONDS": "90", "NST_WINOGRAD": "0", "NST_PRECISION": "bfloat16", "NST_GALLERY": " "}
    )
    assert config == Config(max_seconds=90, winograd=False, precision="bfloat16")


def test_a_space_has_a_time_limit_and_may_change_it() -> None:
    assert Config.from_env({"SPACE_ID": "a/b"}).max_seconds == 600
    assert Config.from_env({"SPACE_ID": "a/b", "NST_MAX_SECONDS": "60"}).max_seconds == 60


@pytest.mark.parametrize(("message", "zero"), [("1", True), ("true", True), ("0", False)])
def test_zero_gpu_is_what_its_variable_says(message: str, zero: bool) -> None:
    assert Config.from_env({"SPACES_ZERO_GPU": message}).zero_gpu is zero
    assert not Config.from_env({"SPACE_ID": "a/b"}).zero_gpu


@pytest.mark.parametrize(
    ("variable", "text", "message"),
    [
        ("NST_MAX_SIZE", "8193", "it takes a whole number from 512 to 8192"),
        ("NST_MAX_SECONDS", "soon", "it takes a number from 1 on"),
        ("NST_MAX_SECONDS", "nan", "it takes a number from 1 on"),
        ("NST_QUEUE", "2.5", "it takes a whole number from 1 on"),
        ("GRADIO_SERVER_PORT", "http", "it takes a whole number from 1 to 65535"),
        ("GRADIO_SERVER_PORT", "0", "it takes a whole number from 1 to 65535"),
        ("NST_WINOGRAD", "yes", "choose one of 0, 1"),
        ("NST_PRECISION", "float8", "choose one of float32, bfloat16, float16"),
    ],
)
def test_what_cannot_be_read_is_named(variable: str, text: str, message: str) -> None:
    with pytest.raises(ValueError, match=f"{variable} is '{text}': {message}"):
        Config.from_env({variable: text})
