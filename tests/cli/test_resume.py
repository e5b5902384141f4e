"""Paintings that are interrupted and continued."""

import signal
from pathlib import Path

import pytest
from PIL import Image

from nst.cli import paint as module
from nst.cli.main import main
from nst.cli.paint import RunOutput
from nst.optimise.recorder import Frame
from nst.sharing import from_file

SMALL = ["--size", "64", "--steps", "6", "--save-every", "1"]


@pytest.fixture
def command(folder: Path) -> list[str]:
    Image.effect_noise((80, 64), 60).convert("RGB").save(folder / "a.jpg")
    return ["a.jpg", "swirling_night", "-o", "out.png", *SMALL]


def _interrupted_at(step: int, monkeypatch: pytest.MonkeyPatch) -> None:
    report = module._report

    def stop(job: object, output: RunOutput, frame: Frame, bar: object) -> None:
        report(job, output, frame, bar)  # type: ignore[arg-type]
        if frame.step == step:
            signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(module, "_report", stop)


def test_an_interrupted_painting_is_continued(command: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patched:
        _interrupted_at(2, patched)
        assert main([*command, "--resume"]) == 130
    found = from_file("out.png")
    assert found and (found[0].step, found[0].steps) == (2, 6)
    assert main([*command, "--resume"]) == 0
    found = from_file("out.png")
    assert found and (found[0].step, found[0].extra_inputs) == (6, ())
    assert sorted(path.name for path in Path().glob("out-*")) == [f"out-000{step}.png" for step in range(1, 7)]


@pytest.mark.parametrize("changed", ["a.jpg", "m.png"])
def test_another_photo_or_mask_is_noticed(
    changed: str, command: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    Image.linear_gradient("L").resize((80, 64)).save("m.png")
    command = [*command, "--mask", "m.png", "--resume"]
    with monkeypatch.context() as patched:
        _interrupted_at(2, patched)
        assert main(command) == 130
    before = Path("out.png").read_bytes()
    with Image.open(changed) as picture:
        picture.transpose(Image.Transpose.FLIP_TOP_BOTTOM).save(changed)
    with pytest.raises(SystemExit):
        main(command)
    assert "'out.png' is of another photo or mask" in capsys.readouterr().err
    assert Path("out.png").read_bytes() == before


def test_a_finished_painting_has_nothing_of_the_photo(command: list[str]) -> None:
    assert main(command) == 0
    with Image.open("out.png") as painting:
        assert sorted(painting.info) == ["Description", "Software", "nst"]


def test_a_finished_painting_is_left_alone(command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(command) == 0
    before = Path("out.png").read_bytes()
    assert main([*command, "--resume"]) == 0
    assert "nst: 'out.png' is finished" in capsys.readouterr().err
    assert Path("out.png").read_bytes() == before


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (["--strength", "0.7"], "'out.png' was painted with other settings, styles or masks"),
        (["--style", "gold_spirals"], "'out.png' was painted with other settings, styles or masks"),
        (["--mask", "mask.png"], "'out.png' was painted with other settings, styles or masks"),
        (["--start", "own.png"], "leave --start out"),
        (["-o", "own.png"], "'own.png' does not remember how it was painted"),
        (["-o", "out.jpg"], "only a PNG can be resumed"),
        (["-o", "cut.png"], "the painting to continue is damaged or incomplete"),
    ],
)
def test_what_cannot_be_continued_is_kept(
    change: list[str], message: str, command: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(command) == 0
    Image.new("RGB", (64, 51)).save("out.jpg")
    Path("cut.png").write_bytes(Path("out.png").read_bytes()[:2000])
    files = {path: path.read_bytes() for path in Path().iterdir() if path.is_file()}
    photo, style, *rest = command
    words = [photo, *rest] if "--style" in change else command
    with pytest.raises(SystemExit) as exit:
        main([*words, *change, "--resume"])
    assert exit.value.code == 2
    assert message in capsys.readouterr().err
    assert {path: path.read_bytes() for path in Path().iterdir() if path.is_file()} == files


def test_a_long_run_saves_its_picture(command: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "AUTOSAVE_SECONDS", 0.0)
    saved: list[int] = []
    save = module._save

    def record(job: object, output: RunOutput, frame: Frame, path: Path) -> bool:
        if path.name == "out.png":
            saved.append(frame.step)
        return save(job, output, frame, path)  # type: ignore[arg-type]

    monkeypatch.setattr(module, "_save", record)
    assert main(command) == 0
    assert saved == [1, 2, 3, 4, 5, 6]


@pytest.mark.parametrize("bits", ["8", "16"])
def test_a_cut_out_is_saved_when_it_is_interrupted(bits: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cut_out = Image.effect_noise((97, 64), 60).convert("RGB")
    cut_out.putalpha(Image.linear_gradient("L").resize(cut_out.size))
    cut_out.save(folder / "cut.png")
    monkeypatch.setattr("nst.optimise.recorder.MAX_FRAME", 67)
    _interrupted_at(2, monkeypatch)
    command = ["cut.png", "swirling_night", "-o", "out.png", "--keep-alpha", "--bits", bits, "--size", "128"]
    assert main([*command, "--steps", "8", "--scales", "2", "--save-every", "1"]) == 130
    with Image.open("out.png") as out:
        assert out.mode == "RGBA"
