"""The visitor's photo."""

from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from nst.images import save_image
from nst.page.app import Page
from nst.page.ui.html import VERBATIM
from nst.recipes import RECIPES
from nst.service.session import Session
from nst.settings import Settings
from nst.sharing import Provenance, ShareLink, to_text
from tests.conftest import sent

from .conftest import controls, named


def test_a_dropped_painting_offers_its_settings(
    page: Page, session: Session, uploads: Path, photo: Image.Image
) -> None:
    link = ShareLink("gatys", RECIPES["gatys"], ("a<b",))
    painted = Provenance(link, ("0" * 16,), (), "VGG-16", 5, 5, 1.0)
    save_image(photo, uploads / "mine.png", to_text(painted))
    outputs = page.photo.check_photo(session=session, photo=sent(uploads / "mine.png"))
    assert f"painted here, after {VERBATIM}a&lt;b" in outputs[page.photo.offer_text]
    taken = page.style.use_dropped_settings(session=session)
    assert taken[page.settings.recipe] == "gatys"
    assert named(page, taken) == controls("gatys")


def test_a_file_that_is_no_photo_is_reported_and_removed(
    page: Page, session: Session, uploads: Path, notices: list[str]
) -> None:
    (uploads / "words.jpg").write_text("no picture")
    session.dropped_link = ShareLink("atelier", Settings())
    outputs = page.photo.check_photo(session=session, photo=sent(uploads / "words.jpg"))
    assert outputs[page.photo.image] is None
    assert session.dropped_link is None
    assert "save it as JPEG or PNG" in notices[0]


@pytest.mark.parametrize("name", ["a.tiff", "b.ppm"])
def test_a_format_that_browsers_cannot_show_becomes_png(
    page: Page, session: Session, uploads: Path, photo: Image.Image, name: str
) -> None:
    photo.save(uploads / name)
    outputs = page.photo.check_photo(session=session, photo=sent(uploads / name))
    shown = Path(outputs[page.photo.image])
    assert (shown.suffix, shown.stem) == (".png", Path(name).stem)
    assert page.app_state.uploads.file(sent(shown)) == shown
    assert Image.open(shown).tobytes() == photo.tobytes()
    asked: Any = {"chosen": [], "several": False, "recipe": "atelier"}
    page.style.add_styles(session=session, uploads=sent(uploads / name), **asked)
    assert session.styles[0].path.suffix == ".png"


def test_a_format_that_browsers_show_stays(page: Page, session: Session, photo_sent: dict[str, Any]) -> None:
    assert page.photo.image not in page.photo.check_photo(session=session, photo=photo_sent)
