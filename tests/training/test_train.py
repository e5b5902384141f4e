"""Training goes on after a break as if there had been none, and writes what it has found."""

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from safetensors.torch import load_file
from torch import Tensor

from nst import Settings
from nst.gallery import load_styles
from nst.images.tensors import to_tensor
from nst.network import shipped
from nst.network.device import Arithmetic
from nst.network.vgg import Backbone
from nst.network.weights import bundled
from nst.one_pass_network.styles import FINE_TUNED, NETWORK
from nst.optimise import losses
from nst.optimise.objective import Objective
from nst.optimise.regions import Region
from training import data, fine_tune, train
from training import losses as batched

FILES = NETWORK[0], FINE_TUNED[0]


@pytest.fixture
def folders(tmp_path: Path, photo: Image.Image, style: Image.Image) -> tuple[str, str]:
    """One photo, one style."""
    for name, image in (("photos", photo.resize((480, 384))), ("styles", style)):
        (tmp_path / name).mkdir()
        image.save(tmp_path / name / "one.png")
    return str(tmp_path / "photos"), str(tmp_path / "styles")


@pytest.fixture(autouse=True)
def data_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of the shipped files' copies, where training writes its own; all of it is small."""
    copies = tmp_path / "data"
    copies.mkdir()
    for name in FILES:
        (copies / name).write_bytes((shipped.DATA / name).read_bytes())
    monkeypatch.setattr(train, "DATA", copies)
    monkeypatch.setattr(train, "LOG", tmp_path / "log.csv")
    monkeypatch.setattr(train, "SIZES", {64: 2, 96: 2})
    monkeypatch.setattr(train, "load_styles", lambda: load_styles()[:2])
    monkeypatch.setattr(data, "SIZE", 128)
    return copies


def test_a_break_changes_nothing(
    folders: tuple[str, str], data_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(train, "SAVED_EVERY", 2)
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
    for name, x in one["painter"].items():
        assert torch.allclose(x, other["painter"][name], rtol=1e-3, atol=1e-5), name
    assert torch.allclose(one["changes"], other["changes"], rtol=1e-3, atol=1e-5)

    network, learned = ((load_file(shipped.DATA / name), load_file(data_folder / name)) for name in FILES)
    before, after = network
    assert before.keys() == after.keys()
    moved = [name for name in before if not torch.equal(before[name], after[name])]
    assert moved
    assert not any(name.startswith("encoder.") for name in moved)
    before, after = learned
    assert before.keys() == after.keys()
    assert not torch.equal(before["fine_tuned.changes"][:2], after["fine_tuned.changes"])
    assert len((tmp_path / "log.csv").read_text().splitlines()) == 5


def test_what_is_finished_is_written_again_as_it_was(
    folders: tuple[str, str], data_folder: Path, tmp_path: Path
) -> None:
    file = data_folder / NETWORK[0]
    train.main(*folders, str(tmp_path / "state"), "2")
    before = load_file(file)
    train.main(*folders, str(tmp_path / "state"), "2")
    after = load_file(file)
    assert all(torch.equal(x, after[name]) for name, x in before.items())


def test_it_goes_down_what_the_painter_goes_down(
    photo: Image.Image, style: Image.Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One picture alone and at one size: the painter's own loss, and its gradient."""
    monkeypatch.setattr(batched, "SHARES", {1: 1.0})
    cpu = torch.device("cpu")
    trunk, known = batched.Trunk(bundled(), cpu), shipped.read_shipped(*NETWORK)
    taught = data.beside([data.style_of("one", style, {"coherence": 0}, known, trunk)] * 2)
    wanted = to_tensor(photo.resize((96, 64)))
    other = wanted.flip(3)
    painted = torch.cat([other, wanted.sqrt()]).requires_grad_()
    goals = taught.goals.of(torch.tensor([0, 1]))
    wanted_both = torch.cat([wanted, other])
    totals = batched.judged(painted, wanted_both, goals, taught.weights, trunk)
    totals.sum().backward()

    exact = Backbone(bundled(), cpu, Arithmetic(torch.float32))
    settings = Settings(coherence=0, strength=0.5 + data.BOLDER, size=128)
    for number, target in enumerate((wanted, other)):
        region = Region([(style, 1.0)])
        objective = Objective(target, [region], 128, settings, exact)
        theirs, gradient = objective(painted[number : number + 1].detach())
        assert totals[number].item() == pytest.approx(theirs["total"], rel=1e-3)
        assert _away(painted.grad[number], gradient[0]) < 0.1


def test_its_matches_are_the_painters() -> None:
    features, style = torch.rand(2, 16, 12, 10), torch.randn(2, 50, 16)
    style = style / style.norm(dim=2, keepdim=True)
    found = batched.matching(features, style)
    for number, one in enumerate(features.split(1)):
        target = losses.match(losses.directions(one), style[number])
        wanted = losses.matching_loss(one, target)
        assert found[number].item() == pytest.approx(wanted.item(), rel=1e-4)


def test_neighbours_are_the_same_part_moved(folders: tuple[str, str], photo: Image.Image) -> None:
    cpu = torch.device("cpu")
    trunk, known = batched.Trunk(bundled(), cpu), shipped.read_shipped(*NETWORK)
    one = data.beside([data.style_of("one", photo, {}, known, trunk)])
    chance = random.Random(3)
    seen = data.lesson(chance, 96, data.photos_in(folders[0], cpu), one, [0, 0])
    right, down = seen.shift
    here = seen.photos[:, :, down:, right:]
    there = seen.neighbours[:, :, : 96 - down, : 96 - right]
    assert 0 < (here - there).abs().mean() < 0.02


def test_a_plate_is_learned_by_itself(
    folders: tuple[str, str], data_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = data_folder / FINE_TUNED[0]
    for name, value in {"STEPS": 4, "SIZE": 64, "FILE": file}.items():
        monkeypatch.setattr(fine_tune, name, value)
    before = load_file(file)["fine_tuned.changes"]
    fine_tune.main(folders[0], load_styles()[0].name)
    after = load_file(file)["fine_tuned.changes"]
    assert before.shape == after.shape
    same = {row.numpy().tobytes() for row in before} & {row.numpy().tobytes() for row in after}
    assert len(same) == len(before) - 1


def _away(one: Tensor, other: Tensor) -> float:
    return float((one - other).norm() / other.norm())


def _interrupted_at(number: int) -> Callable[..., Tensor]:
    step = train.take_step

    def interrupted(training: train.Training, at: int, *rest: Any) -> Tensor:
        if at == number:
            raise KeyboardInterrupt
        return step(training, at, *rest)

    return interrupted
