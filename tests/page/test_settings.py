"""Recipes, presets and the mask editor."""

from pathlib import Path
from typing import Any

import gradio as gr
import pytest
from PIL import Image

from nst.page.app import Page
from nst.service.session import Session
from tests.conftest import sent

from .conftest import controls, named


def test_another_photo_removes_the_mask(page: Page) -> None:
    outputs = page.settings.close_mask_editor()
    assert outputs[page.settings.mask] is None
    assert not outputs[page.settings.mask_fold].open


def test_a_recipe_shows_its_settings_and_source(page: Page, session: Session) -> None:
    kept = ["ink_mountains"]
    outputs = page.settings.choose_recipe(session=session, recipe="gatys", chosen=kept)
    assert named(page, outputs) == controls("gatys")
    assert "A Neural Algorithm of Artistic Style" in outputs[page.settings.about]
    back = page.settings.choose_recipe(session=session, recipe="atelier", chosen=kept)
    assert named(page, back)["strength"] == 0.4


def test_a_preset_sets_three_controls(page: Page) -> None:
    outputs = page.settings.choose_preset(preset="wild")
    assert named(page, outputs) == {"strength": 0.9, "detail": 0.0, "style_scale": 1.5}


def test_the_mask_editor_opens_with_a_small_photo(page: Page, uploads: Path, photo_sent: dict[str, Any]) -> None:
    Image.new("RGB", (2000, 1000)).save(uploads / "large.png")
    outputs = page.settings.open_mask_editor(photo=sent(uploads / "large.png"))
    assert outputs[page.settings.mask].visible
    background = outputs[page.settings.mask].value["background"]["path"]
    assert Image.open(background).size == (768, 384)
    with pytest.raises(gr.Error, match="Add a photo first"):
        page.settings.open_mask_editor(photo=None)
