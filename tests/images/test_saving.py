import errno
import itertools
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from nst.images import ImageError, check_writable, image_format, open_image, replaced, save_image, write_file
from nst.images.saving import FORMATS

RED = (255, 0, 0)


def test_saving_says_what_is_wrong(tmp_path: Path) -> None:
    image = Image.new("RGB", (20, 20), RED)
    save_image(image, tmp_path / "a.png")
    assert open_image(tmp_path / "a.png").getpixel((0, 0)) == RED
    with pytest.raises(ImageError, match="end it in"):
        save_image(image, tmp_path / "a.txt")
    with pytest.raises(ImageError, match="can't be written"):
        save_image(image, tmp_path / "nowhere" / "a.png")
    with pytest.raises(ImageError, match="WEBP holds 16383 pixels"):
        save_image(Image.new("RGB", (16400, 16)), tmp_path / "wide.webp")
    with pytest.raises(ImageError, match="JPEG holds no transparency"):
        save_image(Image.new("RGBA", (20, 20)), tmp_path / "a.jpg")
    assert [path.name for path in tmp_path.iterdir()] == ["a.png"]


@pytest.mark.parametrize("end", FORMATS)
def test_every_format_offered_gives_the_painting_back(tmp_path: Path, end: str) -> None:
    image = Image.radial_gradient("L").resize((67, 41)).convert("RGB")
    save_image(image, tmp_path / f"a{end.upper()}")
    back = open_image(tmp_path / f"a{end.upper()}")
    assert back.size == image.size
    off = np.asarray(back, dtype=int) - np.asarray(image, dtype=int)
    assert np.abs(off).mean() < 1.5


@pytest.mark.parametrize("end", [".psd", ".gif", ".ico", ".pdf", ".eps", ".xbm", ".im", ".mp4", ""])
def test_other_formats_are_refused_by_name(end: str) -> None:
    with pytest.raises(ImageError, match=r"end it in .png, .jpg"):
        image_format("a" + end)


def test_a_full_disk_leaves_no_half_of_a_picture(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "a.png"
    out.write_bytes(b"older")
    honest = Path.write_bytes

    def full(path: Path, data: bytes) -> int:
        honest(path, data[:5])
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(ImageError, match="the disk is full; free some space"):
        save_image(Image.new("RGB", (20, 20)), out)
    assert [path.name for path in tmp_path.iterdir()] == ["a.png"]
    assert out.read_bytes() == b"older"


@pytest.mark.skipif(not Path("/proc").exists(), reason="needs Linux")
def test_what_a_killed_process_was_writing_is_removed(tmp_path: Path) -> None:
    out = tmp_path / "[a].png"
    code = (
        "import sys, time; from nst.images import replaced\n"
        "with replaced(sys.argv[1]) as new:\n    new.write_bytes(b'half'); print(flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", code, out], stdout=subprocess.PIPE) as process:
        assert process.stdout
        process.stdout.readline()
        write_file(out, b"of another process")
        assert len([*tmp_path.iterdir()]) == 2
        process.kill()
    write_file(tmp_path / "b.png", b"of another name")
    assert len([*tmp_path.iterdir()]) == 3
    write_file(out, b"new")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["[a].png", "b.png"]


def test_a_file_keeps_its_rights_and_a_link_stays_one(tmp_path: Path) -> None:
    target, link = tmp_path / "a.txt", tmp_path / "b.txt"
    target.write_bytes(b"old")
    target.chmod(0o640)
    link.symlink_to(target)
    write_file(link, b"new")
    assert link.is_symlink()
    assert (target.read_bytes(), target.stat().st_mode & 0o777) == (b"new", 0o640)


def test_a_file_in_a_folder_that_takes_no_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "a.txt"
    out.write_bytes(b"old")

    def refuse(*_: object) -> None:
        raise OSError(errno.EBUSY, "busy")

    monkeypatch.setattr(Path, "replace", refuse)
    write_file(out, b"new")
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"new"]

    copy, calls = shutil.copyfile, itertools.count(1)

    def break_off(source: Path, target: Path) -> None:
        copy(source, target)
        if next(calls) == 2:  # the first one is a backup
            target.write_bytes(b"ha")
            raise OSError(errno.ENOSPC, "full")

    monkeypatch.setattr(shutil, "copyfile", break_off)
    with pytest.raises(ImageError, match="the disk is full"):
        write_file(out, b"half")
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"new"]


def test_a_writable_file_in_a_folder_that_is_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder := tmp_path / "folder").mkdir()
    (elsewhere := tmp_path / "elsewhere").mkdir()
    (out := folder / "a.mp4").write_bytes(b"old")
    monkeypatch.setattr(tempfile, "tempdir", str(elsewhere))
    access = os.access
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path) != folder and access(path, mode))
    with replaced(out) as new:
        assert new.parent == elsewhere
        new.write_bytes(b"new")
    assert out.read_bytes() == b"new"
    assert not [*elsewhere.iterdir()]


def test_what_cannot_be_written_is_known_before(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.png")
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_bytes(b"")
    for name, message in {
        "pipe.png": "choose another name",
        "folder": "choose another name",
        "file/a.png": "no folder",
        "nowhere/a.png": "no folder",
        "a" * 300 + ".png": "choose another name",
        "nul\0.png": "choose another name",
    }.items():
        with pytest.raises(ImageError, match=message):
            check_writable(tmp_path / name)
    with pytest.raises(ImageError, match="is an address; name a file"):
        check_writable("https://example.com/a.png")
    check_writable(tmp_path / "new.png")
    check_writable(tmp_path / "file")
