import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from nst.images import ImageError
from nst.service.app_state import AppState
from tests.conftest import sent


def test_an_uploaded_picture_is_taken(app_state: AppState, uploads: Path) -> None:
    (uploads / "a.png").write_bytes(b"x")
    assert app_state.uploads.file(sent(uploads / "a.png")) == uploads / "a.png"
    assert app_state.uploads.file(None) is None


def _stranger(tmp_path: Path) -> Path:
    file = tmp_path / "private.png"
    Image.new("RGB", (40, 40)).save(file)
    return file


@pytest.mark.parametrize(
    "make",
    [
        lambda tmp, uploads: {"path": str(_stranger(tmp))},
        lambda tmp, uploads: {"path": "/etc/passwd", "url": None},
        lambda tmp, uploads: {"path": f"/proc/self/fd/{os.open(_stranger(tmp), os.O_RDONLY)}"},
        lambda tmp, uploads: {"path": str(uploads / ".." / ".." / ".." / "etc" / "passwd")},
        lambda tmp, uploads: {"path": "https://example.com/a.png"},
        lambda tmp, uploads: {"path": str(uploads)},
        lambda tmp, uploads: {"path": str(uploads / "nowhere.png")},
        lambda tmp, uploads: {"path": "a\0b"},
        lambda tmp, uploads: {"path": 7},
        lambda tmp, uploads: {"path": ""},
        lambda tmp, uploads: {},
        lambda tmp, uploads: [],
        lambda tmp, uploads: "a.png",
        lambda tmp, uploads: 3.5,
    ],
)
def test_nothing_else_is(app_state: AppState, make: Any, tmp_path: Path, uploads: Path) -> None:
    with pytest.raises(ImageError, match="did not arrive|is an address"):
        app_state.uploads.file(make(tmp_path, uploads))


def test_links_and_pipes_in_the_folder_lead_nowhere(app_state: AppState, tmp_path: Path, uploads: Path) -> None:
    (uploads / "link.png").symlink_to(_stranger(tmp_path))
    os.mkfifo(uploads / "pipe.png")
    for name in ("link.png", "pipe.png"):
        with pytest.raises(ImageError):
            app_state.uploads.file(sent(uploads / name))


def test_what_is_drawn_is_white(app_state: AppState, uploads: Path) -> None:
    layer = Image.new("RGBA", (40, 30))
    layer.paste((255, 140, 0, 153), (0, 0, 20, 30))
    layer.save(uploads / "layer.png")
    mask = app_state.uploads.mask({"background": None, "layers": [sent(uploads / "layer.png")]})
    assert mask is not None
    drawn = np.asarray(mask)
    assert (drawn[:, :20] > 0).all()
    assert (drawn[:, 20:] == 0).all()


@pytest.mark.parametrize("editor", [None, {}, {"layers": None}, {"layers": []}, [], "x"])
def test_nothing_drawn_is_no_mask(app_state: AppState, editor: Any, uploads: Path) -> None:
    assert app_state.uploads.mask(editor) is None


def test_an_empty_layer_is_no_mask(app_state: AppState, uploads: Path) -> None:
    Image.new("RGBA", (40, 30)).save(uploads / "empty.png")
    assert app_state.uploads.mask({"layers": [sent(uploads / "empty.png")]}) is None
