"""A visitor's film, painted in the page and for programs."""

import shutil
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import gradio as gr
import numpy as np
import pytest
from PIL import Image

from nst.config import Config
from nst.errors import InputError
from nst.gallery import Style, sample
from nst.images import open_image
from nst.one_pass import OnePass
from nst.optimise import fine_tuning
from nst.page.app import Page, release
from nst.service.clips import paint_clip_task
from nst.service.runs import NothingPainted
from nst.service.session import Session
from nst.service.tasks import ClipTask
from nst.video import open_clip
from tests.conftest import sent
from tests.video.files import damage, write_video

from .conftest import one_pass_controls

Write = Callable[..., dict[str, Any]]


@pytest.fixture
def film(uploads: Path) -> Write:
    """Writes a film of a moving photo into the folder of uploads."""
    photo = open_image(sample("lion")).resize((120, 96))

    def write(name: str = "lion.mp4", pictures: int = 6, rate: int = 10) -> dict[str, Any]:
        with av.open(str(uploads / name), "w") as made:
            stream: Any = made.add_stream("libx264", rate=Fraction(rate))
            stream.width, stream.height, stream.pix_fmt = 96, 64, "yuv420p"
            for number in range(pictures):
                left = number % 24
                pixels = np.asarray(photo.crop((left, 0, left + 96, 64)))
                made.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
            made.mux(stream.encode(None))
        return sent(uploads / name)

    return write


def _asked(film: Any, **changed: Any) -> dict[str, Any]:
    return {"film": film, "chosen": ["gold_spirals"]} | one_pass_controls() | changed


def test_a_film_is_painted_and_goes_with_its_visitor(page: Page, session: Session, film: Write) -> None:
    asked = _asked(film())
    assert page.clip.status in page.clip.start_film(session=session, **asked)
    *on_the_way, last = page.clip.show_film(session=session)
    assert "picture 1 of 6" in on_the_way[0][page.clip.status]
    assert "picture 6 of 6" in last[page.clip.status]
    out = Path(last[page.clip.painted].value["path"])
    painted = open_clip(out)
    assert (out.name, painted.pictures) == ("lion after gold_spirals.mp4", 6)
    assert painted.size == (512, 340)
    assert last[page.clip.download].interactive
    assert session.clip is None
    release(page.app_state, session)
    assert not out.exists()


def test_stop_keeps_what_is_painted(page: Page, session: Session, film: Write) -> None:
    asked = _asked(film(pictures=30))
    page.clip.start_film(session=session, **asked)
    shown = page.clip.show_film(session=session)
    next(shown)
    assert page.clip.stop_film(session=session)[page.clip.paint].visible
    *_, last = shown
    assert "Stopped" in last[page.clip.status]
    assert 1 <= open_clip(last[page.clip.painted].value["path"]).pictures < 30


@pytest.fixture
def own_style(session: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """A visitor's style, at a path of its own: the page keeps encoded styles."""
    monkeypatch.setattr(fine_tuning, "STEPS", 3)
    session.styles = [Style("mine", Path(shutil.copy(sample("coffee"), tmp_path)), "mine")]
    return {"chosen": ["mine"]}


def test_a_visitors_own_style_is_learned_once(
    page: Page, session: Session, film: Write, own_style: dict[str, Any]
) -> None:
    asked = _asked(film(), **own_style)
    for learned in (3, 0):
        page.clip.start_film(session=session, **asked)
        shown = [outputs[page.clip.status] for outputs in page.clip.show_film(session=session)]
        assert sum("Learning the style" in status for status in shown) == learned
        assert "picture 6 of 6" in shown[-1]


def test_stop_ends_learning(page: Page, session: Session, film: Write, own_style: dict[str, Any]) -> None:
    page.clip.start_film(session=session, **_asked(film(), **own_style))
    shown = page.clip.show_film(session=session)
    assert "Learning the style" in next(shown)[page.clip.status]
    page.clip.stop_film(session=session)
    with pytest.raises(gr.Error, match="stopped before there was anything to see"):
        list(shown)
    assert session.clip is None


def test_a_film_that_cannot_be_painted_is_reported_first(
    page: Page, session: Session, film: Write, uploads: Path, notices: list[str]
) -> None:
    (uploads / "none.mp4").write_bytes(b"nothing" * 100)
    Image.new("RGB", (64, 64)).save(uploads / "photo.png")
    short = film()
    narrow = write_video(uploads / "narrow.mp4", [np.zeros((16, 2000, 3), np.uint8)] * 3, codec="libx264")
    cases = (
        (_asked(None), "Add a film first"),
        (_asked(film("long.mp4", 110)), "The film takes 11 s, and 10 s are allowed here"),
        (_asked(sent(uploads / "none.mp4")), "The film can't be read"),
        (_asked(sent(uploads / "photo.png")), "The film "),
        (_asked(sent("/etc/passwd")), "did not arrive"),
        (_asked(sent(narrow)), "A picture of 2000x16 is too narrow at 512 pixels; crop it"),
        (_asked(short, chosen=[]), "Choose a style first"),
        (_asked(short, strength="much"), "“Strength” is 'much'"),
    )
    for asked, message in cases:
        with pytest.raises(gr.Error, match=message):
            page.clip.start_film(session=session, **asked)
        assert session.clip is None
    cleared = page.clip.check_film(film=sent(uploads / "none.mp4"))
    assert cleared == {page.clip.film: None}
    assert len(notices) == 1
    assert page.clip.check_film(film=short) == gr.skip()


def test_an_owner_can_switch_films_off(
    page: Page, session: Session, film: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(page.app_state, "config", Config(clip_seconds=0))
    with pytest.raises(gr.Error, match="switched films off"):
        page.clip.start_film(session=session, **_asked(film()))


def test_a_film_of_more_pictures_than_allowed_ends(
    page: Page, film: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(page.app_state, "config", Config(clip_seconds=0.05))
    paint = OnePass(page.app_state.styles[0].path, size=64, device="cpu")
    task = ClipTask(clip=open_clip(film()["path"]), paint=paint)
    assert list(paint_clip_task(page.app_state, task, tmp_path / "out.mp4"))[-1] == 3


def test_the_time_limit_includes_decoding(
    page: Page, film: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first packets of H.264 bring no frame yet."""
    monkeypatch.setattr(page.app_state, "config", Config(max_seconds=0.0))
    paint = OnePass(page.app_state.styles[0].path, size=64, device="cpu")
    task = ClipTask(clip=open_clip(film()["path"]), paint=paint)
    with pytest.raises(NothingPainted):
        list(paint_clip_task(page.app_state, task, tmp_path / "out.mp4"))
    assert not list(tmp_path.glob("*.mp4"))


def test_a_damaged_film_is_painted_and_reported(
    page: Page, session: Session, uploads: Path, notices: list[str]
) -> None:
    damaged = damage(write_video(uploads / "damaged.mov", codec="png", format="rgb24"))
    page.clip.start_film(session=session, **_asked(sent(damaged)))
    *_, last = page.clip.show_film(session=session)
    assert "picture 8 of 10" in last[page.clip.status]
    assert notices == ["2 damaged parts of the film are left out."]


def test_programs_have_a_film_painted(page: Page, film: Write) -> None:
    *_, file = page.api.paint_clip(film=film(), style="gold_spirals", size=64, strength=0.3)
    assert open_clip(file).size == (64, 42)
    with pytest.raises(gr.Error, match="Size is 5000; it takes a whole number from 64 to 1024"):
        list(page.api.paint_clip(film=film(), size=5000))


def test_programs_have_a_draft(page: Page, photo_sent: dict[str, Any]) -> None:
    file = page.api.preview(photo=photo_sent, size=64)
    assert max(Image.open(file).size) == 64
    for wrong, message in (
        ({"style": "nobody"}, "There is no style 'nobody'"),
        ({"style": "a,b,c,d,e"}, "5 styles are too many"),
        ({"size": "large"}, "Size is 'large'"),
        ({"size": True}, "Size is True"),
        ({"strength": 7}, "Strength is 7"),
    ):
        with pytest.raises(gr.Error, match=message):
            page.api.preview(photo=photo_sent, **wrong)
    with pytest.raises(gr.Error, match="upload a picture first"):
        page.api.preview(photo=None)


def test_what_programs_had_makes_room(page: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nst.service.store.MAX_RESULTS", 2)
    folders = [page.app_state.store.result_folder() for _ in range(4)]
    assert [folder.exists() for folder in folders] == [False, False, True, True]


def test_an_error_of_the_program_is_no_advice(
    page: Page, session: Session, film: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only an InputError becomes a message for the visitor; any other one is logged, and its text stays here."""
    page.clip.start_film(session=session, **_asked(film()))
    monkeypatch.setattr(OnePass, "__call__", lambda *_: np.zeros(3) + np.zeros(4))
    with pytest.raises(ValueError, match="broadcast") as error:
        list(page.clip.show_film(session=session))
    assert not isinstance(error.value, gr.Error | InputError)
    assert session.clip is None
