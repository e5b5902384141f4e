"""Training goes on after a break as if there had been none, and writes what it has found."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from examples import train
from nst.network import shipped
from nst.onepass.styles import LEARNED, NETWORK

FILES = NETWORK[0], LEARNED[0]


@pytest.fixture
def folders(tmp_path: Path, photo: Image.Image, style: Image.Image) -> tuple[str, str]:
    """One photo, one style."""
    for name, image in (("photos", photo.resize((480, 384))), ("styles", style)):
        (tmp_path / name).mkdir()
        image.save(tmp_path / name / "one.png")
    return str(tmp_path / "photos"), str(tmp_path / "styles")


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of the shipped files' copies, where training writes its own."""
    copies = tmp_path / "data"
    copies.mkdir()
    for name in FILES:
        (copies / name).write_bytes((shipped.DATA / name).read_bytes())
    monkeypatch.setattr(train, "DATA", copies)
    monkeypatch.setattr(train, "LOG", tmp_path / "log.csv")
    return copies


def test_a_break_changes_nothing(
    folders: tuple[str, str], data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(train, "KEEP", 2)
    monkeypatch.setattr(train, "WARM_UP", 1)
    straight, with_break = str(tmp_path / "straight"), str(tmp_path / "with_break")
    with monkeypatch.context() as patch:
        patch.setattr(train, "write", lambda *_: None)
        train.main(*folders, straight, "4")
        patch.setattr(train, "take_step", _interrupted_at(3))
        with pytest.raises(KeyboardInterrupt):
            train.main(*folders, with_break, "4")
    train.main(*folders, with_break, "4")

    one, other = (torch.load(state, weights_only=True) for state in (straight, with_break))
    assert [row["step"] for row in other["log"]] == [1, 2, 3, 4]
    for kind in ("painter", "changes"):
        for name, x in one[kind].items():
            assert torch.allclose(x, other[kind][name], rtol=1e-3, atol=1e-5), name

    network, learned = ((load_file(shipped.DATA / name), load_file(data / name)) for name in FILES)
    for before, after in (network, learned):
        assert before.keys() == after.keys()
        moved = [name for name in before if not torch.equal(before[name], after[name])]
        assert moved
        assert not any(name.startswith("reader.") for name in moved)
    assert len((tmp_path / "log.csv").read_text().splitlines()) == 5


def test_what_is_finished_is_written_again_as_it_was(
    folders: tuple[str, str], data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = data / NETWORK[0]
    monkeypatch.setattr(train, "read_shipped", lambda *_: shipped.decoded(load_file(file)))
    train.main(*folders, str(tmp_path / "state"), "2")
    before = load_file(file)
    train.main(*folders, str(tmp_path / "state"), "2")
    after = load_file(file)
    assert all(torch.equal(x, after[name]) for name, x in before.items())


def _interrupted_at(number: int) -> Callable[..., dict[str, float]]:
    step = train.take_step

    def interrupted(training: train.Training, at: int, *rest: Any) -> dict[str, float]:
        if at == number:
            raise KeyboardInterrupt
        return step(training, at, *rest)

    return interrupted
