"""Audio of painted videos."""

from pathlib import Path

import av
import numpy as np
import pytest

from .files import painted, write_video


@pytest.mark.parametrize(
    ("suffix", "codec", "rate", "kept"),
    [
        ("mkv", "pcm_s16le", 11_024, 11_025),
        ("mkv", "pcm_s16le", 192_000, 48_000),
        ("mkv", "pcm_s16le", 5_000, 8_000),
        ("mkv", "flac", 96_000, 48_000),
        ("mkv", "aac", 96_000, 96_000),
        ("avi", "pcm_s16le", 44_100, 44_100),
        ("mp4", "alac", 44_100, 44_100),
        ("mkv", "libopus", 48_000, 48_000),  # needs no conversion of samples
        ("ts", "mp2", 32_000, 32_000),
        ("mkv", "libmp3lame", 8_000, 8_000),
        ("avi", "libmp3lame", 11_025, 11_025),
        ("mkv", "libmp3lame", 16_000, 16_000),
        ("ts", "aac", 48_000, 48_000),
    ],
)
@pytest.mark.parametrize("out", ["out.mp4", "out.mkv"])
def test_audio_is_kept_or_converted(tmp_path: Path, suffix: str, codec: str, rate: int, kept: int, out: str) -> None:
    source = write_video(tmp_path / f"a.{suffix}", audio=(codec, rate), codec="libx264")
    assert not painted(source, tmp_path / out)
    with av.open(str(tmp_path / out)) as film:
        [track] = film.streams.audio
        assert track.rate == kept
        frames = list(film.decode(audio=0))
    assert {frame.layout.nb_channels for frame in frames} == {1}
    assert float(frames[-1].pts * frames[-1].time_base) == pytest.approx(1, abs=0.25)
    samples = np.concatenate([frame.to_ndarray().astype(float).reshape(-1) for frame in frames])
    assert len(samples) / kept == pytest.approx(1, abs=0.35)  # MP3 adds silence
    assert np.abs(samples).max() > 0.1
