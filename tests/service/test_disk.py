import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from nst.service import disk
from tests.serving import ROOT


@pytest.fixture
def above(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
    return tmp_path


def test_what_a_killed_process_left_goes_and_what_a_living_one_holds_stays(above: Path) -> None:
    killed = "import os; from nst.service.disk import open_folder; print(open_folder()); os._exit(9)"
    process = subprocess.run([sys.executable, "-c", killed], cwd=ROOT, capture_output=True, text=True)
    left = [folder for folder in above.iterdir() if folder.name.startswith(disk.PREFIX)]
    assert len(left) == 1, process.stderr
    other = above / "nst-notes"
    other.mkdir()
    mine = disk.open_folder()
    assert not left[0].exists()
    assert disk.open_folder() != mine
    assert mine.is_dir()
    assert other.is_dir()


def test_a_folder_that_cannot_be_had_is_not_insisted_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "file" / "theirs"))
    assert disk.open_folder().parent == Path(tempfile.gettempdir())
    assert "is taken instead" in caplog.text


def _aged(path: Path, seconds: float) -> Path:
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(b"x" * 1000)
    then = time.time() - seconds
    os.utime(path, (then, then))
    return path


def test_the_sweep_takes_what_is_old_broken_off_or_empty(tmp_path: Path) -> None:
    young, old = _aged(tmp_path / "a" / "a.png", 1000), _aged(tmp_path / "b" / "b.png", 4000)
    coming, broken_off = _aged(tmp_path / "tmp1", 100), _aged(tmp_path / "tmp2", 1000)
    held = _aged(tmp_path / disk.LOCK, 9999)
    thumbnail = _aged(tmp_path / disk.SITE / "a.webp", 9999)
    (tmp_path / "new").mkdir()
    (tmp_path / "link").symlink_to(old)
    disk.sweep(tmp_path, 3600)
    os.utime(tmp_path / "b", (0, 0))  # it was as good as new a moment ago
    disk.sweep(tmp_path, 3600)
    assert young.exists()
    assert coming.exists()
    assert held.exists()
    assert thumbnail.exists()
    assert (tmp_path / "new").exists()
    assert (tmp_path / "link").is_symlink()
    assert not broken_off.exists()
    assert not old.parent.exists()
    assert 4000 <= disk.used(tmp_path) < 4200
