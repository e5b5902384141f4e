"""The output of a run, from frames made here: nothing is computed."""

import errno
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest
from PIL import Image

from nst.cli.paint import RunOutput, paint
from nst.cli.terminal import Interrupts
from nst.job import Job
from nst.optimise.recorder import Frame
from nst.sharing import Provenance, ShareLink

LOSSES = {"total": 2.0, "content": 1.0, "style": 1.0, "tv": 0.0}


def _frame(step: int, moved: bool = True, failed: str = "") -> Frame:
    image = Image.new("RGB", (20, 20), "teal")
    return Frame(image, step, 4, step / 4, LOSSES, (LOSSES,), step, step == 4, moved, failed)


class _Job:
    """A job whose frames are ready; an exception or a signal among them happens in its place."""

    def __init__(self, *frames: Frame | BaseException | signal.Signals) -> None:
        self._frames = frames

    @property
    def frames(self) -> Iterator[Frame]:
        for frame in self._frames:
            if isinstance(frame, BaseException):
                raise frame
            if isinstance(frame, signal.Signals):
                signal.raise_signal(frame)
            else:
                yield frame

    def painting(self, frame: Frame) -> Image.Image:
        return frame.image

    def provenance(self, frame: Frame) -> Provenance:
        return Provenance(
            link=ShareLink(),
            style_hashes=(),
            extra_inputs=(),
            backbone="VGG-16",
            step=frame.step,
            steps=frame.steps,
            seconds=frame.seconds,
        )


def _paint(out: Path, *frames: Frame | BaseException | signal.Signals, **options: Any) -> int:
    with Interrupts() as interrupts:
        return paint(cast(Job, _Job(*frames)), RunOutput(out, **options), interrupts)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_a_signal_saves_the_picture(tmp_path: Path, number: signal.Signals, code: int) -> None:
    out = tmp_path / "a.png"
    assert _paint(out, _frame(1, False), _frame(2), number, _frame(3)) == code
    assert Image.open(out).size == (20, 20)


def test_a_signal_before_the_first_step_writes_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out, log = tmp_path / "a.png", tmp_path / "l.csv"
    out.write_bytes(b"older")
    for frames in ([signal.SIGINT], [_frame(1, False), signal.SIGINT]):
        assert _paint(out, *frames, log=str(log)) == 130
        assert out.read_bytes() == b"older"
        assert not log.exists()
        assert "nothing was painted yet" in capsys.readouterr().err


def test_a_failed_run_saves_its_picture_and_returns_1(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "a.png"
    assert _paint(out, _frame(3), _frame(4, failed="it ended worse")) == 1
    assert out.exists()
    assert f"it ended worse; the picture as it stands is in '{out}'" in capsys.readouterr().err


def test_an_error_of_pytorch_is_one_line_and_saves_the_picture(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "a.png"
    for error in (RuntimeError("can't allocate memory\nTraceback"), MemoryError()):
        assert _paint(out, _frame(2), error) == 1
        message = capsys.readouterr().err
        assert "the run broke off" in message
        assert "Traceback" not in message
        assert out.exists()
    assert _paint(tmp_path / "b.png", MemoryError()) == 1
    assert not (tmp_path / "b.png").exists()


def test_a_full_disk_is_reported_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "a.png"
    out.write_bytes(b"older")

    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    assert _paint(out, _frame(4)) == 1
    lines = capsys.readouterr().err.splitlines()
    assert [line for line in lines if line.startswith("nst:")] == [
        f"nst: '{out}' can't be written: the disk is full; free some space and paint once more"
    ]
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"older"]


def test_unfinished_pictures_and_losses_are_saved(tmp_path: Path) -> None:
    out, log = tmp_path / "new" / "a.png", tmp_path / "l.csv"
    frames = [_frame(step) for step in (1, 2, 3, 4)]
    assert _paint(out, *frames, log=str(log), log_every=2, save_every=2) == 0
    assert sorted(path.name for path in out.parent.iterdir()) == ["a-0002.png", "a-0004.png", "a.png"]
    assert [row.partition(",")[0] for row in log.read_text().splitlines()] == ["step", "1", "2", "4"]
