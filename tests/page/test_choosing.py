from dataclasses import replace
from pathlib import Path
from typing import Any

import gradio as gr
import pytest
from PIL import Image

from nst.images import save_image
from nst.job import Request
from nst.page import choosing
from nst.page.context import Page
from nst.page.guard.uploads import sent_file
from nst.recipes import RECIPES
from nst.service.session import PaintTask, Session
from nst.settings import Settings
from nst.sharing import Provenance, ShareLink, to_text

from .conftest import controls, named, sent


class Asked:
    """What a browser asks for when it opens the page, and the notices that it gets."""

    session_hash = "a browser"

    def __init__(self, **query: str) -> None:
        self.query_params = query


def _click(page: Page, session: Session, number: int, **sent_with: Any) -> dict[Any, Any]:
    event = gr.SelectData(None, {"index": number, "value": None})
    asked = {"chosen": [], "several": False, "recipe": "atelier"} | sent_with
    return choosing.choose(page, event, session=session, **asked)


def _upload(page: Page, session: Session, uploads: Any, **sent_with: Any) -> dict[Any, Any]:
    asked = {"chosen": [], "several": False, "recipe": "atelier"} | sent_with
    return choosing.add_styles(page, session=session, uploads=uploads, **asked)


def _plate(page: Page, name: str) -> int:
    return [plate.name for plate in page.app_state.styles].index(name)


def test_a_link_sets_everything_and_tells_what_is_wrong(page: Page, notices: list[str]) -> None:
    asked: Any = Asked(photo="lion", style="nobody,gold_spirals", strength="9", size="128", v="1")
    outputs = choosing.welcome(page, asked)
    assert outputs[page.session].welcomed
    assert outputs[page.photo.image].endswith("lion.jpg")
    assert outputs[page.style.chosen].value == ["gold_spirals"]
    assert named(page, outputs)["size"] == 128
    assert named(page, outputs)["strength"] == 0.5
    assert [notice.split(";")[0] for notice in notices] == [
        "Strength is '9'",
        "Style 'nobody' is not here.",
    ]


def test_a_plate_in_a_link_by_hand_has_its_own_settings(page: Page) -> None:
    by_hand: Any = Asked(style="ink_mountains")
    ours: Any = Asked(style="ink_mountains", v="1")
    assert named(page, choosing.welcome(page, by_hand))["strength"] == 0.4
    assert named(page, choosing.welcome(page, ours))["strength"] == 0.5


def test_an_empty_link_leaves_a_photo_that_came_first(page: Page) -> None:
    nothing: Any = Asked()
    assert page.photo.image not in choosing.welcome(page, nothing)


def test_a_click_chooses_a_plate_with_its_best_settings(page: Page, session: Session) -> None:
    outputs = _click(page, session, _plate(page, "ink_mountains"))
    assert outputs[page.style.chosen] == ["ink_mountains"]
    assert "Ink Mountains" in outputs[page.style.card]
    assert named(page, outputs) == {
        "strength": 0.4,
        "style_scale": 1.0,
        "detail": 0.0,
        "coherence": 0.7,
    }
    assert outputs[page.settings.preset] is None
    plain = _click(page, session, _plate(page, "gold_spirals"))
    assert plain[page.settings.preset] == "balanced"


def test_the_first_style_is_shown_where_none_is_chosen(page: Page) -> None:
    def chosen(photo: Any, chosen: list[str], recipe: str = "atelier") -> Any:
        asked = {"photo": photo, "chosen": chosen, "recipe": recipe} | controls()
        return choosing.choose_first(page, **asked).get(page.style.chosen)

    assert chosen({"path": "a photo"}, []) == [page.app_state.styles[0].name]
    assert chosen({"path": "a photo"}, ["gold_spirals"]) is None
    assert chosen(None, []) is None
    assert chosen({"path": "a photo"}, [], "reconstruct") is None
    assert chosen({"path": "a photo"}, [], "no recipe") is None


def test_the_first_style_brings_its_settings_and_a_links_stay(
    page: Page, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, *others = page.app_state.styles
    own = replace(first, settings={"strength": 0.4, "coherence": 0.6})
    monkeypatch.setattr(page.app_state, "styles", [own, *others])

    def brought(recipe: str = "atelier", **by_link: Any) -> dict[Any, Any]:
        asked = {"photo": {"path": "a photo"}, "chosen": [], "recipe": recipe}
        return choosing.choose_first(page, **asked | controls(recipe) | by_link)

    assert named(page, brought()) == own.settings
    assert brought()[page.settings.preset] is None
    moved = brought(strength=0.9, style_scale=1.5)
    assert named(page, moved) == {"coherence": 0.6}
    assert moved[page.settings.preset] == "wild"
    assert named(page, brought("gatys")) == {"strength": 0.5, "coherence": 0.0}


def test_a_mask_goes_with_its_photo(page: Page) -> None:
    outputs = choosing.fold_mask(page)
    assert outputs[page.settings.mask] is None
    assert not outputs[page.settings.mask_fold].open


def test_several_styles_are_added_up_to_four(page: Page, session: Session) -> None:
    names = [plate.name for plate in page.app_state.styles][:5]
    outputs = _click(page, session, 3, chosen=names[:3], several=True)
    assert outputs[page.style.chosen] == names[:4]
    with pytest.raises(gr.Error, match="Four styles at most"):
        _click(page, session, 4, chosen=names[:4], several=True)
    assert choosing.blend(page, several=False, chosen=names[:3])[page.style.chosen].value == [
        names[2]
    ]


def test_what_is_left_of_a_blend_has_its_own_settings(page: Page, session: Session) -> None:
    def left(*chosen: str) -> dict[Any, Any]:
        return choosing.choose_among(page, session=session, chosen=list(chosen), recipe="atelier")

    outputs = left("gold_spirals", "ink_mountains")
    assert named(page, outputs)["coherence"] == 0.7
    outputs = left("gold_spirals")
    assert "Gilded Tree" in outputs[page.style.card]
    assert named(page, outputs)["coherence"] == controls("atelier")["coherence"]
    assert named(page, left()) == named(page, left("nobody")) == {}


def test_blending_no_more_forgets_the_weights(page: Page) -> None:
    outputs = choosing.blend(page, several=False, chosen=["a", "b"])
    assert named(page, outputs) == {"style_weights": ""}


def test_own_styles_come_first_and_names_stay_apart(
    page: Page, session: Session, uploads: Path, photo: Image.Image
) -> None:
    for name in ("gold_spirals.png", "a, b & c.png"):
        photo.save(uploads / name)
    both = [sent(uploads / "gold_spirals.png"), sent(uploads / "a, b & c.png")]
    outputs = _upload(page, session, both)
    assert [plate.name for plate in session.styles] == ["gold_spirals 2", "a, b & c"]
    assert outputs[page.style.chosen].value == ["gold_spirals 2"]
    assert "&amp;" in _click(page, session, 1)[page.style.card]
    assert len(page.styles(session)) == len(page.app_state.styles) + 2


def test_a_style_of_ones_own_is_painted_as_the_recipe_has_it(
    page: Page, session: Session, uploads: Path, photo: Image.Image
) -> None:
    photo.save(uploads / "own.png")
    outputs = _upload(page, session, [sent(uploads / "own.png")])
    usual = controls("atelier")
    assert named(page, outputs) == {name: usual[name] for name in choosing.of_a_plate(page)}
    assert outputs[page.settings.preset] == "balanced"


@pytest.mark.parametrize("others", [["a"], ["a", "b", "c"], ["a", "b", "c", "d"]])
def test_a_style_of_ones_own_comes_to_those_that_are_blended(
    page: Page, session: Session, uploads: Path, photo: Image.Image, others: list[str]
) -> None:
    photo.save(uploads / "own.png")
    outputs = _upload(page, session, [sent(uploads / "own.png")], chosen=others, several=True)
    assert outputs[page.style.chosen].value == [*others[:3], "own"]


def test_own_styles_are_limited_and_judged(page: Page, session: Session, uploads: Path) -> None:
    (uploads / "words.jpg").write_text("no picture")
    with pytest.raises(gr.Error, match="save it as JPEG or PNG"):
        _upload(page, session, [sent(uploads / "words.jpg")])
    with pytest.raises(gr.Error, match="12 styles of your own at most"):
        _upload(page, session, [sent("x")] * 13)
    assert session.styles == []


def test_a_recipe_shows_its_settings_and_source(page: Page, session: Session) -> None:
    kept = ["ink_mountains"]
    outputs = choosing.choose_recipe(page, session=session, recipe="gatys", chosen=kept)
    assert named(page, outputs) == controls("gatys")
    assert "A Neural Algorithm of Artistic Style" in outputs[page.settings.about]
    back = choosing.choose_recipe(page, session=session, recipe="atelier", chosen=kept)
    assert named(page, back)["strength"] == 0.4


def test_a_preset_is_a_few_knobs(page: Page) -> None:
    outputs = choosing.choose_preset(page, preset="wild")
    assert named(page, outputs) == {"strength": 0.9, "detail": 0.0, "style_scale": 1.5}


def _plan(page: Page, session: Session, **changed: Any) -> dict[Any, Any]:
    asked: dict[str, Any] = {"asked_at": 0, "photo": None, "chosen": [], "recipe": "atelier"}
    asked |= controls() | changed
    return choosing.plan(page, session=session, **asked)


def test_the_address_tells_what_is_set(page: Page, session: Session) -> None:
    assert _plan(page, session)[page.address] == ""
    lion = sent(next(photo.path for photo in page.app_state.photos if photo.name == "lion"))
    outputs = _plan(page, session, photo=lion, chosen=["gold_spirals"], strength=0.7)
    assert outputs[page.address] == "photo=lion&style=gold_spirals&strength=0.7&v=1"
    assert "Ready when you are" in outputs[page.canvas.status]


def test_the_status_of_a_run_stays(page: Page, session: Session) -> None:
    session.run = PaintTask(Request("photo"))
    outputs = _plan(page, session, chosen=["gold_spirals"], strength=0.7)
    assert page.canvas.status not in outputs
    assert "strength=0.7" in outputs[page.address]


def test_the_address_waits_for_the_links_own_settings(page: Page) -> None:
    assert page.address not in _plan(page, Session())


def test_an_answer_that_was_overtaken_is_not_given(page: Page, session: Session) -> None:
    latest = _plan(page, session, asked_at=20.5, chosen=["gold_spirals"])
    assert latest[page.asked_at] == 20.5
    assert _plan(page, session, asked_at=20.0) == gr.skip()
    for nonsense in (None, "x", [], {"a": 1}):
        assert _plan(page, session, asked_at=nonsense) == gr.skip()
    assert page.address in _plan(page, session, asked_at=21)


def test_a_bad_setting_is_told_and_the_address_stays(page: Page, session: Session) -> None:
    outputs = _plan(page, session, content_layers="nonsense=1")
    assert "layers are named conv1_1" in outputs[page.canvas.status]
    assert page.address not in outputs


def test_what_is_of_use_only_sometimes(page: Page, session: Session) -> None:
    outputs = _plan(page, session, chosen=["a", "b"], init="noise")
    assert outputs[page.settings.knobs["style_weights"]].visible
    assert outputs[page.after.again].visible


def test_a_painting_dropped_in_offers_its_settings(
    page: Page, session: Session, uploads: Path, photo: Image.Image
) -> None:
    shared = ShareLink("gatys", RECIPES["gatys"], ("a<b",))
    painted = Provenance(shared, ("0" * 16,), (), "VGG-16", 5, 5, 1.0)
    save_image(photo, uploads / "mine.png", to_text(painted))
    outputs = choosing.check_photo(page, session=session, photo=sent(uploads / "mine.png"))
    assert "painted here, after a&lt;b" in outputs[page.photo.offer_text]
    taken = choosing.take_offer(page, session=session)
    assert taken[page.settings.recipe] == "gatys"
    assert named(page, taken) == controls("gatys")


def test_a_photo_that_is_none_is_told_and_taken_away(
    page: Page, session: Session, uploads: Path, notices: list[str]
) -> None:
    (uploads / "words.jpg").write_text("no picture")
    session.offered = ShareLink("atelier", Settings())
    outputs = choosing.check_photo(page, session=session, photo=sent(uploads / "words.jpg"))
    assert outputs[page.photo.image] is None
    assert session.offered is None
    assert "save it as JPEG or PNG" in notices[0]


@pytest.mark.parametrize("name", ["a.tiff", "b.ppm"])
def test_what_browsers_cannot_show_is_shown_as_png(
    page: Page, session: Session, uploads: Path, photo: Image.Image, name: str
) -> None:
    photo.save(uploads / name)
    outputs = choosing.check_photo(page, session=session, photo=sent(uploads / name))
    shown = Path(outputs[page.photo.image])
    assert (shown.suffix, shown.stem) == (".png", Path(name).stem)
    assert sent_file(sent(shown)) == shown
    assert Image.open(shown).tobytes() == photo.tobytes()
    _upload(page, session, [sent(uploads / name)])
    assert session.styles[0].path.suffix == ".png"


def test_what_browsers_can_show_stays_as_it_is(
    page: Page, session: Session, photo_sent: dict[str, Any]
) -> None:
    assert page.photo.image not in choosing.check_photo(page, session=session, photo=photo_sent)


def test_the_mask_is_laid_over_a_small_photo(
    page: Page, uploads: Path, photo_sent: dict[str, Any]
) -> None:
    Image.new("RGB", (2000, 1000)).save(uploads / "large.png")
    outputs = choosing.lay_out_mask(page, photo=sent(uploads / "large.png"))
    assert outputs[page.settings.mask].visible
    background = outputs[page.settings.mask].value["background"]["path"]
    assert Image.open(background).size == (768, 384)
    with pytest.raises(gr.Error, match="Add a photo first"):
        choosing.lay_out_mask(page, photo=None)
