"""The page for programs: over HTTP, as docs/api.md shows it, and as tools for assistants."""

import base64
import io
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from gradio_client import Client, handle_file
from mcp import ClientSession
from mcp.client.streamable_http import streamablehttp_client
from PIL import Image
from playwright.sync_api import Browser, expect

from nst.gallery import load_styles, sample
from nst.page.api import HELP, PARAMETERS
from nst.sharing import from_text
from tests.serving import ROOT, Served, awaited

LION = sample("lion")


@pytest.fixture
def client(server: Served, tmp_path: Path) -> Client:
    return Client(server.url, download_files=str(tmp_path), verbose=False)


def _remembered(file: str) -> Any:
    with Image.open(file) as picture:
        remembered = from_text(picture)
    assert remembered
    return remembered[0]


def test_a_painting_streams(client: Client) -> None:
    asked = {"strength": 0.7, "size": 128, "effort": "quick", "more": "steps=16"}
    pictures = list(client.submit(handle_file(LION), "gold_spirals", **asked, api_name="/paint"))
    assert len(pictures) >= 3
    with Image.open(pictures[-1]) as last:
        assert (last.format, last.size) == ("PNG", (128, 128))
    assert _remembered(pictures[-1]).link.settings.strength == 0.7


def test_every_knob_mask_and_start(client: Client, tmp_path: Path) -> None:
    small = {"size": 64, "more": "steps=2"}
    first = client.predict(handle_file(LION), "gold_spirals", **small, api_name="/paint")
    half = Image.new("L", (256, 256))
    half.paste(255, (0, 0, 128, 256))
    half.save(tmp_path / "mask.png")
    larger = client.predict(
        handle_file(LION),
        "gold_spirals",
        size=128,
        colour="matched",
        style_scale=2,
        detail=0.5,
        start=handle_file(first),
        mask=handle_file(tmp_path / "mask.png"),
        more="steps=2",
        api_name="/paint",
    )
    with Image.open(larger) as on:
        assert on.size == (128, 128)
    provenance = _remembered(larger)
    assert provenance.extra_inputs == ("mask", "start")
    assert (provenance.link.settings.detail, provenance.link.settings.colour) == (0.5, "matched")


@pytest.mark.parametrize(
    ("wrong", "complaint"),
    [
        ({"style": "nobody"}, "There is no style 'nobody'"),
        ({"style": "stained_glas"}, "did you mean 'stained_glass'"),
        ({"style": "a,b,c,d,e"}, "5 styles are too many"),
        ({"more": "x=1"}, "There is no setting 'x'"),
        (
            {"style": "gold_spirals,stained_glass", "more": "style_weights=1,2", "mask": handle_file(LION)},
            "Style_weights is for styles that blend",
        ),
        ({"recipe": "x"}, "Recipe is 'x'; choose one of atelier"),
        ({"strength": 7}, "Strength is 7"),
        ({"size": "large"}, "Size is 'large'"),
        ({"photo": {"path": "/etc/hostname"}}, "did not arrive"),
        ({"photo": None}, "Photo is missing"),
    ],
)
def test_bad_input_gets_a_message(client: Client, wrong: dict[str, Any], complaint: str) -> None:
    asked = {"photo": handle_file(LION), "size": 64} | wrong
    with pytest.raises(Exception, match=complaint):
        client.predict(**asked, api_name="/paint")


def test_parameters_and_their_help_are_those_of_the_settings(client: Client) -> None:
    endpoints = client.view_api(return_format="dict")["named_endpoints"]
    assert set(endpoints) == {"/paint", "/preview", "/paint_clip", "/list_styles"}
    parameters = endpoints["/paint"]["parameters"]
    assert [parameter["parameter_name"] for parameter in parameters] == list(HELP)
    optional = {p["parameter_name"] for p in parameters if p["parameter_has_default"]}
    assert optional == set(HELP) - {"photo"}
    assert all(p["parameter_default"] is None for p in parameters if p["parameter_name"] in PARAMETERS)


def test_the_styles_are_listed(client: Client) -> None:
    styles = client.predict(api_name="/list_styles")
    assert [style["name"] for style in styles] == [one_style.name for one_style in load_styles()]


def test_the_documented_programs_run(server: Served, tmp_path: Path) -> None:
    shutil.copy(LION, tmp_path / "photo.jpg")
    programs = (ROOT / "docs" / "api.md").read_text().partition("## HTTP")[2]
    programs = programs.replace("http://127.0.0.1:7860", server.url)
    programs = programs.replace("strength=0.7", "strength=0.7, size=64")
    programs = programs.replace('"strength": 0.7', '"strength": 0.7, "size": 64')
    in_python = programs.partition("```python\n")[2].partition("```")[0]
    in_shell = "URL=" + programs.partition("```\nURL=")[2].partition("```")[0]
    for command in ([sys.executable, "-c", in_python], ["bash", "-c", in_shell]):
        ran = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
        assert "photo after gold_spirals.png" in ran.stdout.replace("%20", " "), ran.stdout
        assert "error" not in ran.stdout


def _assistant(server: Served, **asked: Any) -> tuple[dict[str, Any], Image.Image]:
    """What an assistant knows of the tools, and the picture that it gets."""

    async def ask() -> tuple[dict[str, Any], Image.Image]:
        async with (
            streamablehttp_client(f"{server.url}/gradio_api/mcp/") as (read, write, _),
            ClientSession(read, write) as session,
        ):
            await session.initialize()
            tools = {tool.name: tool for tool in (await session.list_tools()).tools}
            answer = await session.call_tool("paint", asked)
            picture = next(part for part in answer.content if part.type == "image")
            return tools, Image.open(io.BytesIO(base64.b64decode(picture.data)))

    return awaited(ask())


def _uploaded() -> str:
    return "data:image/jpeg;base64," + base64.b64encode(LION.read_bytes()).decode()


def test_an_assistant_can_paint(server: Served) -> None:
    tools, picture = _assistant(server, photo=_uploaded(), size=64, more="steps=2")
    assert set(tools) == {"paint", "preview", "paint_clip", "list_styles"}
    assert picture.size == (64, 64)
    parameters = tools["paint"].inputSchema["properties"]
    assert set(parameters) == set(HELP)
    assert "0 keeps the photo" in parameters["strength"]["description"]


REQUESTS = [
    {"style": "ink_mountains"},  # its own strength is not the default
    {  # both settings are the global defaults, not the recipe's
        "style": "gold_spirals",
        "recipe": "painting-with-gans",
        "smoothness": 0.2,
        "strength": 0.5,
    },
]


@pytest.mark.parametrize("values", REQUESTS, ids=["a style alone", "defaults that are given"])
def test_the_same_request_gives_the_same_picture_everywhere(
    values: dict[str, Any], server: Served, client: Client, browser: Browser, tmp_path: Path
) -> None:
    small = {"size": 64, "steps": 3}
    over_api = client.predict(photo=handle_file(LION), **values, size=64, more="steps=3", api_name="/paint")
    _, by_assistant = _assistant(server, photo=_uploaded(), **values, size=64, more="steps=3")
    named = {k: value for k, value in (values | small).items() if k != "style"}
    flags = [part for k, value in named.items() for part in (f"--{k}", str(value))]
    out = tmp_path / "out.png"
    line = [sys.executable, "-m", "nst", str(LION), values["style"], "-o", str(out), *flags]
    subprocess.run(line, check=True, cwd=ROOT, capture_output=True)
    tab = browser.new_page()
    tab.goto(f"{server.url}/?{urlencode({'photo': 'lion'} | values | small)}")
    expect(tab.locator("#status")).to_contain_text("Ready")
    expect(tab.locator("#photo img")).to_be_visible()
    tab.locator("#paint").click()
    expect(tab.locator("#status")).to_contain_text("Done in", timeout=60_000)
    shown = tab.request.get(str(tab.locator("#canvas img").get_attribute("src"))).body()
    tab.close()
    files = [Image.open(over_api), by_assistant, Image.open(out), Image.open(io.BytesIO(shown))]
    assert len({picture.convert("RGB").tobytes() for picture in files}) == 1
    assert len({_settings(picture) for picture in (files[0], *files[2:])}) == 1


def _settings(picture: Image.Image) -> Any:
    remembered = from_text(picture)
    assert remembered
    return remembered[0].link
