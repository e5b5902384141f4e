"""What is shown of a photo before anything is painted."""

import time
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np
import pytest
from PIL import Image

from nst.gallery import load_styles, sample
from nst.images import open_image
from nst.page.app import Page, release
from nst.page.ui.controls import control_values
from nst.service.engine import Pace
from nst.service.previews import MAX_WAITING, PREVIEW_SIZE, THUMBNAIL_SIZE, Previewer
from nst.service.session import Session
from nst.settings import Settings
from tests.conftest import sent

from .conftest import paint_task

KNOBS: dict[str, Any] = {"strength": 0.5, "style_scale": 1.0, "style_weights": ""}


@pytest.fixture
def four_styles(page: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    """Fewer styles to draw."""
    monkeypatch.setattr(page.app_state, "styles", page.app_state.styles[:4])


def _anew(page: Page, session: Session, photo: Any, **changed: Any) -> dict[Any, Any]:
    asked = {"drawn": False, "photo": photo, "chosen": ["gold_spirals"], "recipe": "atelier"} | KNOBS | changed
    return page.preview.preview_photo(session=session, **asked)


def _on(page: Page, session: Session, photo: Any, **changed: Any) -> dict[Any, Any]:
    asked = {"drawn": False, "photo": photo, "chosen": ["gold_spirals"]} | KNOBS | changed
    return page.preview.preview_setting(session=session, **asked)


def _shown(page: Page, outputs: dict[Any, Any]) -> Path:
    return Path(outputs[page.result.image].value["path"])


def _pixels(file: Path) -> np.ndarray[Any, Any]:
    return np.asarray(Image.open(file).convert("RGB"), dtype=float)


def test_photo_and_style_make_a_draft(page: Page, session: Session, photo_sent: Any) -> None:
    first = _shown(page, _anew(page, session, photo_sent))
    with Image.open(first) as picture:
        assert picture.size == (512, 410)
    before = _pixels(first)
    none, first_style = (
        _pixels(_shown(page, _anew(page, session, photo_sent, chosen=chosen)))
        for chosen in ([], [page.app_state.styles[0].name])
    )
    assert np.array_equal(none, first_style)
    second = _shown(page, _anew(page, session, photo_sent, chosen=["swirling_night"]))
    assert np.abs(_pixels(second) - before).mean() > 20
    assert not first.exists()
    stronger = _shown(page, _on(page, session, photo_sent, strength=0.1))
    assert np.abs(_pixels(stronger) - before).mean() > 20


def test_weights_belong_to_the_styles_in_their_order(page: Page, session: Session, photo_sent: Any) -> None:
    alone = _pixels(_shown(page, _anew(page, session, photo_sent, chosen=["woodblock_wave"])))
    blend = {"chosen": ["woodblock_wave", "swirling_night"], "style_weights": "1,0"}
    assert np.array_equal(_pixels(_shown(page, _anew(page, session, photo_sent, **blend))), alone)


def test_what_is_missing_is_waited_for(page: Page, session: Session, photo_sent: Any) -> None:
    for changed in ({"chosen": [], "recipe": "reconstruct"}, {"chosen": ["nobody"]}):
        assert page.result.image not in _anew(page, session, photo_sent, **changed)
    assert page.result.image not in _anew(page, session, None)
    assert page.result.image not in _anew(page, session, sent("/etc/passwd"))
    assert page.result.image not in _anew(page, session, photo_sent, strength="much")


def test_a_painting_stays_while_one_steers(page: Page, session: Session, photo_sent: Any) -> None:
    session.painting = "token"
    assert page.result.image not in _on(page, session, photo_sent)
    assert session.painting == "token"
    assert not _anew(page, session, photo_sent)[page.result.go_on].interactive
    assert session.painting == ""


def test_a_run_keeps_the_canvas(
    page: Page, session: Session, photo_sent: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    session.run = paint_task()
    assert page.result.image not in _anew(page, session, photo_sent)
    session.run = None

    def click(*_: object, **__: object) -> bytes:
        """Paint, while the draft is drawn."""
        session.run = paint_task()
        return b"a picture"

    monkeypatch.setattr(page.app_state.previewer, "preview", click)
    assert page.result.image not in _anew(page, session, photo_sent)


def test_what_the_browser_has_drawn_is_not_drawn_again(page: Page, session: Session, photo_sent: Any) -> None:
    session.painting = "a painting"
    assert _on(page, session, photo_sent, drawn=True) == gr.skip()
    assert session.painting
    assert page.result.image not in _anew(page, session, photo_sent, drawn=True)
    assert not session.painting
    outputs = page.preview.show_gallery(session=session, drawn=True, photo=photo_sent, on_photo=True)
    assert list(outputs) == [page.style.on_photo]
    assert not session.previews


@pytest.mark.usefixtures("four_styles")
def test_every_style_on_the_photo(page: Page, session: Session, photo_sent: Any) -> None:
    outputs = page.preview.show_gallery(session=session, drawn=False, photo=photo_sent, on_photo=True)
    shown = outputs[page.style.gallery].value
    assert [entry["caption"] for entry in shown] == [p.title for p in page.app_state.styles]
    files = [Path(entry["image"]["path"]) for entry in shown]
    assert len({file.read_bytes() for file in files}) == len(files)
    assert all(max(Image.open(file).size) == THUMBNAIL_SIZE for file in files)
    assert outputs[page.style.on_photo].visible
    for photo, on_photo in ((photo_sent, False), (None, True), (sent("/etc/passwd"), True)):
        outputs = page.preview.show_gallery(session=session, drawn=False, photo=photo, on_photo=on_photo)
        assert [Path(e["image"]["path"]).stem for e in outputs[page.style.gallery].value] == [
            one_style.name for one_style in page.app_state.styles
        ]
    release(page.app_state, session)
    assert not any(file.exists() for file in files)


@pytest.mark.usefixtures("four_styles")
def test_what_was_drawn_before_is_not_drawn_again(
    page: Page, session: Session, photo_sent: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: Any = {"session": session, "drawn": False, "photo": photo_sent, "on_photo": True}
    page.preview.show_gallery(**asked)
    first = [file.read_bytes() for file in sorted(session.previews["gallery"].iterdir())]
    monkeypatch.setattr(page.app_state.previewer, "_encode", None)
    page.preview.show_gallery(**asked)
    assert [file.read_bytes() for file in sorted(session.previews["gallery"].iterdir())] == first


@pytest.mark.usefixtures("four_styles")
def test_previews_end_with_their_page(page: Page, photo_sent: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    session, drawn = Session(loaded=True, session_hash="tab"), []
    monkeypatch.setattr(page.app_state, "previewer", Previewer())
    thumbnail = Previewer._thumbnail

    def leave(previewer: Previewer, *about: Any) -> bytes:
        drawn.append(about)
        if len(drawn) == 2:
            page.app_state.on_session_closed("tab")
        return thumbnail(previewer, *about)

    monkeypatch.setattr(Previewer, "_thumbnail", leave)
    for expected in (2, 2 + len(page.app_state.styles)):  # it was closed, and its visitor comes back
        page.preview.show_gallery(session=session, drawn=False, photo=photo_sent, on_photo=True)
        assert len(drawn) == expected
    assert list(session.previews) == ["gallery"]


def test_too_many_go_without() -> None:
    crowd, photo, one_style = Previewer(), open_image(sample("lion")), load_styles()[0].path
    for _ in range(MAX_WAITING):
        assert crowd._places.acquire(blocking=False)
    assert crowd.thumbnails(photo, "digest", [one_style]) == []
    crowd._places.release()
    assert len(crowd.thumbnails(photo, "digest", [one_style])) == 1


def _repaint(page: Page, session: Session, photo: Any, **changed: Any) -> dict[Any, Any]:
    values = control_values(Settings(size=64, effort="quick", scales=1))
    asked: dict[str, Any] = {"photo": photo, "chosen": ["gold_spirals"], "mask": None, "recipe": "atelier", **values}
    return page.preview.repaint(session=session, **asked | changed)


@pytest.fixture
def fast(page: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine that paints in less than a second, as far as it knows; on any other, the tests take longer."""
    monkeypatch.setattr(page.app_state.engine, "pace", Pace(guess=1e9))
    monkeypatch.setattr("nst.service.repaint.LIMIT", 60.0)


@pytest.mark.usefixtures("fast")
def test_on_a_fast_machine_the_painting_follows_the_settings(page: Page, session: Session, photo_sent: Any) -> None:
    first = _shown(page, _repaint(page, session, photo_sent))
    before = _pixels(first)
    assert before.shape == (51, 64, 3)
    other = _pixels(_shown(page, _repaint(page, session, photo_sent, colour="photo")))
    assert np.abs(other - before).mean() > 5


@pytest.mark.usefixtures("fast")
def test_a_repainting_is_no_larger_than_a_preview(page: Page, session: Session, photo_sent: Any) -> None:
    shown = _repaint(page, session, photo_sent, size=2048, steps=1, effort="one-pass")
    assert max(_pixels(_shown(page, shown)).shape) == PREVIEW_SIZE


@pytest.mark.usefixtures("fast")
@pytest.mark.parametrize("changed", [{"chosen": []}, {"chosen": ["nobody"]}, {"strength": "much"}, {"size": -1}])
def test_nothing_is_repainted_where_something_is_missing_or_wrong(
    changed: dict[str, Any], page: Page, session: Session, photo_sent: Any
) -> None:
    assert page.result.image not in _repaint(page, session, photo_sent, **changed)
    assert page.result.image not in _repaint(page, session, None)


@pytest.mark.usefixtures("fast")
def test_a_late_repainting_does_not_replace_a_newer_preview(
    page: Page, session: Session, photo_sent: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    compute, newer = page.app_state.engine.compute, []

    def slowly(function: Any) -> Any:
        newer.append(_shown(page, _anew(page, session, photo_sent, chosen=["swirling_night"])))
        return compute(function)

    monkeypatch.setattr(page.app_state.engine, "compute", slowly)
    assert page.result.image not in _repaint(page, session, photo_sent)
    assert newer[0].is_file()


@pytest.mark.usefixtures("fast")
def test_a_repainting_that_takes_too_long_is_ended(
    page: Page, session: Session, photo_sent: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nst.service.repaint.LIMIT", 0.05)
    started = time.perf_counter()
    assert page.result.image not in _repaint(page, session, photo_sent, size=512, effort="fine", scales=3)
    assert time.perf_counter() - started < 10  # the run would take half a minute


@pytest.mark.usefixtures("fast")
def test_a_painting_stays_while_settings_change(page: Page, session: Session, photo_sent: Any) -> None:
    session.painting = "token"
    assert page.result.image not in _repaint(page, session, photo_sent)
    assert session.painting == "token"


@pytest.mark.usefixtures("fast")
def test_nothing_is_repainted_while_somebody_paints(page: Page, session: Session, photo_sent: Any) -> None:
    with page.app_state.running(paint_task()):
        assert page.result.image not in _repaint(page, session, photo_sent)
    session.run = paint_task()
    assert page.result.image not in _repaint(page, session, photo_sent)


def test_on_a_slow_machine_nothing_is_repainted(
    page: Page, session: Session, photo_sent: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(page.app_state.engine, "pace", Pace(guess=1e3))
    assert page.result.image not in _repaint(page, session, photo_sent)
