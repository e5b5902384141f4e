"""Decoded frames as people see them: upright, with square pixels, in sRGB, transparency on white."""

from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
from av.filter import Graph
from av.video.reformatter import ColorPrimaries, Colorspace, ColorTrc
from PIL import Image, ImageOps

from nst.images import open_image

_UNSPECIFIED = 2  # of a matrix, as H.273 numbers it
_HD = 576  # lines above which players take an unspecified matrix for BT.709, and below for BT.601
_HDR = {ColorTrc.SMPTE2084, ColorTrc.ARIB_STD_B67}  # PQ and HLG
_WIDE = {ColorPrimaries.BT2020, ColorPrimaries.SMPTE431, ColorPrimaries.SMPTE432}
_MAX_ASPECT = 5  # of a pixel; a larger one is an error of the file


@dataclass(frozen=True)
class TimedFrame:
    """An RGB image; its time since the start of the video and its duration, in units of `base` seconds."""

    image: Image.Image
    time: int
    duration: int
    base: Fraction


class Converter:
    """Turns decoded frames of one video into images of one size, that of the first."""

    def __init__(self) -> None:
        self._size: tuple[int, int] | None = None
        self._graph: tuple[Any, Graph] = (None, Graph())  # what it converts, and the filters

    def image(self, frame: Any, aspect: Fraction | None) -> Image.Image:
        """An RGB image of a frame whose pixels have this width relative to their height."""
        if any(component.is_alpha for component in frame.format.components):
            pixels = frame.reformat(format="rgba", src_colorspace=_matrix(frame))
        elif frame.color_trc in _HDR or frame.color_primaries in _WIDE:
            pixels = self._to_srgb(frame)
        else:
            pixels = frame.reformat(format="rgb24", src_colorspace=_matrix(frame))
        image = open_image(Image.fromarray(pixels.to_ndarray()), "the film")
        if aspect and aspect != 1 and 1 / _MAX_ASPECT < aspect < _MAX_ASPECT:
            width, height = image.size
            wide = aspect > 1
            image = image.resize((round(width * aspect), height) if wide else (width, round(height / aspect)))
        return self.fit(_upright(image, frame))

    def fit(self, image: Image.Image) -> Image.Image:
        """The image in the size of the first one, with black bars if the shape differs."""
        self._size = self._size or image.size
        return image if image.size == self._size else ImageOps.pad(image, self._size, color="black")

    def _to_srgb(self, frame: Any) -> Any:
        """A frame of a larger gamut or range in that of sRGB; bright parts are compressed, not cut off."""
        key = (frame.width, frame.height, frame.format.name, frame.color_trc, frame.color_primaries)
        frame.time_base = Fraction(1, 25)
        if key != self._graph[0]:  # FFmpeg computes a table first, which takes seconds
            self._graph = key, Graph()
            add = self._graph[1].add
            nodes = [
                add("buffer", f"video_size={frame.width}x{frame.height}:pix_fmt={frame.format.name}:time_base=1/25"),
                add("scale", "out_primaries=bt709:out_transfer=iec61966-2-1:intent=perceptual"),
                add("format", "pix_fmts=rgb24"),
                add("buffersink"),
            ]
            self._graph[1].link_nodes(*nodes).configure()
        self._graph[1].push(frame)
        return self._graph[1].pull()


def _matrix(frame: Any) -> Any:
    if frame.colorspace != _UNSPECIFIED:
        return None  # the frame's own
    return Colorspace.ITU709 if frame.height > _HD or frame.width > 2 * _HD else Colorspace.ITU601


def _upright(image: Image.Image, frame: Any) -> Image.Image:
    """The image turned and mirrored as the display matrix (a b u, c d v, x y w) says: x' = ax + cy, y' = bx + dy."""
    side_data = frame.side_data.get("DISPLAYMATRIX")
    if side_data is None:
        return image
    a, b, _, c, d = np.frombuffer(bytes(side_data), np.int32)[:5].tolist()
    if abs(b) + abs(c) > abs(a) + abs(d):
        image, a, d = image.transpose(Image.Transpose.TRANSPOSE), c, b
    if a < 0:
        image = ImageOps.mirror(image)
    return ImageOps.flip(image) if d < 0 else image
