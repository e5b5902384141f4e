"""The first event of a page: what its link asks for."""

from typing import Any

from nst.page.app import Page

from .conftest import named


class Asked:
    """What a browser asks for when it opens the page, and the notices that it gets."""

    session_hash = "a browser"

    def __init__(self, **query: str) -> None:
        self.query_params = query


def test_a_link_sets_all_controls_and_reports_what_is_wrong(page: Page, notices: list[str]) -> None:
    asked: Any = Asked(photo="lion", style="nobody,gold_spirals", strength="9", size="128", v="1")
    outputs = page.welcome.load_page(asked)
    assert outputs[page.session].loaded
    assert outputs[page.photo.image].endswith("lion.jpg")
    assert outputs[page.style.chosen].value == ["gold_spirals"]
    assert named(page, outputs)["size"] == 128
    assert named(page, outputs)["strength"] == 0.5
    assert [notice.split(";")[0] for notice in notices] == ["“Strength” is '9'", "Style 'nobody' is not here."]


def test_a_style_in_a_handwritten_link_has_its_own_settings(page: Page) -> None:
    by_hand: Any = Asked(style="ink_mountains")
    ours: Any = Asked(style="ink_mountains", v="1")
    assert named(page, page.welcome.load_page(by_hand))["strength"] == 0.4
    assert named(page, page.welcome.load_page(ours))["strength"] == 0.5


def test_an_empty_link_keeps_the_photo(page: Page) -> None:
    nothing: Any = Asked()
    assert page.photo.image not in page.welcome.load_page(nothing)
