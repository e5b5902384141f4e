"""Photos and styles told apart, and where each painting goes: no network, no run."""

import os
from pathlib import Path

import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from nst.cli.outputs import numbered, plan_outputs
from nst.cli.parser import make_parser, parse
from nst.cli.wish import Wish, check_common, read_wish
from nst.gallery import load_styles
from nst.images import save_image
from nst.sharing import Provenance, ShareLink, to_text

OFFERED = load_styles()


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Photos a.jpg, b.jpg and c/a.jpg, and a style of one's own, in the current folder."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "c").mkdir()
    for name in ("a.jpg", "b.jpg", "c/a.jpg", "own.png", "mask.png"):
        Image.new("RGB", (64, 48), "teal").save(name)
    return tmp_path


def _wish(line: str) -> Wish:
    return read_wish(*parse(make_parser(), line.split()), OFFERED)


def _outs(line: str) -> list[str]:
    return [str(path) for path in plan_outputs(_wish(line), OFFERED)]


@pytest.mark.parametrize(
    ("line", "photos", "styles"),
    [
        ("a.jpg swirling_night -o x.png", ["a.jpg"], ["swirling_night"]),
        ("a.jpg swirling_night own.png -o x.png", ["a.jpg"], ["swirling_night", Path("own.png")]),
        ("a.jpg -o x.png swirling_night", ["a.jpg"], ["swirling_night"]),
        ("a.jpg --style own.png -o x.png", ["a.jpg"], [Path("own.png")]),
        ("a.jpg b.jpg own.png -o new/", ["a.jpg", "b.jpg"], [Path("own.png")]),
        ("a.jpg b.jpg own.png -o c", ["a.jpg", "b.jpg"], [Path("own.png")]),
        ("a.jpg b.jpg --style own.png --style x -o c", ["a.jpg", "b.jpg"], [Path("own.png"), "x"]),
        ("a.jpg b.jpg --recipe reconstruct -o c", ["a.jpg", "b.jpg"], []),
        ("a.jpg https://x.org/a -o x.png", ["a.jpg"], [Path("https://x.org/a")]),
        ("a.jpg c -o x.png", ["a.jpg"], [Path("c")]),
    ],
)
def test_photos_and_styles_are_told_apart(
    line: str, photos: list[str], styles: list[str | Path]
) -> None:
    wish = _wish(line)
    assert (wish.photos, wish.styles) == (photos, styles)


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("a.jpg swirling_night", "-o is required"),
        ("-o x.png", "a photo is required"),
        ("swirling_night -o c", "a photo is required"),
        ("a.jpg b.jpg --style own.png -o x.png", "2 photos need a folder"),
        ("a.jpg b.jpg own.png -o c --start own.png", "--start is for one photo"),
        ("a.jpg b.jpg own.png -o c --log l.csv", "--log is for one photo"),
        ("a.jpg --like https://x.org/a.png -o x.png", "be like is an address"),
        ("a.jpg swirling_nigth -o x.png", "did you mean 'swirling_night'"),
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
def test_what_is_wrong_is_told_before_any_work(line: str, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        _outs(line)


@pytest.mark.parametrize("line", ["--save-every 0", "--save-every x", "--log-every -1"])
def test_steps_are_counted_from_one(line: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        _wish("a.jpg own.png -o x.png " + line)
    assert "takes a whole number from 1" in capsys.readouterr().err


def test_an_original_is_never_written_over(folder: Path) -> None:
    painted = Provenance(ShareLink(), (), (), "VGG-16", 3, 3, 1.0)
    save_image(Image.new("RGB", (64, 48)), "like.png", to_text(painted))
    os.link("a.jpg", "hard.jpg")
    Path("soft.jpg").symlink_to("a.jpg")
    Path("to_plate.jpg").symlink_to(OFFERED[0].path)
    flags = "--style own.png --mask mask.png --start b.jpg --like like.png"
    outs = ["a.jpg", "./a.jpg", str(folder / "a.jpg"), "hard.jpg", "soft.jpg"]
    for out in [*outs, "own.png", "mask.png", "b.jpg", "like.png"]:
        with pytest.raises(ValueError, match="stays as it is"):
            _outs(f"a.jpg {flags} -o {out}")
    with pytest.raises(ValueError, match="stays as it is"):
        _outs(f"a.jpg {OFFERED[0].name} -o to_plate.jpg")
    os.link("a.jpg", "x-0010.png")
    with pytest.raises(ValueError, match="stays as it is"):
        _outs("a.jpg own.png -o x.png --save-every 10")
    assert _outs("a.jpg own.png -o x.png") == ["x.png"]
    Path("x.png").touch()
    assert _outs("a.jpg own.png -o x.png") == ["x.png"]


def test_paintings_in_a_folder_have_names_of_their_own(folder: Path) -> None:
    assert _outs("a.jpg b.jpg c/a.jpg own.png -o new/") == [
        "new/a after own.png",
        "new/b after own.png",
        "new/a after own 2.png",
    ]
    assert not Path("new").exists()
    Image.new("RGB", (64, 48)).save("c/A.jpg")
    assert _outs("a.jpg c/A.jpg own.png -o c")[1] == "c/A after own 2.png"
    # A painting that is painted once more is an original, too.
    os.link("b.jpg", "c/a after own.png")
    assert _outs("a.jpg b.jpg own.png -o c")[0] == "c/a after own 2.png"
    long = "ä" * 120 + ".jpg"
    os.link("a.jpg", long)
    os.link("a.jpg", "c/" + long)
    names = [Path(out).name for out in _outs(f"{long} c/{long} own.png -o c")]
    assert len(set(names)) == 2
    assert max(len(name.encode()) for name in names) <= 200


def test_the_photos_own_size() -> None:
    assert _wish("a.jpg own.png -o x.png --size photo").request("a.jpg").given["size"] == 64
    Image.new("RGB", (4000, 50)).save("wide.png")
    with pytest.raises(ValueError, match="4000 pixels long, and size takes 64 to 2048"):
        _wish("wide.png own.png -o x.png --size photo").request("wide.png")


def test_what_is_wrong_with_every_photo_is_told_once() -> None:
    for line, told in {
        "a.jpg b.jpg no.png -o c": "the style image is not there",
        "a.jpg b.jpg own.png -o c --style-weights 1,2": "2 numbers for 1 styles",
        "a.jpg b.jpg own.png -o c --mask no.png": "the mask is not there",
        "a.jpg b.jpg --style own.png --style own.png --style-weights 1,2 -o c --mask own.png": (
            "each has a part"
        ),
    }.items():
        with pytest.raises(ValueError, match=told):
            check_common(_wish(line), OFFERED)


def test_a_forged_memory_does_no_harm() -> None:
    text = to_text(Provenance(ShareLink(), (), ("nonsense", "keep_alpha"), "VGG-16", 3, 3, 1.0))
    info = PngInfo()
    for key, value in text.items():
        info.add_text(key, value)
    info.add_text("workflow", "x" * 2_000_000, zip=True)
    Image.new("RGB", (64, 48)).save("like.png", pnginfo=info)
    wish = _wish("a.jpg own.png --like like.png -o x.png")
    assert wish.request("a.jpg").keep_alpha
    with pytest.raises(ValueError, match="does not remember"):
        _wish("a.jpg --like a.jpg -o x.png")


def test_numbered_pictures_lie_beside_the_painting() -> None:
    assert numbered(Path("f/a.b.png"), 20) == Path("f/a.b-0020.png")
