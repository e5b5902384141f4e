"""Checks what visitors send, in one place, and reads each photo once.

Handlers receive the values of an event as they came over the wire: Gradio's own components would
open files before anything has checked them.
"""

import math
import secrets
import stat
import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image, ImageChops

from nst.gallery import Photo
from nst.images import (
    ImageError,
    check_plain,
    is_address,
    open_alpha,
    open_checked,
    open_image,
    save_image,
    upright_size,
)
from nst.network.cache import ByteCache
from nst.optimise.pictures import decoded_size
from nst.service.store import digest
from nst.settings import Settings
from nst.sharing import Provenance, from_text

BROWSER_FORMATS = {"JPEG", "MPO", "PNG", "WEBP", "GIF", "AVIF", "BMP"}
"""Formats that browsers show, of those that nst reads."""

CHECKED_SIZE = 256  # pixels on the longest side to decode a picture at in order to check all of its file
MAX_SIZE = 4096  # pixels on the longest side to which an upload is decoded at most

MAX_LAYERS, MAX_LAYER_PIXELS = 8, 4_000_000
"""Bounds of a mask; the editor has one layer, as large as it is on the screen."""

MAX_UPLOADS = 512  # photos whose facts are kept
MAX_DECODED_BYTES = 128 * 2**20  # bytes of decoded photos that are kept


@dataclass(frozen=True, kw_only=True)
class Upload:
    """A photo that can be painted."""

    path: Path
    display: Path  # a file that browsers can show: `path`, or a PNG of it
    digest: str  # SHA-256 of the file
    size: tuple[int, int]  # upright width and height
    sample: str  # name of the sample photo, if it is one
    provenance: Provenance | None  # if nst painted it


@dataclass(frozen=True)
class _Decoded:
    image: Image.Image

    @property
    def nbytes(self) -> int:
        return self.image.width * self.image.height * 3


class Uploads:
    """Files of visitors in `root`, and the sample photos; safe to use from several threads."""

    def __init__(self, root: Path, samples: Sequence[Photo]) -> None:
        self._root = root.resolve()
        self._samples = {photo.path.resolve(): photo.name for photo in samples}
        self._sample_digests = {digest(photo.path): photo.name for photo in samples}
        self._uploads: OrderedDict[Any, Upload] = OrderedDict()
        self._decoded = ByteCache(MAX_DECODED_BYTES)
        self._reading: dict[Any, threading.Lock] = {}
        self._lock = threading.Lock()

    def file(self, value: Any, name: str = "the picture") -> Path | None:
        """The path of an uploaded file, from an event's value; None if there is none.

        ImageError for any other path on the server, for addresses, pipes, and values that are no files.
        """
        if value is None:
            return None
        rejected = ImageError(f"{name} did not arrive; upload it once more")
        path = value.get("path") if isinstance(value, dict) else None
        if not isinstance(path, str) or not path:
            raise rejected
        if is_address(path):
            raise ImageError(f"{name} is an address, and only files are taken; save it first, then upload it")
        try:
            real = Path(path).resolve()
            regular = stat.S_ISREG(real.stat().st_mode)
        except (OSError, ValueError, RuntimeError):  # a loop of links is a RuntimeError
            raise rejected from None
        if not regular or not (real in self._samples or real.is_relative_to(self._root)):
            raise rejected
        return real

    def photo(self, value: Any) -> Upload | None:
        """The photo in an event's value; its file is decoded and hashed only the first time.

        ImageError where it can't be painted.
        """
        path = self.file(value, "the photo")
        if path is None:
            return None
        key = _identity(path)
        with self._lock:
            reading = self._reading.setdefault(key, threading.Lock())
        try:
            with reading:  # several events of one page arrive at the same time
                upload = self._uploads.get(key)
                if upload is None or not upload.display.exists():
                    upload = self._read(path)
                with self._lock:
                    self._uploads[key] = upload
                    self._uploads.move_to_end(key)
                    if len(self._uploads) > MAX_UPLOADS:
                        self._uploads.popitem(last=False)
        finally:
            with self._lock:
                self._reading.pop(key, None)
        return upload

    def _read(self, path: Path) -> Upload:
        with open_checked(path, "the photo") as picture:
            format, size = picture.format, upright_size(picture, "the photo")
            remembered = from_text(picture) if format == "PNG" else None
        self._decode(path)
        sha256 = digest(path)
        return Upload(
            path=path,
            display=path if format in BROWSER_FORMATS else self._as_png(path, "the photo"),
            digest=sha256,
            size=size,
            sample=self._sample_digests.get(sha256, ""),
            provenance=remembered[0] if remembered else None,
        )

    def _decode(self, path: Path) -> Image.Image:
        """The photo as paintings of the default size need it."""

        def decode() -> _Decoded:
            return _Decoded(open_image(path, "the photo", decoded_size(Settings.size)))

        return self._decoded.get(_identity(path), decode).image

    def picture(self, upload: Upload, size: int) -> Image.Image:
        """The photo, RGB, large enough for a painting of `size` pixels; do not change it."""
        if decoded_size(size) == decoded_size(Settings.size):
            return self._decode(upload.path)
        return open_image(upload.path, "the photo", decoded_size(size))

    def style_file(self, value: Any) -> Path | None:
        """An uploaded style as a file that browsers can show; ImageError where it can't be used."""
        path = self.file(value, "the style")
        if path is None:
            return None
        with open_checked(path, "the style") as picture:
            format = picture.format
        if format not in BROWSER_FORMATS:
            return self._as_png(path, "the style")
        open_image(path, "the style", CHECKED_SIZE)
        return path

    def _as_png(self, path: Path, name: str) -> Path:
        folder = self._root / secrets.token_hex(16)
        folder.mkdir(parents=True)
        file = folder / f"{path.stem}.png"
        save_image(open_image(path, name, MAX_SIZE), file)
        return file

    def mask(self, editor: Any) -> Image.Image | None:
        """The drawing in the mask editor, white on black; None if there is none."""
        layers = editor.get("layers") if isinstance(editor, dict) else None
        mask = None
        for layer in (layers or [])[:MAX_LAYERS]:
            file = self.file(layer, "the mask")
            if file and math.prod(upright_size(file, "the mask")) > MAX_LAYER_PIXELS:
                raise ImageError("the mask is larger than any screen; draw it once more")
            drawing = open_alpha(file, "the mask") if file else None
            if drawing is None or (mask is not None and drawing.size != mask.size):
                continue
            mask = drawing if mask is None else ImageChops.lighter(mask, drawing)
        return mask if mask and mask.getextrema() != (0, 0) else None


def _identity(path: Path) -> tuple[Path, int, int, int]:
    """Changes when another file takes the path; ImageError if the file is gone."""
    check_plain(path, "the photo")
    status = path.stat()
    return path, status.st_ino, status.st_mtime_ns, status.st_size
