import io
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from nst import film


@pytest.fixture
def kept(photo: Image.Image, style: Image.Image) -> list[bytes]:
    """A photo that turns into a painting in nine frames, first fast and then slowly."""
    end = style.convert("RGB").resize((121, 96))
    shares = [0, 0.4, 0.7, 0.8, 0.85, 0.9, 0.95, 0.99, 1]
    return [film.to_jpeg(Image.blend(photo.resize((121, 96)), end, share)) for share in shares]


def test_a_film_moves_all_the_time_and_ends_on_the_painting(kept: list[bytes], tmp_path: Path) -> None:
    film.write_film(kept, tmp_path / "a.mp4")
    with av.open(str(tmp_path / "a.mp4")) as opened:
        stream = opened.streams.video[0]
        assert (stream.codec_context.name, stream.pix_fmt) == ("h264", "yuv420p")
        pictures = [frame.to_ndarray(format="rgb24").astype(float) for frame in opened.decode(0)]
    assert 4 <= len(pictures) / film.RATE <= 8
    assert pictures[0].shape == (96, 120, 3)
    moving = pictures[: round((film.SECONDS - film.HOLD) * film.RATE) : 6]
    moved = [np.abs(b - a).mean() for a, b in pairwise(moving)]
    assert min(moved) > 0.2
    # H.264 keeps colours at half the size: compared in blocks, not in pixels.
    last = Image.open(io.BytesIO(kept[-1])).crop((0, 0, 120, 96))
    end = Image.fromarray(pictures[-1].astype(np.uint8))
    blocks = [np.asarray(image.reduce(8), dtype=float) for image in (last, end)]
    assert np.abs(blocks[0] - blocks[1]).mean() < 4


def test_an_animation_for_chats(kept: list[bytes], tmp_path: Path) -> None:
    film.write_animation(kept, tmp_path / "a.webp")
    with Image.open(tmp_path / "a.webp") as opened:
        assert opened.format == "WEBP"
        assert opened.size == (60, 48)
        assert opened.n_frames > 20  # type: ignore[attr-defined]
        assert opened.info["loop"] == 0


def test_a_run_stopped_at_once_has_a_film_too(kept: list[bytes], tmp_path: Path) -> None:
    film.write_film(kept[:1], tmp_path / "a.mp4")
    film.write_animation(kept[:1] * 2, tmp_path / "a.webp")
    assert (tmp_path / "a.mp4").stat().st_size > 500


def test_what_is_kept_is_small(style: Image.Image) -> None:
    data = film.to_jpeg(style.resize((2048, 1536)))
    assert max(Image.open(io.BytesIO(data)).size) == film.MAX_PIXELS
    assert len(data) < 200_000
