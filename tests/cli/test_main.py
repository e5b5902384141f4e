"""The command line as a whole, mostly in this process."""

import contextlib
import io
import itertools
import os
import re
import signal
import subprocess
import sys
import threading
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from nst.cli import video
from nst.cli.main import main
from nst.gallery import load_styles, sample
from nst.one_pass import OnePass
from nst.video.coherence import CoherentPainter
from tests.video.files import damage, decoded, full_disk, times, write_video

MINUTES = 120
"""Seconds that a process may take to begin."""


@pytest.fixture
def photo_file(photo: Image.Image, tmp_path: Path) -> Path:
    photo.save(tmp_path / "photo.jpg")
    return tmp_path / "photo.jpg"


def _nst(*arguments: object) -> subprocess.CompletedProcess[str]:
    """Run the program in this process: importing PyTorch takes longer than painting."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            code = main([*map(str, arguments)])
        except SystemExit as exit:
            code = int(exit.code or 0)
    return subprocess.CompletedProcess(arguments, code, out.getvalue(), err.getvalue())


def _process(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "nst", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120)


def test_a_photo_is_painted_into_a_file(photo_file: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.png"
    done = _process(photo_file, "swirling_night", "-o", out, "--size", 64, "--steps", 2)
    assert (done.returncode, done.stdout) == (0, "")
    assert "100%" in done.stderr
    assert Image.open(out).size == (64, 51)


def test_a_title_and_old_values_of_settings_work(photo_file: Path, tmp_path: Path) -> None:
    pictures = []
    for style, effort in [("stained_glass", "one-pass"), ("irises at sunrise", "instant")]:
        out = tmp_path / f"{effort}.png"
        done = _nst(photo_file, style, "-o", out, "--size", 96, "--effort", effort)
        assert done.returncode == 0, done.stderr
        pictures.append(Image.open(out))
    assert pictures[0].tobytes() == pictures[1].tobytes()
    done = _nst(photo_file, "--style", "Irises at Sunrize", "-o", tmp_path / "a.png")
    assert done.returncode == 2
    assert "did you mean 'Irises at Sunrise'?" in done.stderr


def test_patterns_and_names_with_a_hyphen_are_painted(
    photo_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(photo_file.rename(tmp_path / "-dash.jpg").parent)
    quick = ["--size", 64, "--one-pass"]
    assert _nst("-o", "out/", *quick, "--style", "gold_spirals", "--", "-dash.jpg").returncode == 0
    assert _nst("./-d*.jpg", "./-?ash.jpg", "gold_spirals", "-o", "out/", *quick).returncode == 0
    assert len([*tmp_path.glob("out/-dash after gold_spirals*.png")]) == 2
    done = _nst("*.tif", "gold_spirals", "-o", "out/", *quick)
    assert (done.returncode, done.stderr) == (2, "nst: no file matches '*.tif'; check the folder and the pattern\n")


def test_the_program_is_named_as_it_was_called(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["/usr/bin/nst"])
    assert _nst("--help").stdout.startswith("usage: nst PHOTO STYLE")
    monkeypatch.setattr(sys, "argv", ["/lib/nst/__main__.py"])
    assert _nst("--help").stdout.startswith("usage: python -m nst PHOTO STYLE")


def test_the_page_starts_as_app_py_does(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRADIO_SERVER_PORT", "70000")
    done = _process("--page")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert done.stderr.startswith("nst: GRADIO_SERVER_PORT is '70000'")


def test_losses_are_printed_and_saved(photo_file: Path, tmp_path: Path) -> None:
    out, log = tmp_path / "out.png", tmp_path / "losses.csv"
    options = ["--recipe", "gatys", "--size", 64, "--steps", 10, "--log-every", 4, "--log", log]
    done = _nst(photo_file, "swirling_night", "linocut_forest", "-o", out, *options)
    assert done.returncode == 0
    assert "written for VGG-19; here VGG-16 paints" in done.stderr
    rows = [line.split(",") for line in log.read_text().splitlines()]
    assert rows[0] == ["step", "total", "content", "style", "tv"]
    assert [row[0] for row in rows[1:]] == ["1", "4", "8", "10"]
    assert float(rows[-1][1]) < float(rows[1][1])
    assert f"step 8  total {float(rows[3][1]):.6g}" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere.jpg", "swirling_night", "-o", "{tmp}/a.png"], "the photo is not there"),
        (["{photo}", "nobody", "-o", "{tmp}/a.png"], "no style 'nobody'"),
        (["https://x.org/a.jpg", "swirling_night", "-o", "{tmp}/a.png"], "photo is an address"),
        (["{photo}", "swirling_night", "-o", "{photo}"], "stays as it is"),
        (["{photo}", "no.png", "no.jpg", "-o", "{tmp}/f/"], "the style image is not there"),
        (["{photo}", "swirling_night", "-o", "{tmp}/a.png", "--size", "9"], "size is '9'"),
        (["{photo}", "swirling_night", "-o", "{tmp}/a.png", "--recipe", "x"], "invalid choice: 'x'"),
        (["{photo}", "swirling_night", "-o", "{tmp}/nowhere/a.png"], "no folder"),
        (["{photo}", "swirling_night", "-o", "{tmp}/a.txt"], "end it in .png"),
        (["{photo}", "-o", "{tmp}/a.png"], "name at least one style"),
        (["{photo}", "swirling_night"], "required"),
        (["{photo}", "swirling_night", "-o", "{tmp}/a.png", "--log", "{tmp}/no/a.csv"], "no folder"),
        (["{photo}", "swirling_night", "-o", "{tmp}/a.png", "--brush", "1"], "--brush"),
    ],
)
def test_bad_input_ends_with_2_and_one_line(
    photo_file: Path, tmp_path: Path, arguments: list[str], message: str
) -> None:
    done = _nst(*(a.format(photo=photo_file, tmp=tmp_path) for a in arguments))
    assert done.returncode == 2
    assert message in done.stderr
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "a.png").exists()


def test_an_interrupt_saves_the_picture(photo_file: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.png"
    command = [sys.executable, "-m", "nst", str(photo_file), "swirling_night", "-o", str(out)]
    process = subprocess.Popen(
        [*command, "--size", "64", "--effort", "fine"],
        stderr=subprocess.PIPE,
        text=True,
        # A background job of a shell inherits ignored interrupts.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    assert process.stderr is not None
    deadline = threading.Timer(MINUTES, process.kill)
    deadline.start()
    output = ""
    while not re.search(r"step \d\d", output) and (character := process.stderr.read(1)):
        output += character
    deadline.cancel()
    process.send_signal(signal.SIGINT)
    _, rest = process.communicate(timeout=MINUTES)
    assert process.returncode == 128 + signal.SIGINT
    assert "Traceback" not in rest
    assert Image.open(out).size == (64, 51)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_during_the_imports_is_quiet(photo_file: Path, tmp_path: Path, number: signal.Signals) -> None:
    arguments = ["-m", "nst", str(photo_file), "swirling_night", "-o", str(tmp_path / "out.png")]
    process = subprocess.Popen(
        [sys.executable, "-X", "importtime", *arguments],
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    assert process.stderr is not None
    next(line for line in process.stderr if line.endswith(" torch.types\n"))  # a part of PyTorch
    process.send_signal(number)
    _, rest = process.communicate(timeout=MINUTES)
    assert process.returncode == 128 + number
    assert {line.partition(":")[0] for line in rest.splitlines()} <= {"import time"}
    assert not (tmp_path / "out.png").exists()


def test_like_repeats_a_painting_pixel_for_pixel(photo_file: Path, tmp_path: Path) -> None:
    first, second = tmp_path / "first.png", tmp_path / "second.png"
    options = ["--size", 64, "--steps", 3, "--colour", "matched", "--preset", "bold"]
    assert _nst(photo_file, "swirling_night", "-o", first, *options).returncode == 0
    done = _nst(photo_file, "--like", first, "-o", second)
    assert done.returncode == 0, done.stderr
    assert "nst:" not in done.stderr
    assert Image.open(first).tobytes() == Image.open(second).tobytes()


def test_like_names_missing_inputs(photo_file: Path, tmp_path: Path, photo: Image.Image) -> None:
    mine, first = tmp_path / "mine.png", tmp_path / "first.png"
    mask = tmp_path / "mask.png"
    photo.transpose(Image.Transpose.ROTATE_90).save(mine)
    Image.new("L", photo.size, 255).save(mask)
    again = ["--like", first, "-o", tmp_path / "again.png"]
    small = ["--size", 64, "--steps", 2]
    assert _nst(photo_file, mine, "-o", first, "--mask", mask, *small).returncode == 0
    assert "was painted with a mask; add --mask" in _nst(photo_file, *again).stderr
    assert "after 'mine'; name its file" in _nst(photo_file, *again, "--mask", mask).stderr
    done = _nst(photo_file, "swirling_night", *again, "--mask", mask)
    assert done.returncode == 0
    assert "a style is not the file" in done.stderr
    assert "does not remember" in _nst(photo_file, "--like", mine, "-o", first).stderr


def test_a_painting_is_continued_in_a_larger_size(photo_file: Path, tmp_path: Path) -> None:
    small, large = tmp_path / "small.png", tmp_path / "large.png"
    assert _nst(photo_file, "swirling_night", "-o", small, "--size", 64, "--steps", 3).returncode == 0
    line = [photo_file, "swirling_night", "-o", large, "--size", 128, "--steps", 2]
    assert _nst(*line, "--start", small).returncode == 0
    assert Image.open(large).size == (128, 102)


def test_each_photo_is_painted_into_a_folder(photo_file: Path, tmp_path: Path, photo: Image.Image) -> None:
    cut = photo.convert("RGBA")
    cut.paste((0, 0, 0, 0), (60, 0, 120, 96))
    cut.save(tmp_path / "cut.png")
    (tmp_path / "text.jpg").write_text("not a picture")
    names = [photo_file, tmp_path / "text.jpg", tmp_path / "cut.png"]
    options = ["--size", "photo", "--steps", 3, "--keep-alpha", "--save-every", 2]
    done = _nst(*names, "swirling_night", "-o", f"{tmp_path}/new/", *options)
    assert done.returncode == 1
    assert f"nst: {tmp_path}/text.jpg: the photo is not in a format" in done.stderr
    files = sorted(path.name for path in (tmp_path / "new").iterdir())
    after = "after swirling_night"
    assert files == [f"cut {after}-0002.png", f"cut {after}.png", f"photo {after}-0002.png", f"photo {after}.png"]
    whole, painted = (Image.open(tmp_path / "new" / name) for name in (files[3], files[1]))
    assert (whole.mode, whole.size) == ("RGB", photo.size)
    assert painted.getchannel("A").tobytes() == cut.getchannel("A").tobytes()
    assert _nst(*names[1:2], names[1], "--style", "x", "-o", tmp_path / "new").returncode == 2


def test_all_styles_are_listed() -> None:
    done = _nst("--list")
    assert (done.returncode, done.stderr) == (0, "")
    listed = [line.split()[0] for line in done.stdout.splitlines()]
    assert listed == [style.name for style in load_styles()]
    assert "after van Gogh" in done.stdout


def test_an_overflow_of_the_losses_is_reported(photo_file: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.png"
    options = ["--size", 64, "--steps", 3, "--style-layers", "relu1_1=1e39"]
    done = _nst(photo_file, "swirling_night", "-o", out, *options)
    assert done.returncode == 1
    assert "no finite number" in done.stderr
    assert "Traceback" not in done.stderr
    assert out.exists()


def test_a_video_and_a_contact_sheet_in_one_pass(photo: Image.Image, tmp_path: Path) -> None:
    clip, still, sheet = (tmp_path / name for name in ("clip.gif", "photo.png", "sheet.png"))
    photo.save(still)
    photo.save(clip, save_all=True, append_images=[photo.rotate(90, expand=True)], duration=200)
    done = _nst(clip, "swirling_night", "-o", tmp_path / "out.mp4", "--one-pass", "--size", 64)
    assert (done.returncode, done.stdout) == (0, "")
    assert "2/2" in done.stderr
    assert (tmp_path / "out.mp4").stat().st_size > 1000
    done = _nst("--sheet", still, "-o", sheet, "--one-pass", "--size", 64)
    assert done.returncode == 0
    assert Image.open(sheet).width == 5 * 320


def test_a_video_in_a_new_style(photo: Image.Image, tmp_path: Path) -> None:
    clip, out = tmp_path / "clip.gif", tmp_path / "out.mp4"
    photo.save(clip, save_all=True, append_images=[photo.rotate(180)], duration=200)
    done = _nst(clip, sample("coffee"), "-o", out, "--one-pass", "--size", 64)
    assert done.returncode == 0
    assert "the style is not built in; the network is fine-tuned for it first" in done.stderr
    assert len(decoded(out)) == 2


def test_a_video_by_the_optimiser_and_its_continuation(photo: Image.Image, tmp_path: Path) -> None:
    clip, out = tmp_path / "clip.gif", tmp_path / "out.mp4"
    photo.save(clip, save_all=True, append_images=[photo.transpose(Image.Transpose.FLIP_LEFT_RIGHT)], duration=200)
    options = [clip, "swirling_night", "-o", out, "--effort", "quick", "--size", 64, "--resume"]
    done = _nst(*options)
    assert done.returncode == 0
    assert f"there is no '{out}' yet; this begins it" in done.stderr
    assert "this takes about" in done.stderr
    assert len(decoded(out)) == 2
    done = _nst(*options)
    assert done.returncode == 0
    assert "picture 2 was the last; this continues" in done.stderr
    assert len(decoded(out)) == 2
    done = _nst(*options, "--strength", 0.7)
    assert done.returncode == 2
    assert "was painted from another film, or with other settings or styles" in done.stderr


def test_a_full_disk_leaves_the_existing_video(photo: Image.Image, tmp_path: Path) -> None:
    clip, out = tmp_path / "clip.gif", tmp_path / "keep.mp4"
    photo.save(clip, save_all=True, append_images=[photo.rotate(90 * n) for n in range(1, 4)], duration=200)
    out.write_bytes(b"as before")
    with full_disk(9_000):
        done = _nst(clip, "swirling_night", "-o", out, "--one-pass", "--size", 256)
    assert done.returncode == 1
    assert "keep.mp4' can't be written: the disk is full" in done.stderr
    assert "pictures are" not in done.stderr
    assert out.read_bytes() == b"as before"


def test_an_error_of_the_program_is_no_advice(
    photo: Image.Image, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    photo.save(tmp_path / "clip.gif", save_all=True, append_images=[photo.rotate(90)], duration=200)
    monkeypatch.setattr(OnePass, "__call__", lambda *_: np.zeros(3) + np.zeros(4))
    done = _nst(tmp_path / "clip.gif", "swirling_night", "-o", tmp_path / "out.mp4", "--one-pass", "--size", 64)
    assert done.returncode == 1
    assert "the run broke off (operands could not be broadcast" in done.stderr
    assert not (tmp_path / "out.mp4").exists()


def test_an_error_of_a_video_keeps_the_pictures_before_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    source, out = write_video(tmp_path / "in.mp4"), tmp_path / "out.mp4"
    paint, calls = OnePass.__call__, itertools.count(1)

    def fail(self: OnePass, photo: Image.Image) -> Image.Image:
        if next(calls) == 3:
            raise MemoryError
        return paint(self, photo)

    monkeypatch.setattr(OnePass, "__call__", fail)
    assert main([str(source), "gold_spirals", "-o", str(out), "--one-pass", "--size", "64"]) == 1
    complaint = capsys.readouterr().err
    assert "the run broke off (no memory is left); choose a smaller size" in complaint
    assert f"2 of {len(decoded(source))} pictures are painted" in complaint
    assert len(decoded(out)) == 2


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv"])
def test_a_long_video_is_saved_again_and_again(suffix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = write_video(tmp_path / "in.mp4", audio=("aac", 44100))
    at_once, out = tmp_path / f"at_once{suffix}", tmp_path / f"out{suffix}"
    paint, kept, painted = CoherentPainter.__call__, list[int](), list[bytes]()

    def watch(self: CoherentPainter, frame: Image.Image) -> Image.Image:
        kept.append(len(decoded(out)) if out.exists() else 0)  # what would be left if the machine stopped here
        painting = paint(self, frame)
        painted.append(painting.tobytes())
        return painting

    monkeypatch.setattr(CoherentPainter, "__call__", watch)
    arguments = [str(source), "gold_spirals", "--one-pass", "--size", "64"]
    assert main([*arguments, "-o", str(at_once)]) == 0
    count = len(decoded(source))
    assert kept == [0] * count
    monkeypatch.setattr(video, "AUTOSAVE_SECONDS", 0)
    assert main([*arguments, "-o", str(out)]) == 0
    assert kept[count:] == [*range(count)]
    assert painted[count:] == painted[:count]
    assert times(out) == times(at_once)
    with av.open(str(out)) as one, av.open(str(at_once)) as other:
        assert one.streams.audio[0].duration == other.streams.audio[0].duration


def test_damage_of_a_video_is_reported(tmp_path: Path) -> None:
    source = damage(write_video(tmp_path / "take2:sunset.mov", codec="png", format="rgb24"))
    done = _nst(source, "swirling_night", "-o", tmp_path / "out.mp4", "--one-pass", "--size", 64)
    assert done.returncode == 0
    assert "nst: 2 damaged parts of the film are left out" in done.stderr


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["clip.gif", "swirling_night", "-o", "out.mp4", "--recipe=gatys"], "leave --recipe out"),
        (["clip.gif", "swirling_night", "-o", "out.mp4", "--recipe=strotss"], "leave --recipe out"),
        (["clip.gif", "swirling_night", "-o", "out.gif", "--resume"], "only .mp4, .mov, .mkv can be resumed"),
        (["clip.gif", "swirling_night", "-o", "text.mp4", "--resume"], "can't be read"),
        (["text.mp4", "swirling_night", "-o", "out.png", "--one-pass"], "end 'out.png' in .mp4"),
        (["text.mp4", "swirling_night", "-o", "out.psd"], "end 'out.psd' in .mp4"),
        (["clip.gif", "swirling_night", "-o", "clip.gif", "--one-pass"], "stays as it is"),
        (["clip.gif", "link.gif", "-o", "link.gif", "--one-pass"], "stays as it is"),
        (["--sheet", "big.png", "-o", "big.png"], "stays as it is"),
        (["clip.gif", "swirling_nigh", "-o", "out.mp4", "--one-pass"], "did you mean"),
        (["clip.gif", "tiny.png", "-o", "out.mp4", "--one-pass"], "has only 8x8 pixels"),
        (["clip.gif", "swirling_night", "-o", "out.mp4", "--one-pass", "--colour=photo"], "photos"),
        (["clip.gif", "swirling_night", "-o", "a.mp4", "--one-pass", "--log=a.csv"], "of a photo"),
        (["clip.gif", "swirling_night", "-o", "a.mp4", "--one-pass", "--recipe=gatys"], "asks for 500 of them"),
        (["no.mp4", "swirling_night", "-o", "out.mp4", "--one-pass"], "the film is not there"),
        (["text.mp4", "swirling_night", "-o", "out.mp4", "--one-pass"], "save it as MP4"),
        (["empty.mp4", "swirling_night", "-o", "out.mp4", "--one-pass"], "save it as MP4"),
        (["tiny.png", "swirling_night", "-o", "out.mp4", "--one-pass"], "is a picture, not a film"),
        (["clip.gif", "pipe", "-o", "out.mp4", "--one-pass"], "the style image is a pipe"),
        (["clip.gif", "--style=pipe", "-o", "out.mp4", "--effort=quick"], "the style image is a pipe"),
        (["clip.gif", "no.jpg", "-o", "out.mp4", "--one-pass"], "the style image is not there"),
        (["clip.gif", "https://example.com/a.jpg", "-o", "out.mp4"], "the style image is an address"),
        (["clip.gif", "text.mp4", "-o", "out.mp4"], "'text.mp4' is a film, which can't be a style"),
        (
            ["text.mp4", "big.png", "--style=gold_spirals", "-o", "new/"],
            "'text.mp4' is a film, which is painted alone",
        ),
        (["big.png", "text.mp4", "gold_spirals", "-o", "new/"], "'text.mp4' is a film, which is painted alone"),
        (["big.png", "gold_spirals", "-o", "out.png", "--one-pass", "--steps=9"], "asks for 9 of them"),
        (["big.png", "gold_spirals", "-o", "out.png", "--one-pass", "--recipe=gatys"], "asks for 500 of them"),
        (["--sheet", "big.png", "-o", "out.png", "--one-pass", "--steps=9"], "asks for 9 of them"),
        (["--sheet", "-o", "out.png"], "write --sheet PHOTO"),
        (["--sheet", "clip.gif", "-o", "out.psd"], "names no format"),
        (["--sheet", "clip.gif", "-o", "out.png", "--mask=clip.gif"], "a sheet of many"),
        (["--sheet", "clip.gif", "-o", "out.png", "--resume"], "a sheet of many"),
        (["--sheet", "clip.gif", "-o", "out.png", "--style=gold_spirals"], "leave out --style"),
    ],
)
def test_an_error_of_a_video_or_sheet_is_one_line(
    options: list[str], message: str, photo: Image.Image, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    photo.save("clip.gif", save_all=True, append_images=[photo.rotate(90)], duration=200)
    Image.new("RGB", (8, 8)).save("tiny.png")
    photo.save("big.png")
    Path("link.gif").symlink_to("clip.gif")
    Path("text.mp4").write_text("no film")
    Path("empty.mp4").write_bytes(b"")
    os.mkfifo("pipe")
    before = sorted(tmp_path.iterdir())
    done = _nst(*options)
    assert done.returncode == 2
    assert message in done.stderr
    assert done.stderr.count("\n") == 1
    assert sorted(tmp_path.iterdir()) == before
