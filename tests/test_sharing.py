import json
from dataclasses import replace
from pathlib import Path
from urllib.parse import parse_qsl

import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from nst import RECIPES, Settings
from nst.gallery import Style
from nst.images import save_image
from nst.sharing import (
    Provenance,
    ShareLink,
    file_hash,
    file_name,
    from_file,
    from_query,
    from_text,
    join_names,
    parts,
    split_names,
    to_query,
    to_text,
)

CASES = [
    (ShareLink(), "v=1"),
    (
        ShareLink("atelier", Settings(strength=0.7), ("swirling_night",), "lion"),
        "photo=lion&style=swirling_night&strength=0.7&v=1",
    ),
    (
        ShareLink("gatys", replace(RECIPES["gatys"], size=256, style_weights=(1, 2)), ("a", "b")),
        "style=a,b&recipe=gatys&size=256&style_weights=1,2&v=1",
    ),
    (
        ShareLink("atelier", Settings(content_layers="relu3_1=0.5,relu4_1=1")),  # type: ignore[arg-type]
        "content_layers=relu3_1=0.5,relu4_1=1&v=1",
    ),
]


@pytest.mark.parametrize(("shared", "query"), CASES)
def test_a_link_is_readable_and_says_the_same(shared: ShareLink, query: str) -> None:
    assert to_query(shared) == query
    parts = dict(part.split("=", 1) for part in query.split("&"))
    assert from_query(parts) == (shared, [])


def test_bad_parts_are_told_and_left_out_one_by_one() -> None:
    shared, complaints = from_query(
        {"strength": "9", "size": "256", "recipe": "x", "seed": "__import__('os')", "hl": "de"}
    )
    assert shared == ShareLink("atelier", Settings(size=256))
    assert [complaint.split(" ")[0] for complaint in complaints] == ["recipe", "strength", "seed"]


PAINTED = Provenance(
    ShareLink("gatys", replace(RECIPES["gatys"], size=256), ("swirling_night", "b"), "lion"),
    ("0123456789abcdef", "fedcba9876543210"),
    ("mask",),
    "VGG-16",
    94,
    94,
    12.5,
)


def test_a_png_remembers_how_it_was_painted_but_not_the_photo(tmp_path: Path) -> None:
    save_image(Image.new("RGB", (20, 20)), tmp_path / "a.png", to_text(PAINTED))
    with Image.open(tmp_path / "a.png") as picture:
        assert set(picture.text) == {"Software", "Description", "nst"}  # type: ignore[attr-defined]
        assert "after swirling_night and b, painted by nst with VGG-16 in 12 s" in str(picture.info)
        remembered = from_text(picture)
    without = replace(PAINTED, shared=replace(PAINTED.shared, photo=""))
    assert remembered == (without, [])
    assert b"lion" not in (tmp_path / "a.png").read_bytes()


FORGED = json.loads(to_text(PAINTED)["nst"])


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        "7",
        "null",
        "no json",
        json.dumps({"link": 3}),
        json.dumps(FORGED | {"seconds": "x"}),
        json.dumps(FORGED | {"step": None}),
        json.dumps(FORGED | {"styles": 5}),
        json.dumps(FORGED | {"step": True}),
        json.dumps(FORGED | {"step": "94"}),
        json.dumps(FORGED | {"step": -1}),
        json.dumps(FORGED | {"steps": 10**4000}),
        json.dumps(FORGED | {"seconds": -1}),
        json.dumps(FORGED | {"seconds": 10**400}),
        json.dumps(FORGED | {"seconds": float("nan")}),
        json.dumps(FORGED | {"seconds": float("inf")}),
        json.dumps(FORGED | {"styles": "abc"}),
        json.dumps(FORGED | {"also": [["mask"]]}),
        json.dumps(FORGED | {"also": {"mask": 1}}),
        json.dumps(FORGED | {"backbone": "\ud800"}),
        json.dumps(FORGED | {"link": "style=\udfff"}),
        json.dumps(FORGED | {"link": ["style=a"]}),
        json.dumps(FORGED).replace("94", "1e999"),
        json.dumps(FORGED).replace("12.5", "1e999"),
        "[" * 5000,
        json.dumps(FORGED | {"backbone": "x" * 100_000}),
    ],
)
def test_a_png_with_nothing_to_remember_is_only_a_picture(tmp_path: Path, text: str) -> None:
    save_image(Image.new("RGB", (20, 20)), tmp_path / "a.png", {"nst": text})
    with Image.open(tmp_path / "a.png") as picture:
        assert from_text(picture) is None
    save_image(Image.new("RGB", (20, 20)), tmp_path / "a.jpg", {"nst": text})
    with Image.open(tmp_path / "a.jpg") as picture:
        assert from_text(picture) is None


def test_half_a_surrogate_pair_is_nothing_remembered() -> None:
    picture = Image.new("RGB", (20, 20))
    picture.info["nst"] = json.dumps(FORGED, ensure_ascii=False) + "\ud800"
    assert from_text(picture) is None


def test_what_is_no_png_remembers_nothing(tmp_path: Path) -> None:
    (tmp_path / "words.png").write_text("no picture")
    Image.new("RGB", (20, 20)).save(tmp_path / "a.gif")
    for name in ("words.png", "a.gif", "nowhere.png"):
        assert from_file(tmp_path / name) is None


def test_names_with_commas_stay_whole(tmp_path: Path) -> None:
    names = ("a, b", "100 %", "%2C", "Mühle & co", "plain")
    assert split_names(join_names(names)) == names
    shared = ShareLink(styles=names)
    query = dict(parse_qsl(to_query(shared)))
    assert from_query(query) == (shared, [])


def test_a_link_by_hand_has_the_plates_own_settings() -> None:
    offered = [Style("cubist", Path("x"), "", settings={"strength": 0.65})]
    by_hand, _ = from_query({"style": "cubist", "smoothness": "0.3"}, offered)
    assert by_hand.settings == Settings(strength=0.65, smoothness=0.3)
    ours, _ = from_query({"style": "cubist", "v": "1"}, offered)
    assert ours.settings == Settings()
    of_another, _ = from_query({"style": "cubist", "recipe": "gatys"}, offered)
    assert of_another.settings == RECIPES["gatys"]


def test_a_link_and_a_memory_tell_that_there_are_no_layers(tmp_path: Path) -> None:
    bare = ShareLink("atelier", Settings(content_layers=()))
    assert to_query(bare) == "content_layers=&v=1"
    assert from_query(parts(to_query(bare))) == (bare, [])
    save_image(
        Image.new("RGB", (20, 20)), tmp_path / "a.png", to_text(replace(PAINTED, shared=bare))
    )
    remembered = from_file(tmp_path / "a.png")
    assert remembered
    assert remembered[0].shared == bare


def test_a_bad_setting_in_a_png_is_told_and_left_out(tmp_path: Path) -> None:
    text = json.loads(to_text(PAINTED)["nst"]) | {"link": "style=a&strength=7&v=1"}
    save_image(Image.new("RGB", (20, 20)), tmp_path / "a.png", {"nst": json.dumps(text)})
    with Image.open(tmp_path / "a.png") as picture:
        remembered = from_text(picture)
    assert remembered
    assert remembered[0].shared == ShareLink(styles=("a",))
    assert "strength" in remembered[1][0]


def test_a_fingerprint_is_of_the_file(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"")
    assert file_hash(tmp_path / "a") == "e3b0c44298fc1c14"


@pytest.mark.parametrize(
    ("title", "expected"),
    [
        ("photo after gold_spirals", "photo after gold_spirals.png"),
        ("../../etc/passwd", "etc passwd.png"),
        ("a\nb\0c", "a b c.png"),
        ("", "painting.png"),
        ("...", "painting.png"),
    ],
)
def test_a_title_is_a_safe_name(title: str, expected: str) -> None:
    assert file_name(title, ".png") == expected


def test_a_long_title_fits_in_bytes() -> None:
    name = file_name("Mühle 🎨 " * 60, ".png")
    assert len(name.encode()) <= 204
    assert name.endswith(".png")
    assert file_name("\ud800x", ".png") == "x.png"


def test_a_painting_is_remembered_beside_texts_that_cannot_be_held(tmp_path: Path) -> None:
    info = PngInfo()
    for key, value in to_text(PAINTED).items():
        info.add_text(key, value)
    info.add_text("workflow", "x" * 2_000_000, zip=True)
    Image.new("RGB", (20, 20)).save(tmp_path / "a.png", pnginfo=info)
    remembered = from_file(tmp_path / "a.png")
    assert remembered is not None
    assert remembered[0].seconds == PAINTED.seconds
