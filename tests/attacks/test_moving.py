"""Hostile films and previews."""

import re
import struct
import time
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from tests.serving import ROOT
from tests.video.files import grow, jpeg, write_jpegs, write_video

from .conftest import clear
from .stranger import Stranger, picture, sent

PRIVATE = str(ROOT / "examples" / "results" / "page.jpg")
ONE_PASS = {"strength": 0.5, "style_scale": 1.0, "style_weights": ""}


def film(path: Path, pictures: int = 3, size: tuple[int, int] = (64, 48), rate: Fraction = Fraction(10)) -> bytes:
    """An H.264 film in grey."""
    with av.open(str(path), "w") as made:
        stream: Any = made.add_stream("libx264", rate=rate, options={"preset": "ultrafast"})
        (stream.width, stream.height), stream.pix_fmt = size, "yuv420p"
        grey = np.full((size[1], size[0], 3), 128, dtype=np.uint8)
        for _ in range(pictures):
            made.mux(stream.encode(av.VideoFrame.from_ndarray(grey, format="rgb24")))
        made.mux(stream.encode(None))
    return path.read_bytes()


def called(stranger: Stranger, name: str, **asked: Any) -> str:
    """What an endpoint for programs answers."""
    answer = stranger.post(f"/call/v2/{name}", asked)
    if answer.status_code != 200:
        return answer.text
    event = answer.json()["event_id"]
    with stranger.http.stream("GET", f"/call/v2/{name}/{event}") as stream:
        return stream.read().decode()


PLAYLIST = f"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\nfile://{PRIVATE}\n#EXT-X-ENDLIST\n"
JUNK: dict[str, bytes] = {
    "nothing": b"x",
    "text": b"no film at all" * 1000,
    "a playlist of the server's files": PLAYLIST.encode(),
    "a playlist of addresses": PLAYLIST.replace("file://", "http://127.0.0.1:9").encode(),
    "a list of files": f"ffconcat version 1.0\nfile {PRIVATE}\n".encode(),
    "a description of a stream": b"v=0\no=- 0 0 IN IP4 127.0.0.1\nm=video 9 RTP/AVP 96\n",
    "half an MP4": b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom" + b"\0" * 5000,
}


@pytest.mark.parametrize("end", ["mp4", "m3u8"])
@pytest.mark.parametrize("junk", JUNK.values(), ids=JUNK)
def test_what_is_no_film(stranger: Stranger, junk: bytes, end: str) -> None:
    reply = called(stranger, "paint_clip", film=sent(stranger.upload(junk, f"film.{end}")))
    assert "The film" in reply
    assert "painted.mp4" not in reply
    clear(reply)


@pytest.mark.parametrize("path", [PRIVATE, "/proc/self/fd/1", "https://example.com/a.mp4", 7])
@pytest.mark.parametrize(("name", "part"), [("paint_clip", "film"), ("preview", "photo")])
def test_a_path_is_no_film_and_no_photo(stranger: Stranger, name: str, part: str, path: Any) -> None:
    reply = called(stranger, name, **{part: sent(path)})
    assert "did not arrive" in reply or "is an address" in reply
    clear(reply)


def test_a_film_that_is_long_or_large(stranger: Stranger, tmp_path: Path) -> None:
    long = film(tmp_path / "long.mp4", 40, rate=Fraction(1))
    reply = called(stranger, "paint_clip", film=sent(stranger.upload(long, "long.mp4")))
    assert "The film takes 40 s, and 10 s are allowed here" in reply
    large = film(tmp_path / "large.mp4", 1, (4096, 4096))
    reply = called(stranger, "paint_clip", film=sent(stranger.upload(large, "large.mp4")))
    assert "The film has 4096x4096 pixels; make it smaller than 9 megapixels" in reply


def test_a_film_of_more_pictures_than_it_says(stranger: Stranger, tmp_path: Path) -> None:
    """Ten thousand a second: the time limit of runs ends it, and it is kept as far as it is."""
    many = film(tmp_path / "many.mp4", 5000, rate=Fraction(10_000))
    inputs = {"film": sent(stranger.upload(many, "many.mp4")), "size": 64}
    reply = called(stranger, "paint_clip", **inputs)
    assert "painted.mp4" in reply
    clear(reply)


@pytest.mark.parametrize("suffix", ["avi", "mkv", "mov"])
def test_frames_that_grow_take_no_memory(stranger: Stranger, tmp_path: Path, suffix: str) -> None:
    small = jpeg(np.full((64, 96, 3), 128, np.uint8))
    frames = [small, *(grow(small, side, side) for side in (13_000, 16_000, 65_000)), small]
    path = write_jpegs(tmp_path / f"film.{suffix}", frames)
    film_sent = sent(stranger.upload(path.read_bytes(), path.name))
    called(stranger, "paint_clip", film=film_sent, size=64)
    stranger.forget_peak()
    before = stranger.memory()
    reply = called(stranger, "paint_clip", film=film_sent, size=64)
    assert "painted.mp4" in reply
    assert stranger.memory("VmHWM") < before + 200  # one such frame would take 750
    clear(reply)


@pytest.mark.parametrize("rate", [1, 1_000_000])
def test_a_film_that_lasts_longer_than_it_says(stranger: Stranger, tmp_path: Path, rate: int) -> None:
    """Of an hour of pictures, those of the first ten seconds are painted."""
    frames = [np.full((48, 64, 3), number % 250, np.uint8) for number in range(120)]
    path = write_video(tmp_path / "film.mkv", frames, [Fraction(30 * number) for number in range(120)], rate=rate)
    data = path.read_bytes()
    place = data.index(b"\x44\x89\x88")  # the duration, in milliseconds
    data = data[: place + 3] + struct.pack(">d", 1000.0) + data[place + 11 :]
    path.write_bytes(re.sub(rb"\d\d:\d\d:\d\d\.\d{9}", b"00:00:01.000000000", data))  # of the track
    reply = called(stranger, "paint_clip", film=sent(stranger.upload(path.read_bytes(), "film.mkv")), size=64)
    assert "painted.mp4" in reply
    painted = Path(re.findall(r'"path": ?"([^"]+painted.mp4)"', reply)[0])
    with av.open(str(painted)) as made:
        assert len(list(made.decode(video=0))) == 1
    clear(reply)


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"size": 10**9}, "it takes a whole number from 64 to 1024"),
    ({"size": -1}, "Size is -1"),
    ({"size": "1e999"}, "it takes a whole number"),
    ({"size": [64]}, "it takes a whole number"),
    ({"strength": "nan"}, "Strength is"),
    ({"strength": {}}, "Strength is"),
    ({"style": "../../nowhere"}, "There is no style"),
    ({"style": ",".join("abcdefgh")}, "8 styles are too many"),
]


@pytest.mark.parametrize(("inputs", "reply"), WRONG, ids=[str(case[0])[:40] for case in WRONG])
def test_values_out_of_range_are_rejected(
    stranger: Stranger, tmp_path: Path, inputs: dict[str, Any], reply: str
) -> None:
    photo = sent(stranger.upload(picture()))
    answers = [called(stranger, "preview", photo=photo, **inputs)]
    clip = sent(stranger.upload(film(tmp_path / "film.mp4"), "film.mp4"))
    answers.append(called(stranger, "paint_clip", film=clip, **inputs))
    for answer in answers:
        assert reply in answer
        clear(answer)


def test_a_thousand_styles_are_four(stranger: Stranger) -> None:
    """As many as a painting may have are read, for a film as for a preview."""
    many = ["gold_spirals", "swirling_night"] * 5000
    begun = time.monotonic()
    photo = sent(stranger.upload(picture()))
    stranger.run("preview_photo", stranger.filled("preview_photo", photo=photo, chosen=many))
    assert time.monotonic() - begun < 30  # all of them would take minutes
