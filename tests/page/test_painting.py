import errno
import threading
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import gradio as gr
import numpy as np
import pytest
import spaces
from PIL import Image

from nst.config import Config
from nst.gallery import load_styles, sample
from nst.images import fit, open_image
from nst.page.api import OWNER
from nst.page.app import Page, release
from nst.service import disk, resumable
from nst.service import engine as service
from nst.service.engine import Engine, warm_up
from nst.service.session import Session
from nst.sharing import from_text
from tests.conftest import sent

from .conftest import controls

TWO = ["gold_spirals", "swirling_night"]
SMALL = {"size": 64, "steps": 3}


def _asked(photo: Any, /, **changed: Any) -> dict[str, Any]:
    asked = {"photo": photo, "chosen": ["gold_spirals"], "mask": None, "recipe": "atelier"}
    return asked | controls() | SMALL | changed


def _paint(page: Page, session: Session) -> dict[Any, Any]:
    """The last outputs of a run that has begun."""
    *_, last = page.painting.show_frames(session=session)
    return last


def _painted(page: Page, session: Session, photo: Any, **changed: Any) -> dict[Any, Any]:
    page.painting.start_painting(session=session, **_asked(photo, **changed))
    return _paint(page, session)


def test_from_the_click_to_the_png(
    page: Page, session: Session, photo_sent: dict[str, Any], photo: Image.Image
) -> None:
    waiting = page.painting.start_painting(session=session, **_asked(photo_sent))
    assert waiting[page.painting.stop].visible
    assert not waiting[page.painting.paint].visible
    outputs = _paint(page, session)
    assert session.run is None
    assert "Done in" in outputs[page.painting.status]
    assert outputs[page.painting.paint].visible
    assert outputs[page.result.go_on].interactive
    file = Path(outputs[page.result.image])
    assert file.name == "photo after gold_spirals.png"
    with Image.open(file) as picture:
        assert picture.size == (64, 51)
        remembered = from_text(picture)
    assert remembered
    assert remembered[0].link.styles == ("gold_spirals",)
    before, after = outputs[page.result.compare]
    assert after == str(file)
    shown = np.asarray(open_image(before), dtype=int)
    assert np.abs(shown - np.asarray(fit(photo, 64), dtype=int)).mean() < 4
    kept = page.history.add(session=session, remembered=[{"no": "memory"}])
    assert [entry["title"] for entry in kept[page.history.remembered]] == [file.stem]
    assert page.history.add(session=session, remembered=[]) == gr.skip()  # once


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"photo": None}, "Add a photo first"),
        ({"chosen": []}, "Choose a style first"),
        ({"chosen": ["gold_spiral"]}, "did you mean 'gold_spirals'"),
        ({"size": 9}, "“Size” is 9"),
        ({"chosen": TWO, "style_weights": "1,2,3"}, "as many numbers as there are styles: 2, not 3"),
        ({"chosen": TWO, "style_weights": "<b>&,1"}, "“Style weights” is '&lt;b&gt;&amp;,1'"),  # once, for HTML
        ({"photo": {"path": "/etc/hostname"}}, "did not arrive"),
    ],
)
def test_a_failed_run_is_reported(
    page: Page, session: Session, photo_sent: dict[str, Any], changed: dict[str, Any], message: str
) -> None:
    with pytest.raises(gr.Error, match=message) as refused:
        page.painting.start_painting(session=session, **_asked(photo_sent, **changed))
        _paint(page, session)
    assert not refused.value.print_exception
    assert session.run is None


def test_weights_count_only_where_they_are_seen(
    page: Page, session: Session, photo_sent: dict[str, Any], uploads: Path
) -> None:
    drawn = Image.new("RGBA", (120, 96))
    drawn.paste("white", (0, 0, 60, 96))
    drawn.save(uploads / "drawn.png")
    asked = {"mask": {"layers": [sent(uploads / "drawn.png")]}, "style_weights": "1,2"}
    outputs = _painted(page, session, photo_sent, **asked)
    assert Path(outputs[page.result.image]).is_file()
    with pytest.raises(gr.Error, match="with a mask each has a part"):
        _painted(page, session, photo_sent, chosen=TWO, **asked)


def test_a_texture_needs_no_style(page: Page, session: Session, photo_sent: dict[str, Any]) -> None:
    outputs = _painted(page, session, photo_sent, chosen=[], style_layers="", init="noise")
    assert Path(outputs[page.result.image]).name == "photo.png"


def test_a_run_that_would_take_too_long_is_refused(
    page: Page, session: Session, photo_sent: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(page.app_state.engine.pace, "seconds", lambda work: work)
    object.__setattr__(page.app_state.config, "max_seconds", 600.0)
    with pytest.raises(gr.Error, match="and 10 min are allowed here: choose"):
        page.painting.start_painting(session=session, **_asked(photo_sent, steps=0, size=2048))
    object.__setattr__(page.app_state.config, "max_seconds", float("inf"))


def test_a_run_ends_at_the_time_limit_with_its_picture(
    page: Page, session: Session, photo_sent: dict[str, Any]
) -> None:
    page.painting.start_painting(session=session, **_asked(photo_sent, steps=20_000))
    object.__setattr__(page.app_state.config, "max_seconds", 3.0)
    outputs = _paint(page, session)
    object.__setattr__(page.app_state.config, "max_seconds", float("inf"))
    assert "the most that is allowed here" in outputs[page.painting.status]
    assert Path(outputs[page.result.image]).suffix == ".png"


def test_stop_keeps_the_picture_as_it_stands(page: Page, session: Session, photo_sent: dict[str, Any]) -> None:
    page.painting.start_painting(session=session, **_asked(photo_sent, steps=2000))
    frames = page.painting.show_frames(session=session)
    assert next(frames)[page.result.image].endswith(".jpg")
    assert page.painting.stop_run(session=session)[page.painting.stop].value == "Stopping"
    *_, last = frames
    assert "Stopped after" in last[page.painting.status]
    with Image.open(last[page.result.image]) as picture:
        remembered = from_text(picture)
    assert remembered
    assert remembered[0].step < remembered[0].steps == 2000


def test_stop_gives_up_a_place_in_the_queue(page: Page, session: Session, photo_sent: dict[str, Any]) -> None:
    page.painting.start_painting(session=session, **_asked(photo_sent))
    outputs = page.painting.stop_run(session=session)
    assert "before it began" in outputs[page.painting.status]
    assert outputs[page.painting.paint].visible
    assert list(page.painting.show_frames(session=session)) == []
    page.painting.start_painting(session=session, **_asked(photo_sent))
    assert len(list(page.painting.show_frames(session=session))) >= 1
    assert list(page.painting.show_frames(session=session)) == []


def test_a_visitor_who_leaves_takes_it_all_along(
    page: Page, session: Session, photo_sent: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resumable, "RECONNECT_SECONDS", 0.0)
    outputs = _painted(page, session, photo_sent)
    page.painting.start_painting(session=session, **_asked(photo_sent, steps=2000))
    frames = page.painting.show_frames(session=session)
    preview = Path(next(frames)[page.result.image])
    frames.close()
    while page.app_state.runs:
        time.sleep(0.02)
    assert not preview.parent.exists()
    assert Path(outputs[page.result.image]).exists()
    release(page.app_state, session)
    assert not Path(outputs[page.result.image]).exists()
    assert page.app_state.store.find(session.painting) is None


def test_painting_on_needs_the_same_photo(
    page: Page, session: Session, photo_sent: dict[str, Any], uploads: Path, photo: Image.Image
) -> None:
    with pytest.raises(gr.Error, match="no painting to go on from"):
        page.painting.go_on(session=session, **_asked(photo_sent))
    _painted(page, session, photo_sent)
    photo.rotate(180).save(uploads / "other.png")
    with pytest.raises(gr.Error, match="is of another photo"):
        page.painting.go_on(session=session, **_asked(sent(uploads / "other.png")))
    page.painting.go_on(session=session, **_asked(photo_sent, size=128))
    outputs = _paint(page, session)
    with Image.open(outputs[page.result.image]) as picture:
        remembered = from_text(picture)
    assert remembered
    assert remembered[0].extra_inputs == ("start",)


def test_only_what_is_under_the_brush(
    page: Page, session: Session, photo_sent: dict[str, Any], uploads: Path, photo: Image.Image
) -> None:
    layer = Image.new("RGBA", photo.size)
    layer.paste((255, 140, 0, 153), (0, 0, photo.width // 2, photo.height))
    layer.save(uploads / "layer.png")
    outputs = _painted(page, session, photo_sent, mask={"layers": [sent(uploads / "layer.png")]})
    painted = np.asarray(open_image(outputs[page.result.image]), dtype=int)
    change = np.abs(painted - np.asarray(fit(photo, 64), dtype=int)).max(axis=2)
    assert change[:, 40:].max() == 0
    assert change[:, :24].mean() > 2


def test_a_page_that_closes_ends_runs_and_begins_none(
    page: Page, session: Session, photo_sent: dict[str, Any]
) -> None:
    page.painting.start_painting(session=session, **_asked(photo_sent, steps=2000))
    frames = page.painting.show_frames(session=session)
    next(frames)
    closing = threading.Thread(target=page.app_state.close, args=[5.0])
    closing.start()
    *_, last = frames
    closing.join(1)
    assert not closing.is_alive()
    assert "Stopped after" in last[page.painting.status]
    with pytest.raises(gr.Error, match="about to close"):
        page.painting.start_painting(session=session, **_asked(photo_sent))
    page.app_state.closing.clear()


def test_a_stop_before_there_is_anything_to_see(page: Page, session: Session, photo_sent: dict[str, Any]) -> None:
    page.painting.start_painting(session=session, **_asked(photo_sent))
    assert session.run
    session.run.stop.set()
    *_, last = page.painting.show_frames(session=session)
    assert "Stopped before it began" in last[page.painting.status]
    assert last[page.painting.paint].visible
    assert session.run is None
    assert page.app_state.runs == []


def test_a_full_disk_is_reported_and_nothing_is_left(
    page: Page, session: Session, photo_sent: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    before = {*page.app_state.store.root.iterdir()}
    for place, name, instead in ((Path, "write_bytes", full), (disk, "free", lambda _: 100)):
        page.painting.start_painting(session=session, **_asked(photo_sent, steps=30))
        with monkeypatch.context() as patched:
            patched.setattr(place, name, instead)
            with pytest.raises(gr.Error, match="disk of this machine is full"):
                _paint(page, session)
        assert {*page.app_state.store.root.iterdir()} == before


def test_programs_share_one_quota(page: Page, photo_sent: dict[str, Any]) -> None:
    paint = page.api.make_paint()
    asked = {"photo": photo_sent, "style": "gold_spirals", "size": 64, "more": "steps=2"}
    for number in range(2):
        *_, last = paint(SimpleNamespace(session_hash=f"program {number}"), **asked)
        made = page.app_state.store.find(Path(last).parent.name)
        assert made
        assert made.owner == OWNER


def test_a_failed_run_leaves_the_painting_before_it(page: Page, session: Session, photo_sent: dict[str, Any]) -> None:
    assert not page.painting.show_failure(session=session)[page.result.go_on].interactive
    _painted(page, session, photo_sent)
    assert page.painting.show_failure(session=session)[page.result.go_on].interactive


def test_the_film_is_made_once(page: Page, session: Session, photo_sent: dict[str, Any]) -> None:
    _painted(page, session, photo_sent)
    outputs = page.result.make_film(session=session)
    assert Path(outputs[page.result.film].value["path"]).stat().st_size > 1000
    assert outputs[page.result.animation_button].interactive
    assert page.result.make_film(session=session) == gr.skip()


def test_a_run_that_led_nowhere_says_so_and_keeps_its_picture(
    page: Page, session: Session, photo_sent: dict[str, Any], notices: list[str]
) -> None:
    values = controls("gatys", style_weight=1e12, **SMALL)
    asked = {"photo": photo_sent, "chosen": ["gold_spirals"], "mask": None, "recipe": "gatys"}
    page.painting.start_painting(session=session, **asked, **values)
    outputs = _paint(page, session)
    assert Path(outputs[page.result.image]).suffix == ".png"
    assert len(notices) == 1


def test_a_space_without_a_gpu_is_not_taken_for_zero_gpu(
    page: Page, session: Session, photo_sent: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every Gradio Space has the package `spaces`; it says nothing of the hardware."""
    assert spaces.GPU(len) is len
    config = Config.from_env({"SPACE_ID": "somebody/nst"})
    assert not config.zero_gpu
    engine = Engine(config)
    monkeypatch.setattr(service, "WARM_UP_SIZE", 64)
    warm_up(engine, sample("lion"), load_styles()[0].path, threading.Event())
    assert engine.pace.seconds(1e6) > 0
    page.app_state.engine.pace, before = engine.pace, page.app_state.engine.pace
    object.__setattr__(page.app_state.config, "max_seconds", config.max_seconds)
    with pytest.raises(gr.Error, match="10 min are allowed here: choose"):
        page.painting.start_painting(session=session, **_asked(photo_sent, size=2048, steps=20_000))
    object.__setattr__(page.app_state.config, "max_seconds", float("inf"))
    page.app_state.engine.pace = before
