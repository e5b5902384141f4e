"""The page in other languages."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image
from playwright.sync_api import Browser, expect

import nst
from nst.page.app import Page, build
from nst.page.ui.html import VERBATIM
from nst.page.ui.translations import languages, load_words, preferred_language
from tests.serving import Served, served

NAMES = {"Atelier", "Gatys et al.", "Deep art gallery", "Painting with GANs", "From scratch"}
NAMES |= {"Texture", "Reconstruct", "STROTSS", "NNST", "CNNMRF", "strotss", "nnst", "cnnmrf", "gram"}
NAMES |= {"lbfgs", "adam", "rmsprop", "gatys", "nst"}
"""The same everywhere."""

GRADIO = {"number input for {}", "range slider for {}", "Reset to default value", "Fullscreen"}
GRADIO |= {"Remove Image", "Capture from camera", "Paste from clipboard", "Upload file", "Close"}
GRADIO |= {"File upload", "Click to upload or drop files", "More tabs", "Use via API or MCP"}
GRADIO |= {"Error", "Warning", "Info"}
"""What Gradio itself says, in English alone."""


def test_every_language_says_everything() -> None:
    assert languages() == ["de", "es", "fr", "ja", "pt", "zh"]
    keys = list(load_words("de"))
    for language in languages():
        words = load_words(language)
        assert sorted(words) == sorted(keys)
        for english, other in words.items():
            assert other.strip()
            assert other.count("{}") == english.count("{}"), other
            assert english.startswith((",", " ")) or other == other.strip()


def _plain(text: str) -> str:
    """As sentences are compared: without what fills them in, quotation marks, their case and their end."""
    return re.sub(r"[\s“”]+", " ", text).strip().rstrip(".").casefold()


def _said() -> Iterator[str]:
    """All texts of the program, in pieces between what is filled in."""
    root = Path(nst.__file__).parent
    for file in root.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield node.value
    for file in (
        *root.rglob("*.js"),
        *root.rglob("*.html"),
        *(root.parent / "examples").glob("*.toml"),
        *root.glob("data/*.toml"),
    ):
        yield file.read_text("utf-8")


def test_nothing_is_translated_that_is_not_said() -> None:
    said = "\n".join(map(_plain, _said()))
    for english in set(load_words("de")) - GRADIO:
        for part in english.split("{}"):
            assert _plain(part) in said, english


def _shown(page: Page) -> Iterator[str]:
    """What the page's components say at first."""
    hidden = {id(page.photo.offer_text), id(page.painting.reattach)}
    for block in build(page.app_state)[0].blocks.values():
        if id(block) in hidden or getattr(block, "visible", True) is False:
            continue
        config: Any = block.get_config()
        texts = [config.get(name) for name in ("label", "info", "placeholder")]
        if block.get_block_name() in {"button", "html", "downloadbutton", "uploadbutton"}:
            texts.append(config.get("value"))
        texts += [name for name, _ in config.get("choices") or []]
        for text in texts:
            yield from re.split(r"<[^>]*>|\n", text if isinstance(text, str) else "")


def test_everything_that_is_shown_is_translated(page: Page) -> None:
    words = load_words("de")
    patterns = [re.compile("(.+?)".join(map(re.escape, english.split("{}")))) for english in words if "{}" in english]
    program = {"1st", "film", "mask", "more", "photo", "recipe", "start", "style", "Run"}
    for text in filter(None, (text.strip() for text in _shown(page))):
        known = text in words or text in NAMES | program
        assert known or any(pattern.fullmatch(text) for pattern in patterns), text


@pytest.mark.parametrize(
    ("accepted", "language"),
    [
        ("de-DE,de;q=0.9,en;q=0.8", "de"),
        ("en-GB,en;q=0.9,fr;q=0.8", "en"),
        ("nl,fr;q=0.5,ja;q=0.7", "ja"),
        ("zh-Hans-CN", "zh"),
        ("pt-BR;q=0.9, es;q=0", "pt"),
        ("xx", "en"),
        ("", "en"),
        ("de;q=x, ,;;;q=, \0,../etc", "en"),
    ],
)
def test_the_language_is_the_first_that_is_there(accepted: str, language: str) -> None:
    assert preferred_language(accepted) == language


def test_a_page_in_japanese(server: Served, browser: Browser) -> None:
    context = browser.new_context(locale="ja-JP")
    tab = context.new_page()
    tab.goto(f"{server.url}/?photo=lion&style=woodblock_wave&size=64&steps=3")
    words = load_words("ja")
    filled = words["Ready when you are: this takes about {}"].partition("{}")
    expect(tab.locator("#status")).to_contain_text(filled[0] or filled[2])
    expect(tab.locator("#paint")).to_contain_text(words["Paint, about {}"].partition("{}")[0])
    tab.locator("#paint").click()
    expect(tab.locator("#status")).to_contain_text(words["Done in {}"].partition("{}")[2])
    shown = tab.locator("body").inner_text()
    english = [key for key in words if len(key) > 12 and "{}" not in key and key in shown]
    assert english == []
    assert tab.evaluate("document.documentElement.lang") == "ja"
    context.close()


def test_english_needs_no_script(server: Served) -> None:
    for language, empty in (("en-US", True), ("ja-JP", False)):
        answer = httpx.get(f"{server.url}/words.js", headers={"accept-language": language})
        assert (answer.content == b"") is empty


@pytest.fixture
def with_owner_style(tmp_path: Path) -> Iterator[Served]:
    """A page whose owner has a style titled "fine", which is also a word of the page."""
    for folder in ("gallery", "app"):
        (tmp_path / folder).mkdir()
    Image.effect_noise((200, 200), 90).convert("RGB").save(tmp_path / "gallery" / "fine.png")
    with served(tmp_path / "app", NST_GALLERY=str(tmp_path / "gallery")) as app:
        yield app


def test_names_of_visitors_and_owners_are_not_translated(
    with_owner_style: Served, browser: Browser, tmp_path: Path
) -> None:
    for name in ("photo.jpg", "Lion.png", "fine.webp"):
        Image.effect_noise((200, 200), 90).convert("RGB").save(tmp_path / name)
    context = browser.new_context(locale="de-DE")
    tab, words = context.new_page(), load_words("de")
    assert {"photo", "fine", "Lion"} <= set(words)
    tab.goto(f"{with_owner_style.url}/?photo=lion")
    expect(tab.locator("#photo img")).to_be_visible()
    captions = tab.locator("#styles .caption-label")
    expect(captions.get_by_text(words["Swirling Night"])).to_be_visible()
    expect(captions).to_have_count(18)
    for number, name in enumerate(("photo.jpg", "Lion.png", "fine.webp"), 19):
        with tab.expect_file_chooser() as chooser:
            tab.get_by_role("button", name=words["Add your own style"]).click()
        chooser.value.set_files(tmp_path / name)
        expect(captions).to_have_count(number)
    texts = [text.replace(VERBATIM, "") for text in captions.all_inner_texts()]
    assert texts[:3] == ["fine 2", "Lion", "photo"]
    assert texts[-1] == "fine"
    expect(tab.locator("#card strong")).to_have_text(f"{VERBATIM}fine 2")
    tab.get_by_label(words["Blend several styles"]).check()
    tab.locator("#styles button").nth(1).click()
    chosen = tab.locator("#chosen")
    for name in ("fine 2", "Lion"):
        expect(chosen.get_by_text(VERBATIM + name)).to_be_visible()
    tab.locator("#styles button").nth(20).click()
    expect(chosen.get_by_text(f"{VERBATIM}fine", exact=True)).to_be_visible()
    labels = [button.get_attribute("aria-label") for button in tab.locator("#styles button").all()]
    assert [str(label).replace(VERBATIM, "") for label in labels[:3]] == ["fine 2", "Lion", "photo"]
    context.close()
