import json
from pathlib import Path

import pytest
from huggingface_hub import constants
from PIL import Image

from nst import Settings
from nst.gallery import EXAMPLES, find_style, load_owner_styles, load_photos, load_styles
from nst.images import open_image

from .conftest import Files


def _hang(folder: Path, *names: str) -> None:
    folder.mkdir(exist_ok=True)
    for name in names:
        Image.new("RGB", (32, 32), "teal").save(folder / name)


def test_every_plate_is_there_and_can_be_painted_with() -> None:
    found = load_styles()
    assert len(found) >= 3
    assert len({plate.name for plate in found}) == len(found)
    for plate in found:
        assert Image.open(plate.path).size == (1024, 1024), plate.name
        assert plate.title
        assert plate.alt
        Settings(**plate.settings)


def test_every_photo_is_there_and_says_whose_it_is() -> None:
    found = {photo.name: photo for photo in load_photos()}
    assert {"tower", "lion", "cheetah1", "astronaut", "pagoda", "mountains", "coffee"} <= set(found)
    pictures = (EXAMPLES / "photos").iterdir()
    assert {photo.path for photo in found.values()} == set(pictures)
    for name, photo in found.items():
        assert max(open_image(photo.path).size) <= 1024, name
        assert photo.path.stat().st_size < 250_000, name
        assert all((photo.title, photo.alt, photo.credit, photo.licence, photo.source)), name


def test_a_folder_without_a_catalogue_offers_its_pictures(tmp_path: Path) -> None:
    assert load_styles(tmp_path) == []
    _hang(tmp_path, "old_mill.jpg", "garden.png")
    assert [(p.name, p.title) for p in load_styles(tmp_path)] == [
        ("old_mill", "old mill"),
        ("garden", "garden"),
    ]


def test_an_owners_folder_with_a_catalogue(tmp_path: Path) -> None:
    _hang(tmp_path, "b.jpg", "a.jpg")
    (tmp_path / "catalogue.toml").write_text(
        '[b]\ntitle = "The bee"\nsettings = { strength = 0.7 }\n[a]\n'
    )
    found = load_owner_styles(str(tmp_path))
    assert [(p.title, p.settings) for p in found] == [("The bee", {"strength": 0.7}), ("a", {})]


@pytest.mark.parametrize(
    ("catalogue", "told"),
    [
        ("not toml", "Expected"),
        (None, "no picture"),
    ],
)
def test_a_broken_gallery_costs_one_line(
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    catalogue: str | None,
    told: str,
) -> None:
    if catalogue:
        _hang(tmp_path, "a.jpg")
        (tmp_path / "catalogue.toml").write_text(catalogue)
    assert load_owner_styles(str(tmp_path)) == []
    assert len(caplog.records) == 1
    assert told in caplog.text


@pytest.mark.parametrize(
    ("entry", "told"),
    [
        ("[missing]", "no such picture"),
        ("[a]\nsettings = { strength = 7 }", "0.0 to 1.0"),
        ("[a]\nsettings = { brush = 7 }", "brush"),
        ("[a]\nsettings = { style_layers = 7 }", "style_layers"),
        ("[a]\nsettings = 'strong'", "settings is 'strong', and takes a table"),
        ("[a]\ncolour = 'red'", "colour"),
        ("[a]\ntitle = 7", "title is 7, and takes a text"),
        ("[a]\nalt = ['a']", "alt is"),
        ("[a]\npath = '/etc/passwd'", "path"),
        ("a = 3", "it is 3, and takes a table"),
    ],
)
def test_a_wrong_entry_costs_itself_alone(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, entry: str, told: str
) -> None:
    _hang(tmp_path, "a.jpg", "b.jpg")
    (tmp_path / "catalogue.toml").write_text(f"{entry}\n[b]\n")
    assert [plate.name for plate in load_owner_styles(str(tmp_path))] == ["b"]
    assert len(caplog.records) == 1
    assert told in caplog.text


def test_a_gallery_on_the_hub(hub: Files, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    _hang(tmp_path / "wall", "mill.jpg")
    data = (tmp_path / "wall" / "mill.jpg").read_bytes()
    commit = "0" * 40
    listing = {"id": "owner/wall", "sha": commit, "siblings": [{"rfilename": "mill.jpg"}]}
    for revision in ("main", commit):
        hub[f"/api/datasets/owner/wall/revision/{revision}"] = json.dumps(listing).encode()
    tree = [{"type": "file", "path": "mill.jpg", "size": len(data), "oid": "0" * 40}]
    hub[f"/api/datasets/owner/wall/tree/{commit}"] = json.dumps(tree).encode()
    hub[f"/datasets/owner/wall/resolve/{commit}/mill.jpg"] = data
    hub["etag"] = b"1" * 40
    (plate,) = load_owner_styles("owner/wall")
    assert plate.title == "mill"
    assert plate.path.read_bytes() == data
    hub.clear()
    caplog.clear()
    assert load_owner_styles("owner/wall") == []
    assert len([r for r in caplog.records if r.name == "nst"]) == 1


def test_an_unreachable_hub_costs_one_line(
    hub: Files, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    template = "http://127.0.0.1:9/{repo_id}/resolve/{revision}/{filename}"
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
    assert load_owner_styles("owner/wall") == []
    assert len(caplog.records) == 1


def test_no_gallery_named_is_none() -> None:
    assert load_owner_styles("") == []


def test_a_mistyped_plate_names_the_nearest() -> None:
    assert find_style("gold_spirals", load_styles()).title == "The Gilded Tree"
    with pytest.raises(ValueError, match="no style 'gold_spiral'; did you mean 'gold_spirals'"):
        find_style("gold_spiral", load_styles())
    with pytest.raises(ValueError, match="no style '17'; choose one of the gallery"):
        find_style("17", load_styles())
