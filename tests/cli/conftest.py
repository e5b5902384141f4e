"""Pictures to name on a command line, and requests from command lines."""

from pathlib import Path

import pytest
from PIL import Image

from nst.cli.arguments import CliRequest, parse_request
from nst.cli.parser import make_parser, parse_arguments
from nst.gallery import load_styles
from nst.sharing import Provenance, ShareLink

PROVENANCE = Provenance(
    link=ShareLink(), style_hashes=(), extra_inputs=(), backbone="VGG-16", step=3, steps=3, seconds=1.0
)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with photos a.jpg, b.jpg and c/a.jpg, style own.png and mask.png."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "c").mkdir()
    for name in ("a.jpg", "b.jpg", "c/a.jpg", "own.png", "mask.png"):
        Image.new("RGB", (64, 48), "teal").save(name)
    return tmp_path


def request_of(line: str) -> CliRequest:
    """The request of a command line."""
    return parse_request(*parse_arguments(make_parser(), line.split()), load_styles())
