"""What chance makes of pictures, memories, links and bodies: refused in words, each of them.

NST_FUZZ multiplies how much is tried. 1, the default, takes seconds; 50 is the full count: 3000
pictures, 1000 memories, 1000 links and 500 bodies. Each run tries the same.
"""

import io
import json
import os
import subprocess
import sys
from dataclasses import fields
from pathlib import Path
from random import Random
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from starlette.datastructures import QueryParams

from nst.gallery import plates
from nst.page.choosing import parse_link
from nst.recipes import RECIPES
from nst.settings import Settings
from nst.sharing import (
    KEY,
    Painted,
    Shared,
    from_file,
    from_query,
    from_text,
    parts,
    to_query,
    to_text,
)
from tests.page.serving import ROOT

from .conftest import clear
from .mutation import mutated, seeds
from .stranger import Stranger, picture, sent

FUZZ = float(os.environ.get("NST_FUZZ", "1"))
IMAGES, MEMORIES, LINKS, BODIES = (max(1, round(n * FUZZ)) for n in (60, 20, 20, 10))

PIECE = 500
"""Pictures that one process opens."""


def tried(count: int) -> settings:
    """So many examples, always the same ones, and none of them hurried."""
    return settings(
        max_examples=count,
        derandomize=True,
        database=None,
        deadline=None,
        suppress_health_check=[*HealthCheck],
    )


# Pictures.


@pytest.mark.parametrize("first", range(0, IMAGES, PIECE))
def test_broken_pictures(tmp_path: Path, first: int) -> None:
    count = min(PIECE, IMAGES - first)
    done = subprocess.run(
        [sys.executable, "-m", "tests.attacks.fuzz_images", str(first), str(count), str(tmp_path)],
        cwd=ROOT,
        env=os.environ | {"GRADIO_TEMP_DIR": str(tmp_path / "shown")},
        capture_output=True,
        text=True,
        timeout=60 + 2 * count,
    )
    *begun, last = done.stdout.splitlines() or [""]
    assert done.returncode == 0, (last, done.stderr[-3000:])
    told = json.loads(last)
    print(told)
    assert told["wrong"] == []
    assert told["outcomes"]["opened"] > count / 4  # it is no test of refusals alone
    assert len(begun) == count


# Memories.

PAINTED = Painted(
    Shared("gatys", Settings(size=256), ("gold_spirals",)),
    ("0" * 16,),
    ("mask",),
    "VGG-19",
    9,
    9,
    1.5,
)
MEMORY: dict[str, Any] = json.loads(to_text(PAINTED)[KEY])

ODD = [
    *("1e999", "-1e999", "NaN", "Infinity", "-0.0", "1e308", "1e-400", "9" * 400, "9" * 5000),
    *(
        "true",
        "null",
        '""',
        '"\\ud800"',
        '"\\udc00\\ud800"',
        '"\\u0000"',
        '"<b>"',
        '"a%ED%A0%80=%"',
    ),
    *("[" * 50 + "]" * 50, "[" * 9000, "[" * 9000 + "]" * 9000, '{"a":' * 900 + "1" + "}" * 900),
    *("[[]]", '["a", 1]', '[" \\ud800"]', "{}", "-1", "10000000", "9.5", '"' + "x" * 30_000 + '"'),
]
"""JSON, more or less, that isn't what was expected."""

plain = st.none() | st.booleans() | st.integers() | st.floats() | st.text()
anything = st.recursive(
    plain, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=8
)
raw = st.sampled_from(ODD) | anything.map(json.dumps)


@st.composite
def queries(draw: st.DrawFn) -> str:
    """A link's question: what is known and what is not, sound values and others."""
    names = [*(knob.name for knob in fields(Settings)), "recipe", "style", "photo", "v"]
    sound = [
        "0",
        "1",
        "0.5",
        "2,1",
        "relu1_1=0",
        "relu1_1=0.1234567,conv2_1",
        "photo",
        "gold_spirals",
    ]
    odd = ["", "nan", "inf", "-1", "1e999", "9" * 5000, "1_0", "\u0661", "%", "%ff", ",", "=", "\0"]
    value = st.sampled_from([*sound, *odd, *RECIPES]) | st.floats().map(str) | st.text()
    name = st.sampled_from(names) | st.text(max_size=9)
    either = st.sampled_from([lambda said: quote(said, errors="ignore"), str])
    pairs = draw(st.lists(st.tuples(name, value, either)))
    return "&".join(f"{name}={written(said)}" for name, said, written in pairs)


@st.composite
def memories(draw: st.DrawFn) -> str:
    """A memory some of whose parts are others, as text."""
    if draw(st.integers(0, 9)) == 0:
        return draw(raw)
    said = {name: json.dumps(value) for name, value in MEMORY.items()}
    for name in draw(st.lists(st.sampled_from([*said, "more"]), min_size=1, max_size=3)):
        said[name] = draw(queries().map(json.dumps) if name == "link" else raw)
    if draw(st.integers(0, 9)) == 0:
        del said[draw(st.sampled_from(list(said)))]
    text = "{" + ", ".join(f'"{name}": {value}' for name, value in said.items()) + "}"
    if draw(st.integers(0, 4)) == 0:
        place = draw(st.integers(0, len(text)))
        text = text[:place] + draw(st.text(max_size=3)) + text[place + draw(st.integers(0, 9)) :]
    return text


def check_shared(shared: Shared, complaints: list[str]) -> None:
    """It can be used, and told again in the same words."""
    assert all(type(complaint) is str for complaint in complaints)
    assert from_query(parts(to_query(shared))) == (shared, [])
    assert parse_link(to_query(shared)) == shared


def check_memory(remembered: tuple[Painted, list[str]] | None) -> None:
    """Nothing, or what can be remembered again."""
    if remembered is None:
        return
    painted, complaints = remembered
    check_shared(painted.shared, complaints)
    image = Image.new("RGB", (20, 20))
    image.info |= to_text(painted)
    again = from_text(image)
    assert again
    assert again[0].shared.settings == painted.shared.settings
    assert (again[0].styles, again[0].steps) == (painted.styles, painted.steps)


@tried(MEMORIES)
@given(text=memories(), chance=st.integers(0, 2**32), packed=st.booleans())
def test_broken_memories(
    tmp_path_factory: pytest.TempPathFactory, text: str, chance: int, packed: bool
) -> None:
    image = Image.new("RGB", (20, 20))
    image.info[KEY] = text
    remembered = from_text(image)
    check_memory(remembered)
    notes, data = PngInfo(), io.BytesIO()
    notes.add_itxt(KEY, text.encode("utf-8", "ignore").decode(), zip=packed)
    image.save(data, "PNG", pnginfo=notes)
    file = tmp_path_factory.getbasetemp() / "memory.png"
    file.write_bytes(data.getvalue())
    if text.encode("utf-8", "ignore").decode() == text and "\0" not in text:
        assert from_file(file) == remembered
    file.write_bytes(mutated(Random(chance), data.getvalue(), list(seeds().values())))
    check_memory(from_file(file))


# Links.


@tried(LINKS)
@given(query=queries())
def test_broken_links(query: str) -> None:
    for asked in (dict(QueryParams(query)), parts(query)):
        for offered in ((), plates()):
            check_shared(*from_query(asked, offered))
    assert isinstance(parse_link(query), Shared)


# Bodies.

PATHS = ["/queue/join", "/run/predict", "/call/paint", "/call/v2/paint", "/call/list_styles"]
PATHS += ["/cancel", "/reset", "/call/begin", "/mcp/"]


@st.composite
def bodies(draw: st.DrawFn, someone: Stranger, photo: str) -> tuple[str, str]:
    """A path and what is sent to it: what the page or programs send, and odd parts."""
    path = draw(st.sampled_from(PATHS))
    event = draw(st.sampled_from(someone.config["dependencies"]))
    body: dict[str, Any] = {
        "fn_index": event["id"],
        "data": someone.filled(event["api_name"]) if event["api_name"] else [],
        "session_hash": someone.seat,
    }
    if path.startswith("/call"):
        body = {"photo": sent(photo), "style": "gold_spirals", "size": 64, "more": "steps=1"}
        if "v2" not in path:
            body = {"data": list(body.values())}
    said = {name: json.dumps(value) for name, value in body.items()}
    names = [*said, "event_data", "trigger_id", "event_id", "simple_format", "request"]
    for name in draw(st.lists(st.sampled_from(names), min_size=1, max_size=2)):
        values = body.get(name)
        if isinstance(values, list) and values and draw(st.integers(0, 3)):
            told = [json.dumps(value) for value in values]
            told[draw(st.integers(0, len(told) - 1))] = draw(raw | queries().map(json.dumps))
            said[name] = f"[{', '.join(told)}]"
        else:
            said[name] = draw(raw)
    text = "{" + ", ".join(f'"{name}": {value}' for name, value in said.items()) + "}"
    return path, draw(raw) if draw(st.integers(0, 9)) == 0 else text


def heard(someone: Stranger, path: str, answer: Any, text: str) -> str:
    """What becomes of an event that was taken."""
    told = answer.json()
    if answer.status_code != 200 or not isinstance(told, dict) or "event_id" not in told:
        return ""
    if path.startswith("/call"):
        with someone.http.stream("GET", f"{path}/{told['event_id']}") as stream:
            return stream.read().decode()
    seat = json.loads(text).get("session_hash") or told["event_id"]
    return someone.listen(str(seat))


def test_broken_bodies(stranger: Stranger) -> None:
    photo = stranger.upload(picture())
    numbers = iter(range(BODIES * 10))

    @tried(BODIES)
    @given(asked=bodies(stranger, photo))
    def ask(asked: tuple[str, str]) -> None:
        path, text = asked
        number = next(numbers)
        # Each from somewhere else: how much one may ask for is tested elsewhere.
        headers = {
            "content-type": "application/json",
            "accept": "application/json, text/event-stream",
            "x-forwarded-for": f"192.0.{number // 250}.{number % 250}",
        }
        content = text.encode("utf-8", "surrogatepass")
        answer = stranger.http.post(path, content=content, headers=headers)
        assert answer.status_code < 500, answer.text
        clear(answer.text)
        clear(heard(stranger, path, answer, text))
        assert stranger.served.process.poll() is None

    ask()
