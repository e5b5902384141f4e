import json
from pathlib import Path

import pytest
from huggingface_hub import constants
from PIL import Image

from nst import Settings
from nst.gallery import EXAMPLES, Style, find_style, load_owner_styles, load_photos, load_styles, match_style
from nst.images import open_image

from .conftest import Files


def _save(folder: Path, *names: str) -> None:
    folder.mkdir(exist_ok=True)
    for name in names:
        Image.new("RGB", (32, 32), "teal").save(folder / name)


def test_every_style_is_complete() -> None:
    styles = load_styles()
    assert len(styles) >= 3
    assert len({style.name for style in styles}) == len(styles)
    for style in styles:
        assert Image.open(style.path).size == (1024, 1024), style.name
        assert style.title
        assert style.alt
        Settings(**style.settings)


def test_every_photo_is_complete_and_credited() -> None:
    photos = {photo.name: photo for photo in load_photos()}
    assert {"tower", "lion", "cheetah1", "astronaut", "pagoda", "mountains", "coffee"} <= set(photos)
    pictures = (EXAMPLES / "photos").iterdir()
    assert {photo.path for photo in photos.values()} == set(pictures)
    for name, photo in photos.items():
        assert max(open_image(photo.path).size) <= 1024, name
        assert photo.path.stat().st_size < 250_000, name
        assert all((photo.title, photo.alt, photo.credit, photo.licence, photo.source)), name


def test_a_folder_without_a_catalogue_has_a_style_for_each_picture(tmp_path: Path) -> None:
    assert load_styles(tmp_path) == []
    _save(tmp_path, "old_mill.jpg", "garden.png")
    assert [(p.name, p.title) for p in load_styles(tmp_path)] == [("old_mill", "old mill"), ("garden", "garden")]


def test_an_owners_folder_with_a_catalogue(tmp_path: Path) -> None:
    _save(tmp_path, "b.jpg", "a.jpg")
    (tmp_path / "catalogue.toml").write_text('[b]\ntitle = "The bee"\nsettings = { strength = 0.7 }\n[a]\n')
    styles = load_owner_styles(str(tmp_path))
    assert [(p.title, p.settings) for p in styles] == [("The bee", {"strength": 0.7}), ("a", {})]


@pytest.mark.parametrize(("catalogue", "message"), [("not toml", "Expected"), (None, "no picture")])
def test_a_broken_gallery_logs_one_line(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, catalogue: str | None, message: str
) -> None:
    if catalogue:
        _save(tmp_path, "a.jpg")
        (tmp_path / "catalogue.toml").write_text(catalogue)
    assert load_owner_styles(str(tmp_path)) == []
    assert len(caplog.records) == 1
    assert message in caplog.text


@pytest.mark.parametrize(
    ("entry", "message"),
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
def test_a_wrong_entry_is_skipped(tmp_path: Path, caplog: pytest.LogCaptureFixture, entry: str, message: str) -> None:
    _save(tmp_path, "a.jpg", "b.jpg")
    (tmp_path / "catalogue.toml").write_text(f"{entry}\n[b]\n")
    assert [style.name for style in load_owner_styles(str(tmp_path))] == ["b"]
    assert len(caplog.records) == 1
    assert message in caplog.text


def test_a_gallery_on_the_hub(hub: Files, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    _save(tmp_path / "wall", "mill.jpg")
    data = (tmp_path / "wall" / "mill.jpg").read_bytes()
    commit = "0" * 40
    listing = {"id": "owner/wall", "sha": commit, "siblings": [{"rfilename": "mill.jpg"}]}
    for revision in ("main", commit):
        hub[f"/api/datasets/owner/wall/revision/{revision}"] = json.dumps(listing).encode()
    tree = [{"type": "file", "path": "mill.jpg", "size": len(data), "oid": "0" * 40}]
    hub[f"/api/datasets/owner/wall/tree/{commit}"] = json.dumps(tree).encode()
    hub[f"/datasets/owner/wall/resolve/{commit}/mill.jpg"] = data
    hub["etag"] = b"1" * 40
    (style,) = load_owner_styles("owner/wall")
    assert style.title == "mill"
    assert style.path.read_bytes() == data
    hub.clear()
    caplog.clear()
    assert load_owner_styles("owner/wall") == []
    assert len([r for r in caplog.records if r.name == "nst"]) == 1


def test_an_unreachable_hub_logs_one_line(
    hub: Files, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    template = "http://127.0.0.1:9/{repo_id}/resolve/{revision}/{filename}"
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
    assert load_owner_styles("owner/wall") == []
    assert len(caplog.records) == 1


def test_no_gallery_has_no_styles() -> None:
    assert load_owner_styles("") == []


@pytest.mark.parametrize(
    "name", ["stained_glass", "Stained-Glass", "Irises at Sunrise", "irises_at_sunrise", " IRISES-at sunrise"]
)
def test_a_style_is_found_by_id_or_title(name: str) -> None:
    assert find_style(name, load_styles()).name == "stained_glass"
    assert match_style(name, load_styles()) == find_style(name, load_styles())


def test_ids_have_precedence_over_titles() -> None:
    titled, exact, similar = (
        Style(name, Path("x"), title) for name, title in [("a", "old mill"), ("old_mill", "b"), ("old-mill", "")]
    )
    for name, style in {"old_mill": exact, "old-mill": similar, "Old Mill": exact}.items():
        assert match_style(name, [titled, exact, similar]) == style
    assert match_style("old_mill", [titled]) == titled
    assert match_style("", [similar]) is None


def test_a_mistyped_name_suggests_the_nearest() -> None:
    for name, nearest in {
        "gold_spiral": "gold_spirals",
        "Irises at Sunset": "Irises at Sunrise",
        "the guilded tree": "The Gilded Tree",
    }.items():
        with pytest.raises(ValueError, match=f"no style '{name}'; did you mean '{nearest}'"):
            find_style(name, load_styles())
    with pytest.raises(ValueError, match="no style '17'; choose one of the gallery"):
        find_style("17", load_styles())
