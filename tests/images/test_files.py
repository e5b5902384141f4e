"""What is wrong with a picture's file, and what is not."""

import errno
import io
import os
import socket
import subprocess
import sys
import time
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from nst.images import ImageError, open_alpha, open_image, open_mask, upright_size
from nst.images.files import decode_slot


def _noise(size: int = 200) -> Image.Image:
    pixels = np.random.default_rng(0).integers(0, 255, (size, size, 3), dtype=np.uint8)
    return Image.fromarray(pixels)


def _jpeg(**options: object) -> bytes:
    data = io.BytesIO()
    _noise().save(data, "JPEG", **options)
    return data.getvalue()


def _socket(path: Path) -> None:
    socket.socket(socket.AF_UNIX).bind(str(path))


@pytest.mark.parametrize(
    ("name", "make", "message"),
    [
        ("text.jpg", lambda path: path.write_text("not a picture"), "save it as JPEG or PNG"),
        ("half.jpg", lambda p: p.write_bytes(_jpeg()[:9000]), "damaged or incomplete"),
        ("empty.png", lambda path: path.write_bytes(b""), "save it as JPEG or PNG"),
        ("tiny.png", lambda path: Image.new("RGB", (1, 1)).save(path), "at least 16"),
        ("huge.png", lambda path: Image.new("1", (20000, 20000)).save(path), "megapixels"),
        ("none.png", lambda path: None, "is not there"),
        ("folder", lambda path: path.mkdir(), "is a folder"),
        ("pipe.png", os.mkfifo, "is a pipe"),
        ("s.png", _socket, "is a socket"),
        ("loop.png", lambda path: path.symlink_to(path), "leads back to itself"),
        ("file.png/a.png", lambda path: path.parent.write_bytes(b""), "as if it were a folder"),
        ("a" * 300 + ".png", lambda path: None, "too long a name"),
        ("nul\0.png", lambda path: None, "no name may hold"),
        ("\ud800.png", lambda path: None, "no name may hold"),
    ],
)
def test_what_cannot_be_used_says_what_to_do(
    tmp_path: Path, name: str, make: Callable[[Path], object], message: str
) -> None:
    make(tmp_path / name)
    for reader in (open_image, upright_size, open_alpha, open_mask):
        if reader is upright_size and message == "damaged or incomplete":
            continue
        with pytest.raises(ImageError, match=message) as caught:
            reader(tmp_path / name, "the photo")
        assert str(caught.value).startswith("the photo ")
        assert "\n" not in str(caught.value)
        assert len(str(caught.value)) < 250


def test_a_device_is_no_picture() -> None:
    with pytest.raises(ImageError, match="is a device"):
        open_image("/dev/zero")


@pytest.mark.parametrize(
    ("number", "message"),
    [
        (errno.EACCES, "change the permissions of"),
        (errno.EPERM, "change the permissions of"),
        (errno.EIO, "copy .* to another one"),
        (errno.EMFILE, "close other programs"),
        (errno.ENFILE, "close other programs"),
        (errno.ESTALE, "stale file handle; try a copy"),
    ],
)
def test_what_the_system_says_is_no_damage(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, message: str
) -> None:
    path = tmp_path / "a.png"
    Image.new("RGB", (20, 20)).save(path)

    def fail(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(Path, "open", fail)
    with pytest.raises(ImageError, match=message):
        open_image(path, "the photo")


def test_a_disk_that_fails_halfway_is_no_damage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(_jpeg())
    honest = Path.open

    class Failing(io.BufferedReader):
        def read(self, size: int | None = -1) -> bytes:
            if self.tell() > 500:
                raise OSError(errno.EIO, "Input/output error")
            return super().read(size)

    def failing(path: Path, mode: str) -> Failing:
        return Failing(honest(path, mode).detach())  # type: ignore[arg-type, union-attr]

    monkeypatch.setattr(Path, "open", failing)
    with pytest.raises(ImageError, match="can't be read from its disk"):
        open_image(path)


@pytest.mark.parametrize(
    "address",
    [
        "https://example.com/a.jpg",
        "HTTP://example.com",
        "ftp://example.com/a.jpg",
        "file:///tmp/a.jpg",
        "file:a.jpg",
        "s3://bucket/a.jpg",
        "gs://bucket/a",
        "data:image/png;base64,iVBOR" + "A" * 9000,
        "www.example.com/a.jpg",
    ],
)
def test_an_address_is_not_a_file(address: str) -> None:
    for source in (address, Path(address)):
        with pytest.raises(ImageError, match="the style is an address, and only files are taken"):
            open_image(source, "the style")


def test_a_name_with_a_colon_is_a_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Image.new("RGB", (20, 20)).save("file:a.png")
    assert open_image("file:a.png").size == (20, 20)
    with pytest.raises(ImageError, match="is not there"):
        open_image("12:30.png")


@pytest.mark.parametrize("kind", ["baseline", "progressive", "grey", "cmyk"])
def test_a_jpeg_without_its_end_mark_opens_where_every_pixel_is_there(tmp_path: Path, kind: str) -> None:
    data, path = io.BytesIO(), tmp_path / "a.jpg"
    image = _noise().convert({"grey": "L", "cmyk": "CMYK"}.get(kind, "RGB"))
    image.save(data, "JPEG", progressive=kind == "progressive")
    whole = data.getvalue()
    path.write_bytes(whole)
    expected = open_image(path).tobytes()
    for lost in (1, 2):
        path.write_bytes(whole[:-lost])
        assert open_image(path).tobytes() == expected
    scans = [place for place in range(len(whole)) if whole.startswith(b"\xff\xda", place)]
    cuts = [len(whole) - 40, len(whole) - 1000, len(whole) // 2, *scans[1:]]
    for cut in cuts:
        for padding in (b"", bytes(20)):
            path.write_bytes(whole[:cut] + padding)
            with pytest.raises(ImageError, match="damaged or incomplete"):
                open_image(path)


def test_other_formats_without_their_last_bytes(tmp_path: Path) -> None:
    for name, lost in (("a.png", 12), ("a.gif", 1)):
        path = tmp_path / name
        _noise().convert("P").save(path)
        path.write_bytes(path.read_bytes()[:-lost])
        assert open_image(path).size == (200, 200)


def test_damage_comes_without_other_lines(tmp_path: Path) -> None:
    for name in ("a.tif", "a.png", "a.webp", "a.avif", "a.gif", "a.bmp", "a.jpg"):
        path = tmp_path / name
        _noise().save(path)
        data = path.read_bytes()
        random = np.random.default_rng(1)
        for _ in range(20):
            broken = bytearray(data)
            for place in random.integers(0, min(len(data), 400), 6):
                broken[place] = random.integers(256)
            path.write_bytes(broken)
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                try:
                    assert open_image(path).mode == "RGB"
                except ImageError as error:
                    assert "\n" not in str(error)


def test_other_formats_are_switched_off_for_the_process(tmp_path: Path) -> None:
    """EPS would start Ghostscript; nothing in the process may open it, by whatever name."""
    files = {"a.eps": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "a.png": b"%PDF-1.4\n"}
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)
    Image.new("RGB", (20, 20)).save(tmp_path / "a.ico")
    Image.new("RGB", (20, 20)).save(tmp_path / "a.webp")
    code = f"""
from pathlib import Path
from PIL import Image, UnidentifiedImageError
from nst.images import switch_off_other_formats
switch_off_other_formats()
switch_off_other_formats()
for name in ("a.eps", "a.png", "a.ico"):
    try:
        Image.open(Path({str(tmp_path)!r}) / name)
    except UnidentifiedImageError:
        continue
    raise SystemExit(name)
Image.open(Path({str(tmp_path)!r}) / "a.webp").load()
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_large_pictures_are_decoded_one_after_the_other() -> None:
    inside, most = 0, 0

    def decode(size: tuple[int, int]) -> None:
        nonlocal inside, most
        with decode_slot(size):
            inside += 1
            most = max(most, inside)
            time.sleep(0.02)
            inside -= 1

    for size, allowed in (((5000, 5000), 1), ((100, 100), 4)):
        most = 0
        with ThreadPoolExecutor(12) as pool:
            list(pool.map(decode, [size] * 12))
        assert 1 <= most <= allowed
