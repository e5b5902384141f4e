"""Frames as people see them."""

from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from av.video.reformatter import ColorPrimaries, ColorRange, Colorspace, ColorTrc
from PIL import Image

from nst.video import open_clip
from nst.video.frames import Converter

from .files import Pixels, decoded, painted, ramp, write_video

GREEN = (32, 192, 64)


def _plain(size: tuple[int, int], colour: tuple[int, ...] = GREEN) -> Pixels:
    return np.full((size[1], size[0], len(colour)), colour, np.uint8)


@pytest.mark.parametrize(
    ("aspect", "shown"), [(Fraction(64, 45), (136, 64)), (Fraction(8, 9), (96, 72)), (1000, (96, 64))]
)
def test_pixels_become_square(tmp_path: Path, aspect: Fraction, shown: tuple[int, int]) -> None:
    source = write_video(tmp_path / "a.mkv", sample_aspect_ratio=Fraction(aspect))
    painted(source, tmp_path / "out.mp4")
    height, width, _ = decoded(tmp_path / "out.mp4")[0].shape
    assert (width, height) == shown


@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize("tagged", [False, True])
@pytest.mark.parametrize(("size", "matrix"), [((1280, 720), Colorspace.ITU709), ((320, 240), Colorspace.ITU601)])
def test_colours_stay_and_are_tagged(
    tmp_path: Path, size: tuple[int, int], matrix: Colorspace, tagged: bool, full: bool
) -> None:
    """Without a tag, HD is BT.709 and a smaller video BT.601."""
    levels = ColorRange.JPEG if full else ColorRange.MPEG
    frame = av.VideoFrame.from_ndarray(_plain(size), format="rgb24").reformat(
        format="yuv420p", dst_colorspace=matrix, dst_color_range=levels
    )
    context: dict[str, Any] = {"color_range": levels}
    if tagged:
        context["colorspace"] = {Colorspace.ITU709: 1, Colorspace.ITU601: 5}[matrix]
    frame.colorspace = context.get("colorspace", 2)
    source = write_video(tmp_path / "a.mkv", [frame] * 3, codec="libx264", **context)
    painted(source, tmp_path / "out.mp4")
    assert np.abs(decoded(tmp_path / "out.mp4")[1].mean((0, 1)) - GREEN).max() < 5  # another matrix shifts it by ten
    with av.open(str(tmp_path / "out.mp4")) as film:
        made = film.streams.video[0].codec_context
        assert (made.colorspace, made.color_primaries, made.color_trc, made.color_range) == (1, 1, 1, 1)


def _in_10_bits(signal: float, transfer: ColorTrc, primaries: ColorPrimaries) -> Any:
    """A frame of one grey, of limited range."""
    frame = av.VideoFrame(64, 64, "yuv420p10le")
    for number, plane in enumerate(frame.planes):
        value = 64 + 876 * signal if number == 0 else 512
        plane.update(np.full((plane.height, plane.line_size // 2), value, np.uint16).tobytes())
    frame.colorspace, frame.color_range = 9, ColorRange.MPEG
    frame.color_trc, frame.color_primaries = transfer, primaries
    return frame


def test_a_high_dynamic_range_becomes_a_standard_one() -> None:
    """White paper, middle grey and black of HLG (BT.2408). FFmpeg's table for PQ would take as many seconds again."""
    converter = Converter()
    white, grey, black = (
        np.asarray(converter.image(_in_10_bits(signal, ColorTrc.ARIB_STD_B67, ColorPrimaries.BT2020), None)).mean()
        for signal in (0.75, 0.38, 0.0)
    )
    assert 140 < white <= 235
    assert 45 < grey < 130
    assert black < 3


@pytest.mark.parametrize(
    ("transfer", "primaries", "converted"),
    [
        (ColorTrc.SMPTE2084, ColorPrimaries.BT2020, True),
        (ColorTrc.ARIB_STD_B67, ColorPrimaries.BT2020, True),
        (ColorTrc.BT709, ColorPrimaries.SMPTE432, True),
        (ColorTrc.BT709, ColorPrimaries.BT709, False),
    ],
)
def test_larger_ranges_and_gamuts_are_converted(
    transfer: ColorTrc, primaries: ColorPrimaries, converted: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    frames: list[Any] = []

    def to_srgb(_: Converter, frame: Any) -> Any:
        frames.append(frame)
        return frame.reformat(format="rgb24")

    monkeypatch.setattr(Converter, "_to_srgb", to_srgb)
    Converter().image(_in_10_bits(0.5, transfer, primaries), None)
    assert bool(frames) is converted


def test_transparent_pixels_are_white(tmp_path: Path) -> None:
    half = _plain((96, 64), (200, 30, 30, 255))
    half[:, 48:] = (0, 0, 0, 0)
    image = Image.fromarray(half)
    sources = [write_video(tmp_path / "a.mov", [half] * 3, codec="png", format="rgba")]
    for name in ("b.gif", "c.webp"):
        moved = [image.transpose(Image.Transpose.FLIP_LEFT_RIGHT), image, image]
        options: dict[str, Any] = {"disposal": 2} if name == "b.gif" else {"lossless": True}
        moved[0].save(tmp_path / name, save_all=True, append_images=moved[1:], duration=[100, 120, 140], **options)
        sources.append(tmp_path / name)
    for source in sources:
        painted(source, tmp_path / "out.mp4")
        last = decoded(tmp_path / "out.mp4")[-1]
        assert np.abs(last[:, 60:].astype(int) - 255).mean() < 4, source.name
        assert np.abs(last[:, :36].astype(int) - (200, 30, 30)).mean() < 6, source.name


TURNS: dict[tuple[int, int, int, int], Image.Transpose | None] = {
    (1, 0, 0, 1): None,
    (-1, 0, 0, 1): Image.Transpose.FLIP_LEFT_RIGHT,
    (1, 0, 0, -1): Image.Transpose.FLIP_TOP_BOTTOM,
    (-1, 0, 0, -1): Image.Transpose.ROTATE_180,
    (0, 1, -1, 0): Image.Transpose.ROTATE_270,
    (0, -1, 1, 0): Image.Transpose.ROTATE_90,
    (0, 1, 1, 0): Image.Transpose.TRANSPOSE,
    (0, -1, -1, 0): Image.Transpose.TRANSVERSE,
}


@pytest.mark.parametrize("turn", TURNS)
def test_a_video_is_turned_and_mirrored_as_its_matrix_says(tmp_path: Path, turn: tuple[int, int, int, int]) -> None:
    source = write_video(tmp_path / "a.mp4")
    data = bytearray(source.read_bytes())
    place = data.index(b"tkhd") + 44
    a, b, c, d = (number * 65536 for number in turn)
    matrix = (a, b, 0, c, d, 0, 0, 0, 1 << 30)
    data[place : place + 36] = b"".join(n.to_bytes(4, "big", signed=True) for n in matrix)
    source.write_bytes(data)
    painted(source, tmp_path / "out.mp4")
    wanted = Image.fromarray(ramp(0))
    method = TURNS[turn]
    expected = np.asarray(wanted if method is None else wanted.transpose(method), dtype=int)
    shown = decoded(tmp_path / "out.mp4")[0]
    assert shown.shape == expected.shape
    assert np.abs(shown - expected).mean() < 8


def test_a_video_of_tiny_frames_is_rejected(tmp_path: Path) -> None:
    source = write_video(tmp_path / "a.mkv", [_plain((96, 8))])
    with pytest.raises(ValueError, match="the film has only 96x8 pixels"):
        open_clip(source)
