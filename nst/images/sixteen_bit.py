"""Encodes pictures with 16 bits per channel, which Pillow can't write."""

import struct
import zlib
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from PIL.PngImagePlugin import PngInfo

ROWS = 256  # rows of pixels that are converted at a time

KINDS = {"PNG": ("png", "be"), "TIFF": ("tiff", "le")}
"""Format -> FFmpeg's encoder, and the order of its bytes."""


def encode(
    image: Image.Image, remainder: NDArray[np.float32] | None, kind: str, info: PngInfo | None, dpi: int | None
) -> bytes:
    """A file of `kind`, one of KINDS, of an RGB or RGBA image plus its `Frame.remainder`; `info` is for a PNG."""
    import av  # takes a tenth of a second

    encoder, order = KINDS[kind]
    context: Any = av.CodecContext.create(encoder, "w")
    context.width, context.height = image.size
    context.pix_fmt = f"{'rgba64' if image.mode == 'RGBA' else 'rgb48'}{order}"
    context.time_base = Fraction(1)
    context.options = {"dpi": str(dpi)} if dpi else {}
    rounded = np.asarray(image)
    deep = np.empty(rounded.shape, dtype=np.uint16)
    for top in range(0, len(deep), ROWS):
        rows = slice(top, top + ROWS)
        values = rounded[rows].astype(np.float32)
        if remainder is not None:
            values[..., :3] += remainder[rows]
        deep[rows] = (values.clip(0, 255) * 257).round()
    packets = context.encode(av.VideoFrame.from_ndarray(deep, format=context.pix_fmt))
    data = b"".join(map(bytes, [*packets, *context.encode(None)]))
    return _with_chunks(data, info) if info else data


def _with_chunks(png: bytes, info: PngInfo) -> bytes:
    """The PNG with the chunks after its header."""
    end = 33  # signature and header
    chunks = [
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data, *_ in info.chunks
    ]
    return png[:end] + b"".join(chunks) + png[end:]
