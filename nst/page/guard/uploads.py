"""What visitors send, judged in one place before anything is opened.

Events get what came over the wire as it is (`preprocess=False`): what Gradio's own components would
open by themselves, they would open before anybody has looked at it.
"""

import math
import secrets
import stat
from pathlib import Path
from typing import Any

from gradio.exceptions import Error
from gradio.processing_utils import check_all_files_in_cache
from gradio.utils import get_upload_folder
from PIL import Image, ImageChops

from nst.images import (
    ImageError,
    is_address,
    open_alpha,
    open_checked,
    open_image,
    save_image,
    upright_size,
)

SHOWN_BY_BROWSERS = {"JPEG", "MPO", "PNG", "WEBP", "GIF", "AVIF", "BMP"}
"""Of the formats that are read here."""

JUDGED = 256
"""Pixels on the longest side that tell whether a picture can be opened: all of its file is read."""

LARGEST = 4096
"""Pixels on the longest side that are enough for the largest painting."""

MAX_LAYERS, MAX_DRAWN = 8, 4_000_000
"""Of a mask, and pixels of each; the editor has one layer, as large as it is on the screen."""


def sent_file(sent: Any, name: str = "the picture") -> Path | None:
    """The path of an uploaded picture; None if none was sent.

    Only plain files that visitors have uploaded, and samples, are taken: ImageError for any other
    path on the server, for addresses, for pipes, and for what is no file at all.
    """
    if sent is None:
        return None
    refused = ImageError(f"{name} did not arrive; upload it once more")
    path = sent.get("path") if isinstance(sent, dict) else None
    if not isinstance(path, str) or not path:
        raise refused
    if is_address(path):
        raise ImageError(
            f"{name} is an address, and only files are taken; save it first, then upload it"
        )
    try:
        real = Path(path).resolve()
        file: Any = {"path": str(real), "meta": {"_type": "gradio.FileData"}}
        check_all_files_in_cache(file)
        plain = stat.S_ISREG(real.stat().st_mode)
    except (Error, OSError, ValueError, RuntimeError):  # a loop of links is a RuntimeError
        raise refused from None
    if not plain:
        raise refused
    return real


def displayable(file: Path, name: str = "the picture") -> Path:
    """An uploaded picture that browsers can show: itself, or a PNG of it beside it.

    Raises ImageError where it can't be opened.
    """
    with open_checked(file, name) as picture:
        shown_as_it_is = picture.format in SHOWN_BY_BROWSERS
    if shown_as_it_is:
        open_image(file, name, JUDGED)
        return file
    image = open_image(file, name, LARGEST)
    folder = Path(get_upload_folder()) / secrets.token_hex(16)
    folder.mkdir(parents=True)
    save_image(image, folder / f"{file.stem}.png")
    return folder / f"{file.stem}.png"


def drawn_mask(editor: Any) -> Image.Image | None:
    """What is painted over the photo in the editor, in white on black; None if nothing is."""
    layers = editor.get("layers") if isinstance(editor, dict) else None
    mask = None
    for layer in (layers or [])[:MAX_LAYERS]:
        file = sent_file(layer, "the mask")
        if file and math.prod(upright_size(file, "the mask")) > MAX_DRAWN:
            raise ImageError("the mask is larger than any screen; draw it once more")
        drawn = open_alpha(file, "the mask") if file else None
        if drawn is None or (mask is not None and drawn.size != mask.size):
            continue
        mask = drawn if mask is None else ImageChops.lighter(mask, drawn)
    return mask if mask and mask.getextrema() != (0, 0) else None
