"""Choosing, adding and blending styles."""

import base64
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np
import pytest
from PIL import Image

from nst.gallery import Style, sample
from nst.one_pass import OnePass
from nst.optimise import fine_tuning
from nst.page.app import Page
from nst.service.previews import PREVIEW_SIZE
from nst.service.session import Session
from nst.sharing import ShareLink
from tests.conftest import sent

from .conftest import controls, named, paint_task


def _click(page: Page, session: Session, number: int, **sent_with: Any) -> dict[Any, Any]:
    event = gr.SelectData(None, {"index": number, "value": None})
    asked = {"chosen": [], "several": False, "recipe": "atelier"} | sent_with
    return page.style.choose_style(event, session=session, **asked)


def _upload(page: Page, session: Session, uploads: Any, **sent_with: Any) -> dict[Any, Any]:
    asked = {"chosen": [], "several": False, "recipe": "atelier"} | sent_with
    return page.style.add_styles(session=session, uploads=uploads, **asked)


def _style_index(page: Page, name: str) -> int:
    return [one_style.name for one_style in page.app_state.styles].index(name)


def test_a_click_chooses_a_style_with_its_own_settings(page: Page, session: Session) -> None:
    outputs = _click(page, session, _style_index(page, "ink_mountains"))
    assert outputs[page.style.chosen] == ["ink_mountains"]
    assert "Ink Mountains" in outputs[page.style.card]
    assert named(page, outputs) == {"strength": 0.4, "style_scale": 1.0, "detail": 0.0, "coherence": 0.7}
    assert outputs[page.settings.preset] is None
    plain = _click(page, session, _style_index(page, "gold_spirals"))
    assert plain[page.settings.preset] == "balanced"


def test_the_first_style_is_chosen_if_none_is(page: Page, session: Session) -> None:
    def chosen(photo: Any, chosen: list[str], recipe: str = "atelier") -> Any:
        asked = {"session": session, "photo": photo, "chosen": chosen, "recipe": recipe} | controls()
        return page.style.choose_first(**asked).get(page.style.chosen)

    assert chosen({"path": "a photo"}, []) == [page.app_state.styles[0].name]
    assert chosen({"path": "a photo"}, ["gold_spirals"]) is None
    assert chosen(None, []) is None
    assert chosen({"path": "a photo"}, [], "reconstruct") is None
    assert chosen({"path": "a photo"}, [], "no recipe") is None


@pytest.mark.parametrize("choice", ["a click", "a name", "a link"])
def test_a_choice_is_not_replaced_by_the_first_style_that_comes_late(
    page: Page, session: Session, choice: str
) -> None:
    first, second, *_ = page.app_state.styles
    if choice == "a click":
        _click(page, session, 1)
    elif choice == "a name":
        page.style.choose_from_list(session=session, chosen=[second.name], recipe="atelier")
    else:
        page.style.show_link(session, ShareLink(styles=(second.name,)))
    asked = {"session": session, "photo": {"path": "a photo"}, "chosen": [], "recipe": "atelier"} | controls()
    assert page.style.chosen not in page.style.choose_first(**asked)
    page.style.choose_from_list(session=session, chosen=[], recipe="atelier")
    assert page.style.choose_first(**asked)[page.style.chosen] == [first.name]


def test_the_first_style_sets_its_settings_and_keeps_those_of_a_link(
    page: Page, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, *others = page.app_state.styles
    own = replace(first, settings={"strength": 0.4, "coherence": 0.6})
    monkeypatch.setattr(page.app_state, "styles", [own, *others])

    def brought(recipe: str = "atelier", **by_link: Any) -> dict[Any, Any]:
        asked = {"session": session, "photo": {"path": "a photo"}, "chosen": [], "recipe": recipe}
        return page.style.choose_first(**asked | controls(recipe) | by_link)

    assert named(page, brought()) == own.settings
    assert brought()[page.settings.preset] is None
    moved = brought(strength=0.9, style_scale=1.5)
    assert named(page, moved) == {"coherence": 0.6}
    assert moved[page.settings.preset] == "wild"
    assert named(page, brought("gatys")) == {"strength": 0.5, "coherence": 0.0}


def test_a_blend_takes_up_to_four_styles(page: Page, session: Session) -> None:
    names = [one_style.name for one_style in page.app_state.styles][:5]
    outputs = _click(page, session, 3, chosen=names[:3], several=True)
    assert outputs[page.style.chosen] == names[:4]
    with pytest.raises(gr.Error, match="Four styles at most"):
        _click(page, session, 4, chosen=names[:4], several=True)
    assert page.style.blend(several=False, chosen=names[:3])[page.style.chosen].value == [names[2]]


def test_the_last_style_of_a_blend_sets_its_own_settings(page: Page, session: Session) -> None:
    def left(*chosen: str) -> dict[Any, Any]:
        return page.style.choose_from_list(session=session, chosen=list(chosen), recipe="atelier")

    outputs = left("gold_spirals", "ink_mountains")
    assert named(page, outputs)["coherence"] == 0.7
    outputs = left("gold_spirals")
    assert "Gilded Tree" in outputs[page.style.card]
    assert named(page, outputs)["coherence"] == controls("atelier")["coherence"]
    assert named(page, left()) == named(page, left("nobody")) == {}


def test_the_end_of_a_blend_clears_the_weights(page: Page) -> None:
    outputs = page.style.blend(several=False, chosen=["a", "b"])
    assert named(page, outputs) == {"style_weights": ""}


def test_own_styles_come_first_and_get_unique_names(
    page: Page, session: Session, uploads: Path, photo: Image.Image
) -> None:
    for name in ("gold_spirals.png", "a, b & c.png"):
        photo.save(uploads / name)
    both = [sent(uploads / "gold_spirals.png"), sent(uploads / "a, b & c.png")]
    outputs = _upload(page, session, both)
    assert [one_style.name for one_style in session.styles] == ["gold_spirals 2", "a, b & c"]
    assert outputs[page.style.chosen].value == ["gold_spirals 2"]
    assert "&amp;" in _click(page, session, 1)[page.style.card]
    assert len(page.app_state.styles_for(session)) == len(page.app_state.styles) + 2


def test_an_own_style_has_the_settings_of_the_recipe(
    page: Page, session: Session, uploads: Path, photo: Image.Image
) -> None:
    photo.save(uploads / "own.png")
    outputs = _upload(page, session, [sent(uploads / "own.png")])
    usual = controls("atelier")
    assert named(page, outputs) == {name: usual[name] for name in page.settings.style_controls()}
    assert outputs[page.settings.preset] == "balanced"


@pytest.mark.parametrize("others", [["a"], ["a", "b", "c"], ["a", "b", "c", "d"]])
def test_an_own_style_joins_a_blend(
    page: Page, session: Session, uploads: Path, photo: Image.Image, others: list[str]
) -> None:
    photo.save(uploads / "own.png")
    outputs = _upload(page, session, [sent(uploads / "own.png")], chosen=others, several=True)
    assert outputs[page.style.chosen].value == [*others[:3], "own"]


def test_own_styles_are_limited_and_checked(page: Page, session: Session, uploads: Path) -> None:
    (uploads / "words.jpg").write_text("no picture")
    with pytest.raises(gr.Error, match="save it as JPEG or PNG"):
        _upload(page, session, [sent(uploads / "words.jpg")])
    with pytest.raises(gr.Error, match="12 styles of your own at most"):
        _upload(page, session, [sent("x")] * 13)
    assert session.styles == []


@pytest.fixture
def own_style(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Style:
    """A visitor's style, at a path of its own: the page keeps encoded styles."""
    monkeypatch.setattr(fine_tuning, "STEPS", 2)
    return Style("mine", Path(shutil.copy(sample("coffee"), tmp_path)), "mine")


def test_a_visitors_style_is_fine_tuned(page: Page, session: Session, own_style: Style) -> None:
    assert page.style.fine_tune(session=session) == gr.skip()
    session.styles = [own_style, Style("older", sample("lion"), "older")]
    sources = page.style.fine_tune(session=session)[page.style.sources]
    assert [source[0] for source in sources[:2]] == ["mine", "older"]
    parameters = np.frombuffer(base64.b64decode(sources[0][3]), np.float32)
    painter = page.app_state.previewer.stylizer(own_style.path, size=PREVIEW_SIZE)
    assert np.array_equal(parameters, painter.cin)
    assert not np.array_equal(parameters, OnePass(own_style.path, size=PREVIEW_SIZE, device="cpu").cin)
    assert not any(source[3] for source in sources[1:])
    assert page.style.fine_tune(session=session) == gr.skip()  # it is done


def test_a_painting_is_not_slowed_down_by_fine_tuning(page: Page, session: Session, own_style: Style) -> None:
    session.styles = [own_style]
    with page.app_state.running(paint_task()):
        assert page.style.fine_tune(session=session) == gr.skip()
    assert not session.fine_tuned
    assert page.style.fine_tune(session=session) != gr.skip()


def test_a_lack_of_memory_leaves_a_style_as_it_is(
    page: Page, session: Session, own_style: Style, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(**_: object) -> None:
        raise MemoryError("no memory")

    monkeypatch.setattr("nst.one_pass.load_backbone", fail)
    session.styles = [own_style]
    assert page.style.fine_tune(session=session) == gr.skip()
    assert "the network is not fine-tuned: no memory" in caplog.text


def test_a_style_that_is_gone_is_not_fine_tuned(page: Page, session: Session, tmp_path: Path) -> None:
    session.styles = [Style("mine", tmp_path / "gone.png", "mine")]
    assert page.style.fine_tune(session=session) == gr.skip()
