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
    ONE_PASS,
    Provenance,
    ShareLink,
    file_hash,
    file_name,
    from_file,
    from_query,
    from_text,
    join_names,
    parse_query,
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


@pytest.mark.parametrize(("link", "query"), CASES)
def test_a_link_is_readable_and_read_back(link: ShareLink, query: str) -> None:
    assert to_query(link) == query
    parts = dict(part.split("=", 1) for part in query.split("&"))
    assert from_query(parts) == (link, [])


def test_bad_parameters_are_skipped_with_a_complaint_each() -> None:
    link, complaints = from_query(
        {"strength": "9", "size": "256", "recipe": "x", "seed": "__import__('os')", "hl": "de"}
    )
    assert link == ShareLink("atelier", Settings(size=256))
    assert [complaint.split(" ")[0] for complaint in complaints] == ["recipe", "strength", "seed"]


PROVENANCE = Provenance(
    link=ShareLink("gatys", replace(RECIPES["gatys"], size=256), ("swirling_night", "b"), "lion"),
    style_hashes=("0123456789abcdef", "fedcba9876543210"),
    extra_inputs=("mask",),
    backbone="VGG-16",
    step=94,
    steps=94,
    seconds=12.5,
)


def test_a_png_stores_its_provenance_but_not_the_photo(tmp_path: Path) -> None:
    save_image(Image.new("RGB", (20, 20)), tmp_path / "a.png", to_text(PROVENANCE))
    with Image.open(tmp_path / "a.png") as picture:
        assert set(picture.text) == {"Software", "Description", "nst"}  # type: ignore[attr-defined]
        assert "after swirling_night and b, painted by nst with VGG-16 in 12 s" in str(picture.info)
        metadata = from_text(picture)
    without = replace(PROVENANCE, link=replace(PROVENANCE.link, photo=""))
    assert metadata == (without, [])
    assert b"lion" not in (tmp_path / "a.png").read_bytes()


METADATA = json.loads(to_text(PROVENANCE)["nst"])


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
        json.dumps(METADATA | {"seconds": "x"}),
        json.dumps(METADATA | {"step": None}),
        json.dumps(METADATA | {"styles": 5}),
        json.dumps(METADATA | {"step": True}),
        json.dumps(METADATA | {"step": "94"}),
        json.dumps(METADATA | {"step": -1}),
        json.dumps(METADATA | {"steps": 10**4000}),
        json.dumps(METADATA | {"seconds": -1}),
        json.dumps(METADATA | {"seconds": 10**400}),
        json.dumps(METADATA | {"seconds": float("nan")}),
        json.dumps(METADATA | {"seconds": float("inf")}),
        json.dumps(METADATA | {"styles": "abc"}),
        json.dumps(METADATA | {"also": [["mask"]]}),
        json.dumps(METADATA | {"also": {"mask": 1}}),
        json.dumps(METADATA | {"backbone": "\ud800"}),
        json.dumps(METADATA | {"link": "style=\udfff"}),
        json.dumps(METADATA | {"link": ["style=a"]}),
        json.dumps(METADATA).replace("94", "1e999"),
        json.dumps(METADATA).replace("12.5", "1e999"),
        "[" * 5000,
        json.dumps(METADATA | {"backbone": "x" * 100_000}),
    ],
)
def test_invalid_metadata_is_ignored(tmp_path: Path, text: str) -> None:
    save_image(Image.new("RGB", (20, 20)), tmp_path / "a.png", {"nst": text})
    with Image.open(tmp_path / "a.png") as picture:
        assert from_text(picture) is None
    save_image(Image.new("RGB", (20, 20)), tmp_path / "a.jpg", {"nst": text})
    with Image.open(tmp_path / "a.jpg") as picture:
        assert from_text(picture) is None


def test_metadata_with_a_lone_surrogate_is_ignored() -> None:
    picture = Image.new("RGB", (20, 20))
    picture.info["nst"] = json.dumps(METADATA, ensure_ascii=False) + "\ud800"
    assert from_text(picture) is None


def test_a_file_that_is_no_png_has_no_metadata(tmp_path: Path) -> None:
    (tmp_path / "words.png").write_text("no picture")
    Image.new("RGB", (20, 20)).save(tmp_path / "a.gif")
    for name in ("words.png", "a.gif", "nowhere.png"):
        assert from_file(tmp_path / name) is None


def test_names_with_commas_are_read_back(tmp_path: Path) -> None:
    names = ("a, b", "100 %", "%2C", "Mühle & co", "plain")
    assert split_names(join_names(names)) == names
    link = ShareLink(styles=names)
    query = dict(parse_qsl(to_query(link)))
    assert from_query(query) == (link, [])


def test_a_link_by_hand_has_the_styles_own_settings() -> None:
    styles = [Style("cubist", Path("x"), "", settings={"strength": 0.65})]
    by_hand, _ = from_query({"style": "cubist", "smoothness": "0.3"}, styles)
    assert by_hand.settings == Settings(strength=0.65, smoothness=0.3)
    ours, _ = from_query({"style": "cubist", "v": "1"}, styles)
    assert ours.settings == Settings()
    of_another, _ = from_query({"style": "cubist", "recipe": "gatys"}, styles)
    assert of_another.settings == RECIPES["gatys"]


def test_a_title_in_a_link_becomes_the_id() -> None:
    styles = [Style("glass", Path("x"), "Irises at Sunrise", settings={"strength": 0.6})]
    by_hand, _ = from_query(parse_query("style=irises+at+sunrise,other"), styles)
    assert by_hand == ShareLink(settings=Settings(strength=0.6), styles=("glass", "other"))
    ours, _ = from_query(parse_query("style=Irises at Sunrise&v=1"), styles)
    assert ours == ShareLink(styles=("glass",))


def test_old_values_in_links_and_pngs_are_accepted(tmp_path: Path) -> None:
    query = "effort=instant&init=draft&v=1"
    link, complaints = from_query(parse_query(query))
    assert (link.settings, complaints) == (Settings(effort="one-pass"), [])
    text = json.dumps(METADATA | {"link": query, "backbone": "Magenta"})
    save_image(Image.new("RGB", (20, 20)), tmp_path / "a.png", {"nst": text})
    metadata = from_file(tmp_path / "a.png")
    assert metadata
    assert metadata[0].link.settings == Settings(effort="one-pass")
    assert metadata[0].backbone == ONE_PASS


def test_an_empty_list_of_layers_is_read_back(tmp_path: Path) -> None:
    bare = ShareLink("atelier", Settings(content_layers=()))
    assert to_query(bare) == "content_layers=&v=1"
    assert from_query(parse_query(to_query(bare))) == (bare, [])
    save_image(Image.new("RGB", (20, 20)), tmp_path / "a.png", to_text(replace(PROVENANCE, link=bare)))
    metadata = from_file(tmp_path / "a.png")
    assert metadata
    assert metadata[0].link == bare


def test_a_bad_setting_in_a_png_is_skipped_with_a_complaint(tmp_path: Path) -> None:
    text = json.loads(to_text(PROVENANCE)["nst"]) | {"link": "style=a&strength=7&v=1"}
    save_image(Image.new("RGB", (20, 20)), tmp_path / "a.png", {"nst": json.dumps(text)})
    with Image.open(tmp_path / "a.png") as picture:
        metadata = from_text(picture)
    assert metadata
    assert metadata[0].link == ShareLink(styles=("a",))
    assert "strength" in metadata[1][0]


def test_a_hash_is_of_the_files_bytes(tmp_path: Path) -> None:
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
def test_a_title_becomes_a_safe_name(title: str, expected: str) -> None:
    assert file_name(title, ".png") == expected


def test_a_long_title_fits_in_bytes() -> None:
    name = file_name("Mühle 🎨 " * 60, ".png")
    assert len(name.encode()) <= 204
    assert name.endswith(".png")
    assert file_name("\ud800x", ".png") == "x.png"


def test_metadata_is_read_beside_a_huge_text_chunk(tmp_path: Path) -> None:
    info = PngInfo()
    for key, value in to_text(PROVENANCE).items():
        info.add_text(key, value)
    info.add_text("workflow", "x" * 2_000_000, zip=True)
    Image.new("RGB", (20, 20)).save(tmp_path / "a.png", pnginfo=info)
    metadata = from_file(tmp_path / "a.png")
    assert metadata is not None
    assert metadata[0].seconds == PROVENANCE.seconds
