"""Photos, styles and settings of the command line. Nothing is painted."""

import re
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from nst.cli.arguments import check_request, expand_patterns
from nst.cli.parser import make_parser, parse_arguments
from nst.gallery import Style, load_styles
from nst.images import save_image
from nst.job import resolve_request
from nst.sharing import ShareLink, to_text

from .conftest import PROVENANCE, request_of

pytestmark = pytest.mark.usefixtures("folder")


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
        ("a.jpg Gold-Spirals -o x.png", ["a.jpg"], ["gold_spirals"]),
        ("a.jpg b.jpg irises_at_sunrise -o c", ["a.jpg", "b.jpg"], ["stained_glass"]),
        ("a.jpg --style The_Gilded_Tree -o x.png", ["a.jpg"], ["gold_spirals"]),
    ],
)
def test_photos_and_styles_are_split(line: str, photos: list[str], styles: list[str | Path]) -> None:
    request = request_of(line)
    assert (request.photos, request.styles) == (photos, styles)


@pytest.mark.parametrize(
    ("line", "pictures"),
    [
        ("-o x.png -- -dash.png own.png", ["-dash.png", "own.png"]),
        ("-o x.png a.jpg -- -dash.png", ["a.jpg", "-dash.png"]),
        ("a.jpg -o x.png -- --mask", ["a.jpg", "--mask"]),
        ("-o x.png -- a.jpg -- -o", ["a.jpg", "--", "-o"]),
        ("-o x.png a.jpg own.png --", ["a.jpg", "own.png"]),
    ],
)
def test_after_two_hyphens_all_are_pictures(line: str, pictures: list[str]) -> None:
    options, _ = parse_arguments(make_parser(), line.split())
    assert (options.pictures, options.out) == (pictures, "x.png")


def test_a_leading_tilde_is_the_home_folder(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/ann")
    (folder / "~b.jpg").touch()
    line = "~/a.jpg ~b.jpg --style=~/s.png --mask=~/m.png --start=~/t.png --like=~/l.png --log=~/l.csv --out=~/new/"
    options, _ = parse_arguments(make_parser(), [*line.split(), "--", "~/-c.jpg"])
    assert options.pictures == ["/home/ann/a.jpg", "~b.jpg", "/home/ann/-c.jpg"]
    paths = [*options.style, options.mask, options.start, options.like, options.log, options.out]
    assert paths == [f"/home/ann/{name}" for name in ("s.png", "m.png", "t.png", "l.png", "l.csv", "new/")]


@pytest.mark.parametrize(
    ("text", "files"),
    [
        ("*.jpg", ["1.jpg", "[1].jpg", "a.jpg", "b.jpg", "c1.jpg"]),
        ("[ab].jp?", ["a.jpg", "b.jpg"]),
        ("./[!1c[].jpg", ["a.jpg", "b.jpg"]),
        ("c/../[ab].jpg", ["c/../a.jpg", "c/../b.jpg"]),
        ("?/*.jpg", ["c/a.jpg"]),
        ("c*", ["c1.jpg"]),  # no folders
        ("[1].jpg", ["[1].jpg"]),  # the name of a file
        ("[x]/*.jpg", ["[x]/1.jpg"]),  # the name of a folder
        ("a.jpg", ["a.jpg"]),
        ("no.jpg", ["no.jpg"]),
        ("What is *this*?", ["What is *this*?"]),  # the title of a style
        ("https://x.org/a.jpg?size=2", ["https://x.org/a.jpg?size=2"]),
    ],
)
@pytest.mark.parametrize("option", ["pictures", "style"])
def test_patterns_stand_for_the_files_that_match(text: str, files: list[str], option: str, folder: Path) -> None:
    (folder / "[x]").mkdir()
    for name in ("c1.jpg", "1.jpg", "[1].jpg", "[x]/1.jpg", ".hidden.jpg"):
        (folder / name).touch()
    options, _ = parse_arguments(make_parser(), ["--style", text] if option == "style" else [text])
    expand_patterns(options, [Style("this", Path("this.png"), "What is *this*?")])
    assert getattr(options, option) == files


@pytest.mark.parametrize("text", ["*.tif", "no/*.jpg", "[z].jpg", "[x]/*", "a.jpg/*", "?"])
def test_a_pattern_without_a_file_says_so(text: str, folder: Path) -> None:
    options, _ = parse_arguments(make_parser(), [text])
    with pytest.raises(ValueError, match=rf"^no file matches '{re.escape(text)}'; check"):
        expand_patterns(options, [])


@pytest.mark.parametrize("line", ["--save-every 0", "--save-every x", "--log-every -1"])
def test_steps_are_counted_from_one(line: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        request_of("a.jpg own.png -o x.png " + line)
    assert "takes a whole number from 1" in capsys.readouterr().err


def test_size_photo_is_the_photos_own_size() -> None:
    request = request_of("a.jpg own.png -o x.png --size photo")
    assert request.for_photo("a.jpg").overrides["size"] == 64
    Image.new("RGB", (9000, 50)).save("wide.png")
    with pytest.raises(ValueError, match="9000 pixels long, and size takes 64 to 8192"):
        replace(request, photos=["wide.png"]).for_photo("wide.png")


def test_an_error_of_every_photo_is_found_once() -> None:
    for line, message in {
        "a.jpg b.jpg no.png -o c": "the style image is not there",
        "a.jpg b.jpg own.png -o c --style-weights 1,2": "as many numbers as there are styles: 1, not 2",
        "a.jpg b.jpg own.png -o c --mask no.png": "the mask is not there",
        "a.jpg b.jpg --style own.png --style own.png --style-weights 1,2 -o c --mask own.png": ("each has a part"),
    }.items():
        with pytest.raises(ValueError, match=message):
            check_request(request_of(line), load_styles())


def test_forged_metadata_does_no_harm() -> None:
    text = to_text(replace(PROVENANCE, extra_inputs=("nonsense", "keep_alpha")))
    info = PngInfo()
    for key, value in text.items():
        info.add_text(key, value)
    info.add_text("workflow", "x" * 2_000_000, zip=True)
    Image.new("RGB", (64, 48)).save("like.png", pnginfo=info)
    request = request_of("a.jpg own.png --like like.png -o x.png")
    assert request.for_photo("a.jpg").keep_alpha
    with pytest.raises(ValueError, match="does not remember"):
        request_of("a.jpg --like a.jpg -o x.png")


def test_like_accepts_titles_in_the_metadata() -> None:
    provenance = replace(PROVENANCE, link=ShareLink(styles=("Irises at Sunrise", "own")))
    save_image(Image.new("RGB", (64, 48)), "like.png", to_text(provenance))
    with pytest.raises(ValueError, match="after 'own'; name its file"):
        request_of("a.jpg --like like.png -o x.png")
    provenance = replace(PROVENANCE, link=ShareLink(styles=("Irises at Sunrise",)))
    save_image(Image.new("RGB", (64, 48)), "like.png", to_text(provenance))
    request = request_of("a.jpg --like like.png -o x.png")
    _, _, styles = resolve_request(request.for_any_photo(), load_styles())
    assert [style.name for style in styles] == ["stained_glass"]
