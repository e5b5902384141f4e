"""Output files and their names. Nothing is painted."""

import os
from pathlib import Path

import pytest
from PIL import Image

from nst.cli.outputs import numbered, plan_outputs
from nst.gallery import load_styles
from nst.images import save_image
from nst.sharing import to_text

from .conftest import PROVENANCE, request_of

pytestmark = pytest.mark.usefixtures("folder")
STYLES = load_styles()


def _outs(line: str) -> list[str]:
    return [str(path) for path in plan_outputs(request_of(line), STYLES)]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("a.jpg swirling_night", "-o is required"),
        ("-o x.png", "a photo is required"),
        ("swirling_night -o c", "a photo is required"),
        ("a.jpg b.jpg --style own.png -o x.png", "2 photos need a folder"),
        ("a.jpg b.jpg own.png -o c --start own.png", "--start is for one photo"),
        ("a.jpg b.jpg own.png -o c --log l.csv", "--log is for one photo"),
        ("a.jpg --like https://x.org/a.png -o x.png", "be like is an address"),
        ("a.jpg swirling_nigth -o x.png", "did you mean 'swirling_night'"),
        ("a.jpg irises_at_sunrize -o x.png", "did you mean 'Irises at Sunrise'"),
        ("a.jpg own.png -o x.psd", "end it in .png"),
        ("a.jpg own.png -o https://x.org/a.png", "is an address"),
        ("a.jpg own.png -o x.jpg --keep-alpha", "JPEG holds no transparency"),
        ("a.jpg own.png -o no/x.png", "no folder"),
        ("a.jpg own.png -o own.png/", "no painting can be put into"),
        ("a.jpg own.png -o x.png --log https://x.org/l.csv", "is an address"),
        ("a.jpg own.png -o x.png --log x.png", "can't hold both"),
        ("a.jpg own.png -o x.png --log a.jpg", "stays as it is"),
        (f"a.jpg own.png -o {'x' * 246}.png --save-every 5", "choose another name"),
        ("a.jpg own.png -o x.png --size 9", "size is '9'"),
    ],
)
def test_errors_are_found_before_any_work(line: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        _outs(line)


def test_an_input_is_never_overwritten(folder: Path) -> None:
    save_image(Image.new("RGB", (64, 48)), "like.png", to_text(PROVENANCE))
    os.link("a.jpg", "hard.jpg")
    Path("soft.jpg").symlink_to("a.jpg")
    Path("to_style.jpg").symlink_to(STYLES[0].path)
    options = "--style own.png --mask mask.png --start b.jpg --like like.png"
    outs = ["a.jpg", "./a.jpg", str(folder / "a.jpg"), "hard.jpg", "soft.jpg"]
    for out in [*outs, "own.png", "mask.png", "b.jpg", "like.png"]:
        with pytest.raises(ValueError, match="stays as it is"):
            _outs(f"a.jpg {options} -o {out}")
    with pytest.raises(ValueError, match="stays as it is"):
        _outs(f"a.jpg {STYLES[0].name} -o to_style.jpg")
    os.link("a.jpg", "x-0010.png")
    with pytest.raises(ValueError, match="stays as it is"):
        _outs("a.jpg own.png -o x.png --save-every 10")
    assert _outs("a.jpg own.png -o x.png") == ["x.png"]
    Path("x.png").touch()
    assert _outs("a.jpg own.png -o x.png") == ["x.png"]


def test_paintings_in_a_folder_have_different_names(folder: Path) -> None:
    assert _outs("a.jpg b.jpg c/a.jpg own.png -o new/") == [
        "new/a after own.png",
        "new/b after own.png",
        "new/a after own 2.png",
    ]
    assert not Path("new").exists()
    Image.new("RGB", (64, 48)).save("c/A.jpg")
    assert _outs("a.jpg c/A.jpg own.png -o c")[1] == "c/A after own 2.png"
    # A painting that is painted again is an input, too.
    os.link("b.jpg", "c/a after own.png")
    assert _outs("a.jpg b.jpg own.png -o c")[0] == "c/a after own 2.png"
    long = "ä" * 120 + ".jpg"
    os.link("a.jpg", long)
    os.link("a.jpg", "c/" + long)
    names = [Path(out).name for out in _outs(f"{long} c/{long} own.png -o c")]
    assert len(set(names)) == 2
    assert max(len(name.encode()) for name in names) <= 200


def test_unfinished_pictures_lie_beside_the_painting() -> None:
    assert numbered(Path("f/a.b.png"), 20) == Path("f/a.b-0020.png")
