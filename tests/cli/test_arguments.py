"""Photos, styles and settings of the command line. Nothing is painted."""

from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from nst.cli.arguments import check_request
from nst.gallery import load_styles
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


@pytest.mark.parametrize("line", ["--save-every 0", "--save-every x", "--log-every -1"])
def test_steps_are_counted_from_one(line: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        request_of("a.jpg own.png -o x.png " + line)
    assert "takes a whole number from 1" in capsys.readouterr().err


def test_size_photo_is_the_photos_own_size() -> None:
    request = request_of("a.jpg own.png -o x.png --size photo")
    assert request.for_photo("a.jpg").overrides["size"] == 64
    Image.new("RGB", (4000, 50)).save("wide.png")
    with pytest.raises(ValueError, match="4000 pixels long, and size takes 64 to 2048"):
        replace(request, photos=["wide.png"]).for_photo("wide.png")


def test_an_error_of_every_photo_is_found_once() -> None:
    for line, message in {
        "a.jpg b.jpg no.png -o c": "the style image is not there",
        "a.jpg b.jpg own.png -o c --style-weights 1,2": "2 numbers for 1 styles",
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
