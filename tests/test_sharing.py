import json
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from nst import RECIPES, Settings
from nst.images import save_image
from nst.sharing import Painted, Shared, fingerprint, from_query, from_text, to_query, to_text

CASES = [
    (Shared(), "v=1"),
    (
        Shared("atelier", Settings(strength=0.7), ("swirling_night",), "lion"),
        "photo=lion&style=swirling_night&strength=0.7&v=1",
    ),
    (
        Shared("gatys", replace(RECIPES["gatys"], size=256, style_weights=(1, 2)), ("a", "b")),
        "style=a,b&recipe=gatys&size=256&style_weights=1,2&v=1",
    ),
    (
        Shared("atelier", Settings(content_layers="relu3_1=0.5,relu4_1=1")),  # type: ignore[arg-type]
        "content_layers=relu3_1=0.5,relu4_1=1&v=1",
    ),
]


@pytest.mark.parametrize(("shared", "query"), CASES)
def test_a_link_is_readable_and_says_the_same(shared: Shared, query: str) -> None:
    assert to_query(shared) == query
    parts = dict(part.split("=", 1) for part in query.split("&"))
    assert from_query(parts) == (shared, [])


def test_bad_parts_are_told_and_left_out_one_by_one() -> None:
    shared, complaints = from_query(
        {"strength": "9", "size": "256", "recipe": "x", "seed": "__import__('os')", "hl": "de"}
    )
    assert shared == Shared("atelier", Settings(size=256))
    assert [complaint.split(" ")[0] for complaint in complaints] == ["recipe", "strength", "seed"]


PAINTED = Painted(
    Shared("gatys", replace(RECIPES["gatys"], size=256), ("swirling_night", "b"), "lion"),
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


@pytest.mark.parametrize("text", ["", "[]", "{}", json.dumps({"link": 3}), "no json"])
def test_a_png_with_nothing_to_remember_is_only_a_picture(tmp_path: Path, text: str) -> None:
    save_image(Image.new("RGB", (20, 20)), tmp_path / "a.png", {"nst": text})
    with Image.open(tmp_path / "a.png") as picture:
        assert from_text(picture) is None
    save_image(Image.new("RGB", (20, 20)), tmp_path / "a.jpg", {"nst": text})
    with Image.open(tmp_path / "a.jpg") as picture:
        assert from_text(picture) is None


def test_a_bad_setting_in_a_png_is_told_and_left_out(tmp_path: Path) -> None:
    text = json.loads(to_text(PAINTED)["nst"]) | {"link": "style=a&strength=7&v=1"}
    save_image(Image.new("RGB", (20, 20)), tmp_path / "a.png", {"nst": json.dumps(text)})
    with Image.open(tmp_path / "a.png") as picture:
        remembered = from_text(picture)
    assert remembered
    assert remembered[0].shared == Shared(styles=("a",))
    assert "strength" in remembered[1][0]


def test_a_fingerprint_is_of_the_file(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"")
    assert fingerprint(tmp_path / "a") == "e3b0c44298fc1c14"
