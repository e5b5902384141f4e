from pathlib import Path

import gradio as gr
import httpx
import pytest
from starlette.datastructures import Headers

from nst.page import calm as calming
from nst.page.card import PATH, TITLE, public_address
from nst.page.context import Page
from nst.page.serve import build

from .serving import Served


def test_gradio_still_has_what_we_reach_into() -> None:
    blocks = gr.Blocks()
    queue = blocks._queue
    assert 0 < queue.sleep_when_free < calming.PAUSE
    assert 0 < queue.progress_update_sleep_when_free <= calming.PROGRESS_PAUSE
    calming.calm(blocks)
    assert blocks._queue.sleep_when_free == calming.PAUSE


def test_gradio_forgets_files_that_are_gone(tmp_path: Path) -> None:
    (tmp_path / "here.png").write_bytes(b"x")
    blocks = gr.Blocks()
    names = {str(tmp_path / "here.png"), str(tmp_path / "gone.png")}
    blocks.temp_file_sets.append(names)
    calming.forget_what_is_gone(blocks)
    assert names == {str(tmp_path / "here.png")}
    with blocks:
        shown = gr.Image()
    assert shown.temp_files in blocks.temp_file_sets


def test_every_private_event_is_private_and_judges_what_it_is_sent(page: Page) -> None:
    blocks, _ = build(page.machine)
    named = {fn.api_name for fn in blocks.fns.values() if fn.api_visibility == "public"}
    assert named == {"paint", "list_styles"}
    # What Gradio's own components would open, they would open before anybody has looked at it.
    opening = [fn for fn in blocks.fns.values() if fn.fn and fn.inputs and fn.preprocess]
    assert [fn.name for fn in opening if "load_example" not in str(fn.fn)] == []


def test_a_link_has_our_card_first(server: Served) -> None:
    outside = {
        "x-forwarded-host": "nst.example, inner:7860",
        "x-forwarded-proto": "https,http",
        "x-forwarded-prefix": "/art/",
    }
    told = httpx.get(server.url, headers=outside).text
    first = told.index("og:title")
    assert TITLE in told[first : first + 100]
    assert f'og:image" content="https://nst.example/art{PATH}"' in told
    picture = httpx.get(server.url + PATH)
    assert picture.headers["content-type"] == "image/jpeg"
    assert httpx.head(server.url).status_code == 200


@pytest.mark.parametrize(
    ("headers", "root", "expected"),
    [
        ({"host": "a:1"}, "", "http://a:1"),
        ({"host": "a:1"}, "/sub", "http://a:1/sub"),
        ({"host": "a:1", "x-forwarded-proto": "https"}, "", "https://a:1"),
    ],
)
def test_where_the_page_is(headers: dict[str, str], root: str, expected: str) -> None:
    scope = {
        "type": "http",
        "scheme": "http",
        "root_path": root,
        "headers": Headers(headers).raw,
    }
    assert public_address(scope) == expected
