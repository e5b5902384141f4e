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
from mcp.types import CallToolResult, ImageContent
from PIL import Image
from playwright.sync_api import Page as Tab

from nst.cli.main import main
from nst.gallery import load_styles, sample
from nst.page.api import HELP, PARAMETERS
from nst.sharing import from_text
from tests.driving import finished, open_link, paint
from tests.serving import ROOT, Served, awaited

LION = sample("lion")


@pytest.fixture(scope="module")
def client(server: Served, tmp_path_factory: pytest.TempPathFactory) -> Client:
    return Client(server.url, download_files=str(tmp_path_factory.mktemp("client")), verbose=False)


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
        ({"photo": "https://example.org/photo.jpg"}, "A file is not sent as"),
        ({"photo": [handle_file(LION)]}, "A file is not sent as"),
        ({"mask": "mask.png"}, "A file is not sent as"),
        ({"style": 7}, "Style is 7; write names with commas between, or a list of names"),
        ({"style": ["gold_spirals", None]}, "Style is .'gold_spirals', None.; write names"),
        ({"style": {"name": "gold_spirals"}}, "Style is {'name': 'gold_spirals'}; write names"),
        ({"more": ["steps=2"]}, "More is .'steps=2'.; write settings as in coherence=0"),
        ({"more": {"steps": "many"}}, "Steps is 'many'"),
        ({"recipe": ["gatys"]}, "Recipe is .'gatys'.; choose one of atelier"),
        ({"recipe": {}}, "Recipe is {}; choose one of atelier"),
        ({"recipe": False}, "Recipe is False; choose one of atelier"),
        ({"more": 0}, "More is 0; write settings as in coherence=0&init=noise, or as an object"),
        ({"more": {"<b>&": 1}}, "There is no setting '<b>&'"),
        ({"effort": True}, "Effort is True; choose one of one-pass"),
        ({"seed": [1]}, "Seed is .1.; it takes a whole number"),
    ],
)
def test_bad_input_gets_a_message(client: Client, wrong: dict[str, Any], complaint: str) -> None:
    asked = {"photo": handle_file(LION), "size": 64} | wrong
    with pytest.raises(Exception, match=complaint):
        client.predict(**asked, api_name="/paint")


@pytest.mark.parametrize("size", [True, "large", 63, "1025", 100.5, [256], {}])
def test_the_message_for_a_wrong_size_of_a_preview_has_its_limits(client: Client, size: Any) -> None:
    with pytest.raises(Exception, match="Size is .*; it takes a whole number from 64 to 1024"):
        client.predict(handle_file(LION), size=size, api_name="/preview")


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


def _tools(server: Served, *calls: tuple[str, dict[str, Any]]) -> tuple[dict[str, Any], list[CallToolResult]]:
    """The tools by name, as an assistant knows them, and what its calls of them give."""

    async def ask() -> tuple[dict[str, Any], list[CallToolResult]]:
        async with (
            streamablehttp_client(f"{server.url}/gradio_api/mcp/") as (read, write, _),
            ClientSession(read, write) as session,
        ):
            await session.initialize()
            tools = {tool.name: tool for tool in (await session.list_tools()).tools}
            return tools, [await session.call_tool(name, arguments) for name, arguments in calls]

    return awaited(ask())


def _picture(answer: CallToolResult) -> Image.Image:
    assert not answer.isError, answer.content
    data = next(part.data for part in answer.content if isinstance(part, ImageContent))
    return Image.open(io.BytesIO(base64.b64decode(data)))


def _data_url(file: Path, kind: str = "image/jpeg") -> str:
    return f"data:{kind};base64,{base64.b64encode(file.read_bytes()).decode()}"


def test_an_assistant_can_paint(server: Served) -> None:
    tools, [answer] = _tools(server, ("paint", {"photo": _data_url(LION), "size": 64, "more": "steps=2"}))
    assert set(tools) == {"paint", "preview", "paint_clip", "list_styles"}
    assert _picture(answer).size == (64, 64)
    parameters = tools["paint"].inputSchema["properties"]
    assert set(parameters) == set(HELP)
    assert "0 keeps the photo" in parameters["strength"]["description"]


def test_assistants_are_asked_for_files_as_they_are_taken(server: Served) -> None:
    tools, _ = _tools(server)
    files = [
        tools[tool].inputSchema["properties"][name]
        for tool, name in [("paint", "photo"), ("paint", "mask"), ("paint", "start"), ("preview", "photo")]
    ]
    files.append(tools["paint_clip"].inputSchema["properties"]["film"])
    assert all("data:image/jpeg;base64," in file["description"] for file in files)
    assert "http" not in str([(tool.description, tool.inputSchema) for tool in tools.values()])


STYLES, NULL = ["gold_spirals", "stained_glass"], dict.fromkeys(("style", "size", "strength"))


@pytest.mark.parametrize(
    ("tool", "requests"),
    [
        (
            "preview",
            [
                {"style": ",".join(STYLES), "size": 96, "strength": 0.25},
                {"style": STYLES, "size": "96", "strength": "0.25"},
                {"style": STYLES, "size": 96.0, "strength": 0.25},
            ],
        ),
        ("preview", [{}, NULL, {"style": [], "size": "", "strength": ""}]),
        (
            "paint",
            [
                {"size": 64, "more": "steps=2&coherence=0", "seed": 3},
                dict.fromkeys(HELP) | {"size": "64", "more": {"steps": 2, "coherence": "0"}, "seed": "3"},
            ],
        ),
    ],
)
def test_programs_may_send_lists_texts_and_null(
    tool: str, requests: list[dict[str, Any]], server: Served, client: Client
) -> None:
    calls = [(tool, request | {"photo": _data_url(LION)}) for request in requests]
    by_assistant = [_picture(answer) for answer in _tools(server, *calls)[1]]
    files = [client.predict(**request | {"photo": handle_file(LION)}, api_name=f"/{tool}") for request in requests]
    for pictures in (by_assistant, [*map(Image.open, files)]):
        assert len({picture.convert("RGB").tobytes() for picture in pictures}) == 1


@pytest.mark.parametrize("file", ["https://x.org/a.jpg", "/9j/4AAQSkZJRgABAQ", ""])
def test_an_assistant_that_sends_no_file_hears_how_to(file: str, server: Served) -> None:
    data = _data_url(LION)
    calls = [("paint", {"photo": file}), ("preview", {"photo": data, "size": 64}), ("paint_clip", {"film": file})]
    _, [photo, fine, film] = _tools(server, *calls)
    _, [mask] = _tools(server, ("paint", {"photo": data, "mask": file}))
    assert not fine.isError
    for name, answer in {"Photo": photo, "Film": film, "Mask": mask}.items():
        assert answer.isError
        assert answer.content[0].text.startswith(
            f"{name} is no file but an address or a name; send the file as a data:"
        )


@pytest.mark.parametrize(
    ("data", "complaint"),
    [
        ("data:image/jpeg;base64,abc", "A data: URL is damaged; send the file once more"),
        ("data:image/jpeg;base64,", "The photo is not in a format that can be read"),
        ("data:text/plain;base64,aGVsbG8=", "The photo is not in a format that can be read"),
    ],
)
def test_a_damaged_data_url_gets_a_message(data: str, complaint: str, server: Served) -> None:
    _, [answer] = _tools(server, ("preview", {"photo": data}))
    assert answer.isError and answer.content[0].text.startswith(complaint)


def test_an_assistant_can_have_a_film_painted(server: Served, tmp_path: Path) -> None:
    frames = [Image.new("RGB", (96, 64), (shade, 90, 40)) for shade in (0, 99, 199)]
    frames[0].save(tmp_path / "film.gif", save_all=True, append_images=frames[1:], duration=100)
    film = _data_url(tmp_path / "film.gif", "image/gif")
    _, [answer] = _tools(server, ("paint_clip", {"film": film, "size": "64", "style": ["gold_spirals"]}))
    assert not answer.isError and "painted.mp4" in str(answer.content)


REQUESTS = [
    {"style": "ink_mountains"},  # its own strength is not the default
    {  # both settings are the global defaults, not the recipe's
        "style": "gold_spirals",
        "recipe": "painting-with-gans",
        "smoothness": 0.3,
        "strength": 0.5,
    },
]


@pytest.mark.parametrize("values", REQUESTS, ids=["a style alone", "defaults that are given"])
def test_the_same_request_gives_the_same_picture_everywhere(
    values: dict[str, Any], server: Served, client: Client, blank: Tab, tmp_path: Path
) -> None:
    small = {"size": 64, "steps": 3}
    over_api = client.predict(photo=handle_file(LION), **values, size=64, more="steps=3", api_name="/paint")
    _, [answer] = _tools(server, ("paint", {"photo": _data_url(LION), **values, "size": 64, "more": "steps=3"}))
    named = {k: value for k, value in (values | small).items() if k != "style"}
    flags = [part for k, value in named.items() for part in (f"--{k}", str(value))]
    out = tmp_path / "out.png"
    assert main([str(LION), values["style"], "-o", str(out), *flags]) == 0
    open_link(blank, server.url, urlencode({"photo": "lion"} | values | small))
    paint(blank)
    files = [Image.open(over_api), _picture(answer), Image.open(out), finished(blank)]
    assert len({picture.convert("RGB").tobytes() for picture in files}) == 1
    assert len({_settings(picture) for picture in (files[0], *files[2:])}) == 1


def _settings(picture: Image.Image) -> Any:
    remembered = from_text(picture)
    assert remembered
    return remembered[0].link
