"""Training continues after an interruption with the same result, and writes its files."""

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from safetensors.torch import load_file
from torch import Tensor

from nst.gallery import load_styles
from nst.network import bundled
from nst.network.weights import bundled_weights
from nst.one_pass_network.styles import FINE_TUNED, NETWORK
from training import data, fine_tune, train
from training.losses import BatchBackbone

FILES = NETWORK[0], FINE_TUNED[0]


@pytest.fixture
def folders(tmp_path: Path, photo: Image.Image, style: Image.Image) -> tuple[str, str]:
    """A folder with one photo and a folder with one style."""
    for name, image in (("photos", photo.resize((480, 384))), ("styles", style)):
        (tmp_path / name).mkdir()
        image.save(tmp_path / name / "one.png")
    return str(tmp_path / "photos"), str(tmp_path / "styles")


@pytest.fixture(autouse=True)
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder for the output, with copies of the network's files; sizes and numbers are small."""
    copies = tmp_path / "data"
    copies.mkdir()
    for name in FILES:
        (copies / name).write_bytes((bundled.DATA / name).read_bytes())
    monkeypatch.setattr(train, "DATA", copies)
    monkeypatch.setattr(train, "LOG", tmp_path / "log.csv")
    monkeypatch.setattr(train, "LOG_INTERVAL", 2)
    monkeypatch.setattr(train, "SIZES", {32: 2, 64: 2})
    monkeypatch.setattr(train, "load_styles", lambda: load_styles()[:2])
    monkeypatch.setattr(data, "SIZE", 64)
    monkeypatch.setattr(data, "VARIANTS", 2)
    return copies


def test_an_interruption_changes_nothing(
    folders: tuple[str, str], files: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(train, "SAVE_INTERVAL", 2)
    monkeypatch.setattr(train, "WARM_UP", 1)
    straight, interrupted = str(tmp_path / "straight"), str(tmp_path / "interrupted")
    with monkeypatch.context() as patch:
        patch.setattr(train, "write", lambda *_: None)
        train.main(*folders, straight, "4")
        patch.setattr(train, "take_step", _interrupted_at(3))
        with pytest.raises(KeyboardInterrupt):
            train.main(*folders, interrupted, "4")
    train.main(*folders, interrupted, "4")

    one, other = (torch.load(state, weights_only=True) for state in (straight, interrupted))
    assert [row["step"] for row in other["log"]] == [1, 2, 3, 4]
    for name, x in one["decoder"].items():
        assert torch.allclose(x, other["decoder"][name], rtol=1e-3, atol=1e-5), name
    assert torch.allclose(one["offsets"], other["offsets"], rtol=1e-3, atol=1e-5)

    before, after = load_file(bundled.DATA / FILES[0]), load_file(files / FILES[0])
    assert before.keys() == after.keys()
    changed = [name for name in before if not torch.equal(before[name], after[name])]
    assert changed
    assert not any(name.startswith("encoder.") for name in changed)
    before, after = load_file(bundled.DATA / FILES[1]), load_file(files / FILES[1])
    assert before.keys() == after.keys()
    assert not torch.equal(before["fine_tuned.offsets"][:2], after["fine_tuned.offsets"])
    rows = (tmp_path / "log.csv").read_text().splitlines()
    assert [row.partition(",")[0] for row in rows] == ["step", "2", "4"]

    written = load_file(files / FILES[0])
    train.main(*folders, interrupted, "4")  # it is finished
    again = load_file(files / FILES[0])
    assert all(torch.equal(x, again[name]) for name, x in written.items())


def test_the_shifted_crop_shows_the_same_part_of_the_photo(folders: tuple[str, str], photo: Image.Image) -> None:
    cpu = torch.device("cpu")
    backbone, weights = BatchBackbone(bundled_weights(), cpu, torch.float32), bundled.read_bundled(*NETWORK)
    styles = data.stack_styles([data.training_style("one", photo, {}, weights, backbone)])
    photos = data.read_photos(folders[0], cpu)
    batch = data.make_batch(random.Random(3), 96, photos, styles, [0, 0])
    right, down = batch.shift
    crop = batch.photos[:, :, down:, right:]
    shifted = batch.shifted[:, :, : 96 - down, : 96 - right]
    assert 0 < (crop - shifted).abs().mean() < 0.02


def test_fine_tuning_changes_one_style_only(
    folders: tuple[str, str], files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = files / FINE_TUNED[0]
    for name, value in {"STEPS": 4, "SIZE": 64, "FILE": file}.items():
        monkeypatch.setattr(fine_tune, name, value)
    before = load_file(file)["fine_tuned.offsets"]
    fine_tune.main(folders[0], load_styles()[0].name)
    after = load_file(file)["fine_tuned.offsets"]
    assert before.shape == after.shape
    same = {row.numpy().tobytes() for row in before} & {row.numpy().tobytes() for row in after}
    assert len(same) == len(before) - 1


def _interrupted_at(number: int) -> Callable[..., Tensor]:
    take_step = train.take_step

    def interrupted(training: train.Training, step: int, *rest: Any) -> Tensor:
        if step == number:
            raise KeyboardInterrupt
        return take_step(training, step, *rest)

    return interrupted
